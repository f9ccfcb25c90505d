import type { JobRequest } from './job-request.ts'

/** The attempt succeeded. */
export interface JobSuccess<TData = unknown> {
  readonly success: true
  /** Stored as the job's `result`; must be JSON. */
  readonly data?: TData
  readonly error?: undefined
  /**
   * Jobs that come to exist if and only if this outcome is recorded, atomically with it. They go to
   * the same queue and tenant. At most 1,000.
   */
  readonly followUps?: readonly JobRequest[]
}

/** The attempt failed. The job is retried by its policy unless `retryable` is `false`. */
export interface JobFailure {
  readonly success: false
  readonly data?: undefined
  readonly error: {
    readonly message: string
    readonly code?: string
    /** @defaultValue true */
    readonly retryable?: boolean
    /**
     * Milliseconds from now, or the instant. Overrides the backoff; of a job with a limiter, pauses the
     * limiter for the tenant and gives the attempt back.
     */
    readonly retryAfter?: number | Date
  }
}

/** The attempt is given back; see {@link snooze}. */
export interface JobSnooze {
  readonly success: false
  readonly snoozeMs: number
  readonly data?: undefined
  readonly error?: undefined
}

/** What a handler returns. Returning nothing is a compile error, and a failure at run time. */
export type JobResult<TData = unknown> = JobSuccess<TData> | JobFailure | JobSnooze

/**
 * Gives the attempt back: the job waits `ms` and is then run again, with no attempt spent.
 *
 * @example
 * ```ts
 * if (!payout.settled) return snooze(60 * 60 * 1000)
 * ```
 */
export function snooze(ms: number): JobSnooze {
  return { success: false, snoozeMs: ms }
}
