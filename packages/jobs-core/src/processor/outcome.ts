import { retryDelay } from '../backoff/calculate-retry-delay.ts'
import type { RetryConfig } from '../backoff/retry-policy.ts'
import { JobsError } from '../errors.ts'
import type { DetailsOf } from '../events/job-event.ts'
import { isDuration, retryAfterMs, wholeMs } from '../job/check-job-options.ts'
import type { JobResult } from '../job/job-result.ts'
import type { JobRequest } from '../job/job-request.ts'
import { serialize } from '../job/serialize.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { RuntimePorts } from '../runtime/ports.ts'
import type { ClaimedJob } from '../storage/lease.ts'
import { fail, type Outcome, pauseLimiter, retry, type Settlement } from '../storage/settlement.ts'
import { asError, errorOfFailure, isPermanent, toStoredError } from './stored-error.ts'

/** A handler that snoozes without end is a bug that shows: after so many releases. */
const MAX_RELEASES = 10_000
/**
 * Releases that come no oftener, counted from a job's creation, are not counted. Those of workers that do
 * not know its name come so at the most: a deployment that takes weeks costs no job its snoozes.
 */
const UNCOUNTED_EVERY_MS = 60_000

/** They are stored in one step with the outcome, which must not take long. */
const MAX_FOLLOW_UPS = 1_000

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
    if (followUps.length > MAX_FOLLOW_UPS) {
      return failure(
        `a JobResult has at most ${MAX_FOLLOW_UPS} followUps, not ${followUps.length}: let one follow that enqueues the rest`,
      )
    }
    const { data } = result
    const text = data === undefined ? null : serialize(data, 'result', sizes)
    return { type: 'success', data, result: text, followUps }
  }
  if ('snoozeMs' in result) {
    const ms: unknown = result.snoozeMs
    return isDuration(ms)
      ? { type: 'snooze', ms: wholeMs(ms) }
      : failure('snooze takes a number of milliseconds from 0')
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

/**
 * A failed attempt's settlement: again after a delay, or failed for good. Where a limiter governs the
 * job and the error asks to wait, it is the limiter that waits, and no attempt is spent.
 */
export function settleFailure(
  lease: ClaimedJob,
  error: Error,
  policy: RetryConfig,
  ports: RuntimePorts,
): Settlement {
  const { attempts, limiter } = lease
  if (isPermanent(error)) return fail(lease, toStoredError(error, false))
  const askedMs = askedDelay(error, ports)
  // Without a wait there is nothing to pause, and a job that costs no attempt would run in a circle.
  if (limiter !== null && askedMs !== null && askedMs > 0) return pauseLimiter(lease, askedMs)
  const stored = toStoredError(error, true)
  if (attempts >= policy.maxAttempts) return fail(lease, stored)
  return retry(lease, stored, askedMs ?? backoffAfter(attempts, error, policy, ports))
}

/** A release as the event `released` tells it. */
export function releaseDetails({
  delayMs,
  pauseLimiterMs,
}: Extract<Outcome, { type: 'release' }>): DetailsOf<'released'> {
  return { delayMs, ...(pauseLimiterMs !== undefined && { limiterPausedMs: pauseLimiterMs }) }
}

/** Why a job must not be snoozed again; `null` when it may. */
export function snoozedTooOften(job: ClaimedJob): JobsError | null {
  const { releases, createdAt, startedAt } = job
  const uncounted = ((startedAt ?? createdAt) - createdAt) / UNCOUNTED_EVERY_MS
  if (releases - uncounted < MAX_RELEASES) return null
  return new JobsError(
    'JOBS_RELEASED_TOO_OFTEN',
    `the job was given back ${releases} times without an attempt that counted`,
  )
}

/** How long the error asks to wait; `null` when it says nothing of the kind. */
function askedDelay(error: Error, { clock }: RuntimePorts): number | null {
  const { retryAfter } = error as { readonly retryAfter?: unknown }
  return retryAfter === undefined ? null : retryAfterMs(retryAfter, clock.now())
}

function backoffAfter(
  attempt: number,
  error: Error,
  policy: RetryConfig,
  ports: RuntimePorts,
): number {
  try {
    const delay = retryDelay(policy, attempt, error, ports.random)
    if (isDuration(delay)) return delay
  } catch {
    // A backoff function that throws must not turn a retry into something else.
  }
  return wholeMs(policy.initialDelay)
}
