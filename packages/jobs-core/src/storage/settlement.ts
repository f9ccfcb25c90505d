import type { StoredError } from './job-record.ts'
import type { Lease } from './lease.ts'
import type { NewJob } from './new-job.ts'

/** How an attempt ends. */
export type Outcome =
  | { readonly type: 'complete'; readonly result: string | null }
  /** The attempt is spent; the job waits for another. */
  | { readonly type: 'retry'; readonly delayMs: number; readonly error: StoredError }
  /** The attempt is given back: snooze, drain, unknown name, an outside API that asks to wait. */
  | {
      readonly type: 'release'
      readonly delayMs: number
      /** No job of the job's limiter and tenant starts for so long; a longer pause stays. */
      readonly pauseLimiterMs?: number
    }
  | { readonly type: 'fail'; readonly error: StoredError }

/** The end of one attempt, fenced by its lease. Make one with {@link complete} and its siblings. */
export interface Settlement {
  readonly lease: Lease
  readonly outcome: Outcome
  /** Enqueued if and only if the outcome is recorded, atomically with it. Same queue and tenant. */
  readonly followUps: readonly NewJob[]
  /** Keep no history of this job once it has ended. */
  readonly discard: boolean
  /** Replaces the job's headers, where the attempt changed them. */
  readonly headers?: string
}

/**
 * What a store answered to one settlement.
 * - `settled`: recorded, now or by an earlier call with the same token whose reply was lost.
 * - `cancelled`: the job had been cancelled; nothing was recorded, and its slot is free now.
 * - `lost`: the lease was no longer current; nothing was changed.
 * - {@link FollowUpConflict}: a follow-up was refused; nothing was changed, and the lease is still held.
 * - `unanswered`: the part of the store that has the job did not answer, and others did; whether it was recorded
 *   is unknown. Ask again.
 */
export type SettleResult = 'settled' | 'cancelled' | 'lost' | FollowUpConflict | 'unanswered'

/** A follow-up's `jobId` belongs to a job of another name or payload. */
export interface FollowUpConflict {
  readonly status: 'conflict'
  /** The follow-up's place among the settlement's. */
  readonly index: number
  readonly holderName: string
}

const NO_JOBS: readonly NewJob[] = []

/** The attempt succeeded; `result` is JSON text. */
export function complete(
  lease: Lease,
  result: string | null = null,
  extra: { readonly followUps?: readonly NewJob[]; readonly discard?: boolean } = {},
): Settlement {
  return {
    lease,
    outcome: { type: 'complete', result },
    followUps: extra.followUps ?? NO_JOBS,
    discard: extra.discard ?? false,
  }
}

/** The attempt failed and another follows after `delayMs` by the store's clock. */
export function retry(lease: Lease, error: StoredError, delayMs: number): Settlement {
  return { lease, outcome: { type: 'retry', delayMs, error }, followUps: NO_JOBS, discard: false }
}

/** The claim is given back; its attempt is not spent, and the job may be claimed after `delayMs`. */
export function release(lease: Lease, delayMs = 0): Settlement {
  return { lease, outcome: { type: 'release', delayMs }, followUps: NO_JOBS, discard: false }
}

/**
 * What is behind the job's limiter asks to wait: the claim is given back, and no job of the limiter and
 * tenant starts before `pauseLimiterMs` have passed by the store's clock.
 */
export function pauseLimiter(lease: Lease, pauseLimiterMs: number): Settlement {
  const outcome = { type: 'release', delayMs: 0, pauseLimiterMs } as const
  return { lease, outcome, followUps: NO_JOBS, discard: false }
}

/** The job failed for good. */
export function fail(lease: Lease, error: StoredError, discard = false): Settlement {
  return { lease, outcome: { type: 'fail', error }, followUps: NO_JOBS, discard }
}
