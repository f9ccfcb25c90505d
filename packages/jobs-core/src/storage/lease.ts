import type { JobRecord, JobRef } from './job-record.ts'

/**
 * Proof of ownership of one claimed job.
 *
 * The token is unguessable and unique per claim of a job: a monotonic epoch and a random part, never
 * the attempt number, because released attempts return their number. A store compares it in every
 * write that follows the claim, and a stale one changes nothing.
 */
export interface Lease extends JobRef {
  readonly token: string
}

/** A job as a claim hands it out: `running`, its attempt counted, its lease running. */
export interface ClaimedJob extends JobRecord, Lease {}

/** What a worker asks of {@link LeaseStore.claim}. */
export interface ClaimRequest {
  readonly queue: string
  /** Jobs that would begin at once. */
  readonly slots: number
  /**
   * Further jobs that may wait in the worker for a moment. A store hands these out only from what
   * no concurrency, rate, limiter, ordering key or concurrency key governs.
   */
  readonly prefetch: number
  /** How long the leases hide the jobs, from the store's now. */
  readonly leaseMs: number
  /** Names the claiming process in the record of its leases; unique per process. */
  readonly worker: string
  /**
   * `false`: only jobs whose last lease did not end with its worker. `true`: at most one job, for a
   * slot, and only one whose last lease did. A job that kills its process is so found alone.
   */
  readonly suspects: boolean
}

/** What a claim found. */
export interface ClaimResult {
  /** In the order in which they should begin. */
  readonly jobs: readonly ClaimedJob[]
  /**
   * In how many milliseconds the store knows that more can be claimed without anyone enqueuing:
   * 0 when it stopped at the limit, `null` when nothing waits for a time. A rate, a pause of a limiter
   * or a breaker that lets a job through again is such a time.
   */
  readonly nextDueInMs: number | null
  /** Whether a job waits that only the end of a lease can make admissible: a concurrency is used up. */
  readonly awaitsRelease: boolean
  /** Whether a suspect (see {@link ClaimRequest.suspects}) could be claimed now. */
  readonly hasSuspects: boolean
}

/**
 * What a heartbeat learned of one lease.
 * - `held`: extended.
 * - `paused`: extended, but one of its scopes is paused: a job that has not begun goes back.
 * - `cancelled`: the job was cancelled while it ran; abort it and settle, which frees its slot.
 * - `lost`: the lease is no longer this worker's; abort at once.
 * - `unanswered`: the part of the store that has it did not answer, and others did; whether it was extended is
 *   unknown. Ask again.
 */
export type LeaseState = 'held' | 'paused' | 'cancelled' | 'lost' | 'unanswered'

/** What a running attempt tells the world. */
export interface AttemptReport {
  readonly lease: Lease
  /** JSON text; replaces the last. */
  readonly progress?: string
  /** Lines to append; the store keeps the newest {@link MAX_LOG_LINES}. */
  readonly log?: readonly string[]
  /** To be remembered: added to the job's `effects`; a key that is there keeps its value. */
  readonly effects?: Readonly<Record<string, string>>
}

/** How many log lines a store keeps per job. */
export const MAX_LOG_LINES = 100
