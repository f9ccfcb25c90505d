import type { AnyJobDefinition, PayloadOf, ResultOf } from '../job/define-job.ts'
import type { Job, JobOptions } from '../job/job.ts'
import type { JobRequest } from '../job/job-request.ts'
import type { JobEventListener, JobEventType } from '../events/job-event.ts'
import type { EnqueueMiddleware } from '../middleware/enqueue-middleware.ts'
import type { WaitOptions } from './wait-for-job.ts'
import type { GroupMember, GroupOptions } from './group-request.ts'
import type { EnqueuedGroup, JobGroup } from './job-group.ts'
import type { Schedule, Schedules, ScheduleSpec } from '../schedule/schedule.ts'
import type { JobStatus, JobStore } from '../storage/job-store.ts'
import type { JobAddress } from './job-address.ts'
import type { JobSelection } from './job-selection.ts'
import type { OperatorCalls } from './operator-calls.ts'
import type { TenantQueue } from './tenant-queue.ts'

/** Which jobs {@link JobQueue.listJobs} returns. */
export interface JobListFilter extends JobSelection {
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

/**
 * A named queue on a store. Two queue objects of one name on one store are the same queue, in one
 * process or many. Making one does no I/O.
 *
 * @typeParam TJobs - job names and their payloads; see `JobsOf`. By default any name, any payload.
 */
export interface JobQueue<TJobs extends object = Record<string, unknown>> extends OperatorCalls {
  readonly name: string
  readonly store: JobStore

  /**
   * Makes a job durable, by its definition or by its name. Calls made while the store is busy travel
   * together; each resolves when its own job is stored, and a bad one fails only its own caller.
   *
   * @throws {@link JobsError} `JOBS_VALUE_*`, `JOBS_INVALID_*`, `JOBS_TENANT_REQUIRED`,
   * `JOBS_ID_CONFLICT`; with `retryable`: `JOBS_BACKLOG_FULL`, `JOBS_STORE_UNAVAILABLE`,
   * `JOBS_STORE_TIMEOUT` (the outcome is then unknown; a `jobId` makes the repeat safe).
   */
  enqueue<
    TJob extends AnyJobDefinition | Extract<keyof TJobs, string>,
    TPayload extends PayloadOf<TJob, TJobs>,
    TResult = ResultOf<TJob>,
  >(
    job: TJob,
    payload: TPayload,
    options?: JobOptions,
  ): Promise<Job<TPayload, TResult>>

  /**
   * Makes jobs durable, all or none, in one step; answers in the order of the input.
   *
   * @throws as {@link JobQueue.enqueue}; the message names the index of the job that is wrong.
   */
  enqueueMany(jobs: readonly JobRequest[]): Promise<Job<unknown>[]>

  /**
   * Makes jobs durable, all or none, and one more once they have all ended: `onComplete` when all
   * completed, else what `onAnyFailed` says. A member may be a group itself, and counts as one.
   *
   * At most 10,000 members a call, nested ones included, and 32 levels. They are of one tenant.
   *
   * @throws as {@link JobQueue.enqueue}, the message naming the member; `JOBS_INVALID_OPTION` for
   * members with a `jobId` or a `uniqueKey`; `JOBS_DEPENDENCY_CYCLE` for a group that contains itself.
   */
  enqueueGroup(members: readonly GroupMember[], options: GroupOptions): Promise<EnqueuedGroup>

  /**
   * `null` when no such group is retained in the tenant.
   *
   * @param group - its id, within the current tenant; or an object that says whose it is.
   */
  getGroup(group: JobAddress): Promise<JobGroup | null>

  /** The schedules of the queue. Ticks fire while a processor of the queue runs, in any process. */
  readonly schedules: Schedules

