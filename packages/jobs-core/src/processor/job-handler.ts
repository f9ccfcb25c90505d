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
}

/**
 * Does one attempt of a job. It may run more than once for the same job, so its effects should be
 * safe to repeat.
 */
export type JobHandler<TPayload = Record<string, unknown>, TResult = unknown> = (
  job: Job<TPayload>,
  context: AttemptContext,
) => JobResult<TResult> | Promise<JobResult<TResult>>
