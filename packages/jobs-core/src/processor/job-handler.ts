import type { Job } from '../job/job.ts'
import type { JobResult } from '../job/job-result.ts'

/** What an attempt may know and do beside its job: the handler's second argument. */
export interface AttemptContext {
  /**
   * Aborts when the job is cancelled, its time is up, its lease is lost or the worker's grace period
   * ends. `signal.reason` is a `JobsError` that says which. Hand it to `fetch` and the like.
   */
  readonly signal: AbortSignal
  /** This attempt's number, from 1. */
  readonly attempt: number
  readonly tenantId: string | undefined
  /** Stores how far the attempt has come (JSON, at most 64 KiB), for others to read. */
  readonly progress: (value: unknown) => void
  /** Appends a line to the job's log (at most 1,000 characters; the newest 100 lines are kept). */
  readonly log: (line: string) => void
  /**
   * Keeps the job leased for at least so long from now, before work that blocks the event loop.
   * Ordinary waiting needs none of it: leases are renewed by themselves.
   *
   * @throws {@link JobsError} `JOBS_LEASE_LOST` when the job is no longer this attempt's.
   */
  readonly extendLease: (ms: number) => Promise<void>
  /**
   * The job's headers, for you to read and to change. Changes are stored with the attempt's outcome,
   * whatever it is, so that the next attempt sees them, and follow-ups inherit them. Headers that break
   * a rule of `JobOptions.headers` fail an attempt that would have succeeded, and are not stored with
   * one that fails anyway.
   */
  readonly headers: Record<string, string>
  /**
   * Runs `effect` and remembers what it returned (JSON, at most 64 KiB) with the job: this and every
   * later attempt, of every generation, gets the remembered value instead of running it again. Calls of
   * one attempt with the same key share one run. What rejects is not remembered.
   *
   * When this resolves, the result is stored. A process that dies between the effect and its record
   * leaves no record, and the next attempt runs the effect again, with the same `idempotencyKey`: pass
   * that on to services that know such keys.
   *
   * @param key - names the effect within the job; at most 100 per job.
   * @throws {@link JobsError} `JOBS_INVALID_KEY`, `JOBS_VALUE_*`; the signal's reason or
   * `JOBS_LEASE_LOST` where the attempt is over: nothing is run or recorded then.
   */
  readonly once: <T>(key: string, effect: Effect<T>) => Promise<Remembered<T>>
  /**
   * For the callback job of a group: the group's members with their results, the last enqueued first,
   * read page by page. A group nested in it is here as its own callback's job, whose result is what that
   * callback made of its members; they themselves are not, and may be forgotten by now. A nested group
   * without a callback is not here.
   *
   * @throws {@link JobsError} `JOBS_INVALID_OPTION` for any other job.
   */
  readonly members: () => AsyncIterable<Job<unknown>>
}

/** What {@link AttemptContext.once} is to do at most once, as far as is in its power. */
export type Effect<T> = (call: {
  /** Names this effect of this job, in every attempt: at most 255 printable ASCII characters. */
  readonly idempotencyKey: string
}) => T | Promise<T>

/** A value as it is remembered: JSON has no `undefined`, so it comes back as `null`. */
export type Remembered<T> = T extends undefined | void ? null : T

/**
 * Does one attempt of a job. It may run more than once for the same job, so its effects should be
 * safe to repeat.
 */
export type JobHandler<TPayload = Record<string, unknown>, TResult = unknown> = (
  job: Job<TPayload>,
  context: AttemptContext,
) => JobResult<TResult> | Promise<JobResult<TResult>>