  /**
   * Makes or changes a schedule: each of its ticks makes exactly one job (or one for each tenant),
   * whatever number of processes look after it and whenever one of them is killed.
   *
   * Safe to call at each start: what is there already and is the same stays as it is. A change of what
   * runs counts from the next job on. Before a change of times, the ticks that are due by the old ones
   * are dealt with. A paused schedule stays paused.
   *
   * @param id - unique within the queue and the tenant: `options.tenantId`, else the current one.
   * @throws {@link JobsError} `JOBS_INVALID_SCHEDULE`, `JOBS_INVALID_JOB_ID`, and as
   * {@link JobQueue.enqueue}
   *
   * @example
   * ```ts
   * await queue.schedule('nightly-report', {
   *   job: 'report',
   *   payload: { kind: 'daily' },
   *   cron: '30 2 * * *',
   *   timezone: 'Europe/London',
   * })
   * ```
   */
  schedule<
    TJob extends AnyJobDefinition | Extract<keyof TJobs, string>,
    TPayload extends PayloadOf<TJob, TJobs>,
  >(
    id: string,
    spec: ScheduleSpec<TJob, TPayload>,
  ): Promise<Schedule>

  /** `null` when no such job is retained in the tenant. */
  getJob(job: JobAddress): Promise<Job<unknown> | null>

  /** One page of jobs, newest first. */
  listJobs(filter?: JobStatus | JobListFilter): Promise<JobPage>

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
   * or whose worker has not let go of it yet; `JOBS_KEY_TAKEN` where another job holds its unique key.
   */
  retryJob(job: JobAddress): Promise<Job<unknown>>

  /**
   * Deletes a job that no worker holds.
   *
   * @throws {@link JobsError} `JOBS_NOT_FOUND`; `JOBS_ILLEGAL_TRANSITION` while a worker holds it.
   */
  removeJob(job: JobAddress): Promise<void>

  /**
   * Waits until a job has ended, in whichever process, and resolves with what its handler returned as
   * `data`. Waiting looks at the store, soon at first and once a second in the end, for all waits of
   * this process together; a job that ends in this process is noticed at once.
   *
   * @typeParam TResult - the type of the job's result; a claim, taken from the job where it is typed.
   * @throws {@link JobsError} `JOBS_JOB_FAILED`, its `cause` the job's error; `JOBS_CANCELLED`;
   * `JOBS_NOT_FOUND` for a job that never was or is not retained any more, as one of a definition with
   * `discard`; `JOBS_WAIT_TIMEOUT` with `retryable`; the reason of `signal`.
   */
  waitFor<TResult = unknown>(
    job: JobAddress | Job<unknown, TResult>,
    options?: WaitOptions,
  ): Promise<TResult>

  /**
   * Calls the listener with each event of a type that happens in this process, through whichever
   * object of this queue: an enqueue call stored a job, a processor ran one. An event is told once the
   * store has answered, so what it says is stored; what other processes do is not told. Listeners run
   * in the tenant of the job. What they throw is logged and changes nothing.
   *
   * @returns a function that ends it.
   * @throws {@link JobsError} `JOBS_INVALID_OPTION` for a type that there is not.
   *
   * @example
   * ```ts
   * const off = queue.on('failed', ({ job, error }) => alert(`${job.name}: ${error.message}`))
   * ```
   */
  on<TType extends JobEventType>(type: TType, listener: JobEventListener<TType>): () => void

  /**
   * Adds a middleware to the enqueue calls of this queue object; the first added is the outermost. Each
   * job of `enqueue`, `enqueueMany` and `enqueueGroup` passes it before its payload and options are
   * checked, as calls made afterwards find it. Follow-ups, callbacks of groups and the jobs of schedules
   * do not pass it.
   *
   * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for what is not a function.
   *
   * @example
   * ```ts
   * queue.use(async (draft, _context, next) => {
   *   draft.options.headers['request-id'] = currentRequestId()
   *   await next()
   * })
   * ```
   */
  use(middleware: EnqueueMiddleware): void

  /**
   * The queue as one tenant has it: the same calls, which can neither see nor touch the jobs of anybody
   * else, wherever they are made. Does no I/O.
   *
   * @throws {@link JobsError} `JOBS_INVALID_TENANT_ID`
   *
   * @example
   * ```ts
   * const shop = queue.forTenant('rawdog')
   * await shop.enqueue('process-order', { orderId: 'order_123' })
   * await shop.listJobs('failed') // of rawdog alone
   * ```
   */
  forTenant(tenantId: string): TenantQueue<TJobs>

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
