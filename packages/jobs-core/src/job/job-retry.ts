import { type Backoff, DEFAULT_RETRY, type RetryConfig } from '../backoff/retry-policy.ts'
import type { JobRecord } from '../storage/job-record.ts'
import type { AnyJobDefinition } from './define-job.ts'

/** How many attempts the jobs of a definition have. */
export function maxAttemptsOf(definition: AnyJobDefinition | undefined): number {
  if (definition === undefined) return DEFAULT_RETRY.maxAttempts
  const { options, retry } = definition
  return options?.maxAttempts ?? retry?.maxAttempts ?? DEFAULT_RETRY.maxAttempts
}

/** The retry policy of a definition, with the defaults filled in. */
export function retryOf(definition: AnyJobDefinition | undefined): RetryConfig {
  const { options, retry } = definition ?? {}
  const initialDelay = options?.retryDelay ?? retry?.initialDelay ?? DEFAULT_RETRY.initialDelay
  return {
    maxAttempts: maxAttemptsOf(definition),
    backoff: retry?.backoff ?? DEFAULT_RETRY.backoff,
    initialDelay,
    maxDelay: retry?.maxDelay ?? defaultMaxDelay(retry?.backoff, initialDelay),
    jitter: retry?.jitter ?? DEFAULT_RETRY.jitter,
  }
}

const DAY_MS = 24 * 60 * 60 * 1000

// Who chooses the delays, or begins with one of two hours, does not mean the default's one minute.
function defaultMaxDelay(backoff: Backoff | undefined, initialDelay: number): number {
  if (typeof backoff === 'function') return Infinity
  if (initialDelay <= DEFAULT_RETRY.maxDelay) return DEFAULT_RETRY.maxDelay
  return Math.max(initialDelay, DAY_MS)
}

/** The policy for one job: what its enqueue call said wins. */
export function retryFor(policy: RetryConfig, record: JobRecord): RetryConfig {
  const { maxAttempts, retryDelayMs } = record
  if (maxAttempts === null && retryDelayMs === null) return policy
  return {
    ...policy,
    maxAttempts: maxAttempts ?? policy.maxAttempts,
    initialDelay: retryDelayMs ?? policy.initialDelay,
    maxDelay: Math.max(policy.maxDelay, retryDelayMs ?? 0),
  }
}
