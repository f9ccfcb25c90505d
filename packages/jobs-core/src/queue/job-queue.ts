import type { AnyJobDefinition, InputOf } from '../job/define-job.ts'
import type { Job, JobOptions } from '../job/job.ts'
import type { JobRequest } from '../job/job-request.ts'
import type { JobCounts, JobStatus, JobStore } from '../storage/job-store.ts'

/**
 * One job: its id, within the current tenant (outside of one, among the jobs without a tenant); or an
 * object that says whose it is, such as the job itself. An object without `tenantId` means a job
 * without a tenant, wherever the call is made.
 */
export type JobAddress =
  string | { readonly id: string; readonly tenantId?: string | null | undefined }

/** Which tenant's jobs a call means: a tenant, or `null` for jobs without one. */
export interface TenantChoice {
  /** @defaultValue the current tenant (see `withTenant`); outside of one, every tenant */
  readonly tenantId?: string | null
}

/** Which jobs {@link JobQueue.listJobs} returns. */
export interface JobListFilter extends TenantChoice {
  readonly status?: JobStatus | readonly JobStatus[]
  readonly name?: string | readonly string[]
  /** From 1 to 1,000. @defaultValue 100 */
  readonly limit?: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined
}

/** Jobs, newest first, and the way to the next page. */
export interface JobPage extends Array<Job<unknown>> {
  /** Absent on the last page. */
  readonly nextCursor?: string
}

/** How {@link JobQueue.dequeue} holds what it takes. */
export interface DequeueOptions {
  /** How long the jobs stay yours without {@link JobQueue.acknowledge}. @defaultValue 30000 */
  readonly leaseMs?: number
}

// One signature instead of an overload for names and one for definitions: of overloads the compiler
// explains the last alone, and a wrong payload would be reported as a wrong name.
type PayloadOf<TJob, TJobs extends object> = TJob extends keyof TJobs ? TJobs[TJob] : InputOf<TJob>

/**
 * A named queue on a store. Two queue objects of one name on one store are the same queue, in one
 * process or many. Making one does no I/O.
 *
 * @typeParam TJobs - job names and their payloads; see `JobsOf`. By default any name, any payload.
 */
export interface JobQueue<TJobs extends object = Record<string, unknown>> {
  readonly name: string
  readonly store: JobStore

  /**
   * Makes a job durable, by its definition or by its name. Calls made while the store is busy travel
   * together; each resolves when its own job is stored, and a bad one fails only its own caller.
   *
   * @throws {@link JobsError} `JOBS_VALUE_*`, `JOBS_INVALID_*`, `JOBS_TENANT_REQUIRED`,
   * `JOBS_ID_CONFLICT`; with `retryable`: `JOBS_STORE_UNAVAILABLE`, `JOBS_STORE_TIMEOUT` (the outcome
   * is then unknown; a `jobId` makes the repeat safe).
   */
  enqueue<
    TJob extends AnyJobDefinition | Extract<keyof TJobs, string>,
    TPayload extends PayloadOf<TJob, TJobs>,
  >(
    job: TJob,
    payload: TPayload,
    options?: JobOptions,
  ): Promise<Job<TPayload>>

  /**
   * Makes jobs durable, all or none, in one step; answers in the order of the input.
   *
   * @throws as {@link JobQueue.enqueue}; the message names the index of the job that is wrong.
   */
  enqueueMany(jobs: readonly JobRequest[]): Promise<Job<unknown>[]>

  /** `null` when no such job is retained in the tenant. */
  getJob(job: JobAddress): Promise<Job<unknown> | null>

  /** One page of jobs, newest first. */
  listJobs(filter?: JobStatus | JobListFilter): Promise<JobPage>

  /** How many jobs have each status. */
  counts(choice?: TenantChoice): Promise<JobCounts>

  /**
   * Ends a job that has not ended. A waiting job never starts afterwards; a running one is `cancelled`
   * at once, its signal aborts on whichever worker holds it, and its result is refused. Cancelling a
   * cancelled job returns it.
   *
   * @throws {@link JobsError} `JOBS_NOT_FOUND`; `JOBS_ILLEGAL_TRANSITION` for a completed or failed job.
   */
  cancelJob(job: JobAddress): Promise<Job<unknown>>

  /**
   * Begins a new generation of a failed or cancelled job: due now, no attempts spent.
   *
   * @throws {@link JobsError} `JOBS_NOT_FOUND`; `JOBS_ILLEGAL_TRANSITION` for a job in another status,
   * or whose worker has not let go of it yet.
   */
  retryJob(job: JobAddress): Promise<Job<unknown>>

  /**
   * Deletes a job that no worker holds.
   *
   * @throws {@link JobsError} `JOBS_NOT_FOUND`; `JOBS_ILLEGAL_TRANSITION` while a worker holds it.
   */
  removeJob(job: JobAddress): Promise<void>

  /** When this resolves no job of the queue starts, in any process; running ones finish. */
  pause(): Promise<void>
  /** Lifts the pause of the queue. */
  resume(): Promise<void>
  /** Whether the queue is paused. */
  isPaused(): Promise<boolean>

  /**
   * Takes up to `limit` due jobs for you to run by hand. They are `running` and yours until
   * {@link JobQueue.acknowledge} or until the lease ends; nothing renews it.
   *
   * @param limit - from 1 to 1,000. @defaultValue 10
   */
  dequeue(limit?: number, options?: DequeueOptions): Promise<Job<unknown>[]>

  /**
   * Ends the attempt of a job that this queue object dequeued. `'failed'` retries it by its policy.
   *
   * @param job - by id alone it is found among the jobs this object holds, whatever their tenant.
   * @throws {@link JobsError} `JOBS_LEASE_LOST` when the job is not (or no longer) this object's; with
   * `retryable`, when the store did not answer: acknowledge again.
   */
  acknowledge(job: JobAddress, outcome: 'completed' | 'failed', error?: Error): Promise<void>
}
