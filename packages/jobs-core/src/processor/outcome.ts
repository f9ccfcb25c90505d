import { retryDelay } from '../backoff/calculate-retry-delay.ts'
import type { RetryConfig } from '../backoff/retry-policy.ts'
import { JobsError } from '../errors.ts'
import { isDuration, retryAfterMs, wholeMs } from '../job/check-job-options.ts'
import type { JobResult } from '../job/job-result.ts'
import type { JobRequest } from '../job/job-request.ts'
import { serialize } from '../job/serialize.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { RuntimePorts } from '../runtime/ports.ts'
import type { Lease } from '../storage/lease.ts'
import { fail, retry, type Settlement } from '../storage/settlement.ts'
import { asError, errorOfFailure, isPermanent, toStoredError } from './stored-error.ts'

/** A snoozed job may come back this often; a handler that snoozes for ever is a bug that shows. */
const MAX_RELEASES = 10_000

/** What a handler's return value means. */
export type Reading =
  | {
      readonly type: 'success'
      readonly data: unknown
      /** JSON text. */
      readonly result: string | null
      readonly followUps: readonly JobRequest[]
    }
  | { readonly type: 'snooze'; readonly ms: number }
  | { readonly type: 'failure'; readonly error: Error }

/** Reads a handler's return value; never throws. */
export function readResult(value: unknown, sizes: SizeLimits): Reading {
  try {
    return read(value, sizes)
  } catch (error) {
    return { type: 'failure', error: asError(error) }
  }
}

function read(value: unknown, sizes: SizeLimits): Reading {
  if (typeof value !== 'object' || value === null || !('success' in value)) {
    return failure(
      'Jobs must return JobResult: { success: true, data } or { success: false, error }',
    )
  }
  const result = value as JobResult
  if (result.success === true) {
    const followUps = result.followUps ?? []
    if (!Array.isArray(followUps)) return failure('followUps of a JobResult must be an array')
    const { data } = result
    const text = data === undefined ? null : serialize(data, 'result', sizes)
    return { type: 'success', data, result: text, followUps }
  }
  if ('snoozeMs' in result) {
    const ms = retryAfterMs(result.snoozeMs, 0)
    return ms === null
      ? failure('snooze takes a number of milliseconds from 0')
      : { type: 'snooze', ms }
  }
  if (result.success === false && typeof result.error === 'object' && result.error !== null) {
    return { type: 'failure', error: errorOfFailure(result.error) }
  }
  return failure('Jobs must return JobResult: { success: false } needs an error with a message')
}

function failure(message: string): Reading {
  return {
    type: 'failure',
    error: new JobsError('JOBS_INVALID_RESULT', message, { retryable: true }),
  }
}

/** A failed attempt's settlement: again after a delay, or failed for good. */
export function settleFailure(
  lease: Lease,
  attempt: number,
  error: Error,
  policy: RetryConfig,
  ports: RuntimePorts,
): Settlement {
  const permanent = isPermanent(error)
  const stored = toStoredError(error, !permanent)
  if (permanent || attempt >= policy.maxAttempts) return fail(lease, stored)
  return retry(lease, stored, delayAfter(attempt, error, policy, ports))
}

/** Why a job must not be snoozed again; `null` when it may. */
export function snoozedTooOften(releases: number): JobsError | null {
  if (releases < MAX_RELEASES) return null
  return new JobsError(
    'JOBS_RELEASED_TOO_OFTEN',
    `the job was given back ${releases} times without an attempt that counted`,
  )
}

function delayAfter(
  attempt: number,
  error: Error,
  policy: RetryConfig,
  ports: RuntimePorts,
): number {
  const { retryAfter } = error as { readonly retryAfter?: unknown }
  const asked = retryAfter === undefined ? null : retryAfterMs(retryAfter, ports.clock.now())
  if (asked !== null) return asked
  try {
    const delay = retryDelay(policy, attempt, error, ports.random)
    if (isDuration(delay)) return delay
  } catch {
    // A backoff function that throws must not turn a retry into something else.
  }
  return wholeMs(policy.initialDelay)
}
