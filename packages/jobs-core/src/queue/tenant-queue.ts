import type { JobEvent, JobEventType } from '../events/job-event.ts'
import type { AnyJobDefinition, PayloadOf, ResultOf } from '../job/define-job.ts'
import type { JobRequest } from '../job/job-request.ts'
import type { Job, TenantJobOptions } from '../job/job.ts'
import type { DrainOptions } from '../limits/drain.ts'
import type {
  LimitChanges,
  LimitListFilter,
  LimitStatus,
  QueueScope,
  StatedLimits,
} from '../limits/limit-options.ts'
import type {
  Schedule,
  ScheduleJobOptions,
  ScheduleListFilter,
  ScheduleSpec,
  ScheduleTimes,
} from '../schedule/schedule.ts'
import type { JobCounts, JobStatus } from '../storage/job-store.ts'
import type { GroupCallbacks, GroupMember } from './group-request.ts'
import type { EnqueuedGroup, JobGroup } from './job-group.ts'
import type { JobListFilter } from './job-queue.ts'
import type { JobSelection } from './job-selection.ts'
import type { BulkAnswer, BulkOptions, ProgressOptions, RemoveOptions } from './operator-calls.ts'
import type { WaitOptions } from './wait-for-job.ts'

/** A type without its tenant; what names one is not of this type. */
type Tenantless<T> = Omit<T, 'tenantId'> & { readonly tenantId?: never }

/** A job as a {@link TenantQueue} shows it. */
export type TenantJob<TPayload = Record<string, unknown>, TResult = unknown> = Omit<
  Job<TPayload, TResult>,
  'tenantId'
>

/** One job, group or schedule of the tenant: its id, or what the {@link TenantQueue} returned. */
export type TenantAddress = string | { readonly id: string; readonly tenantId?: never }

/** A job to be made by a {@link TenantQueue}; see `jobRequest`. */
export type TenantJobRequest = JobRequest<TenantJobOptions>

/** What a group of a {@link TenantQueue} may wait for. */
export type TenantGroupMember = GroupMember<TenantJobRequest>

/** What `enqueueGroup` of a {@link TenantQueue} takes beside the members; see `GroupOptions`. */
export interface TenantGroupOptions extends GroupCallbacks<TenantJobRequest> {
  readonly groupId?: string
  readonly tenantId?: never
}

/** A group as a {@link TenantQueue} shows it. */
export type TenantGroup = Omit<JobGroup, 'tenantId'>

/** What `enqueueGroup` of a {@link TenantQueue} made; see `EnqueuedGroup`. */
export interface TenantEnqueuedGroup extends TenantGroup {
  readonly jobs: readonly TenantJob<unknown>[]
  readonly groups: readonly TenantEnqueuedGroup[]
  readonly duplicate?: EnqueuedGroup['duplicate'] & {}
}

/** Which jobs of the tenant a call means; see `JobSelection`. */
export type TenantSelection = Tenantless<JobSelection>

/** Which jobs of the tenant `listJobs` returns; see `JobListFilter`. */
export type TenantJobListFilter = Tenantless<JobListFilter>

/** One page of jobs; see `JobPage`. */
export interface TenantJobPage extends Array<TenantJob<unknown>> {
  readonly nextCursor?: string
}

/** What became of the jobs of a selection; see `BulkAnswer`. */
export interface TenantBulkAnswer extends Omit<BulkAnswer, 'jobs'> {
  readonly jobs: readonly TenantJob<unknown>[]
}

/** The tenant, or its jobs of one limiter or one key; see `QueueScope`. */
export type TenantScope = Tenantless<QueueScope>

/** What was said about a scope of the tenant; see `StatedLimits`. */
export type TenantStatedLimits = Omit<StatedLimits, 'scope'> & { readonly scope: TenantScope }

/** How a scope of the tenant stands; see `LimitStatus`. */
export type TenantLimitStatus = Omit<LimitStatus, 'scope'> & { readonly scope: TenantScope }

/** One page of what was said about scopes of the tenant; see `LimitPage`. */
export interface TenantLimitPage extends Array<TenantStatedLimits> {
  readonly nextCursor?: string
}

/** An event of a job of the tenant; see `JobEvent`. */
export type TenantJobEvent<TType extends JobEventType = JobEventType> = {
  [T in TType]: Omit<JobEvent<T>, 'job'> & { readonly job: TenantJob<unknown> }
}[TType]

/** What a schedule of the tenant is to run, and when; see `ScheduleSpec`. */
export type TenantScheduleSpec<TJob = string | AnyJobDefinition, TPayload = unknown> = ScheduleSpec<
  TJob,
  TPayload,
  Tenantless<ScheduleJobOptions>
> & { readonly forEach?: never }

/** A schedule as a {@link TenantQueue} shows it. */
export type TenantSchedule = Omit<Schedule, 'tenantId'>

/** One page of schedules; see `SchedulePage`. */
export interface TenantSchedulePage extends Array<TenantSchedule> {
  readonly nextCursor?: string
}

/** The schedules of one tenant; each call as of `Schedules`. Those without a tenant are not among them. */
export interface TenantSchedules {
  get(schedule: TenantAddress): Promise<TenantSchedule | null>
  list(filter?: Tenantless<ScheduleListFilter>): Promise<TenantSchedulePage>
  pause(schedule: TenantAddress): Promise<TenantSchedule>
  resume(schedule: TenantAddress): Promise<TenantSchedule>
  runNow(schedule: TenantAddress): Promise<TenantJob<unknown>>
  preview(schedule: TenantAddress | ScheduleTimes, count?: number): Promise<Date[]>
  remove(schedule: TenantAddress): Promise<void>
}

/**
 * A queue as one tenant has it: see `JobQueue.forTenant`. Each call is that of `JobQueue`, for the jobs,
 * groups, schedules and limits of this tenant, whatever tenant it is made in. No other tenant's can be
 * seen or touched, and none without a tenant: where something names another, the call is refused with
 * `JOBS_FOREIGN_TENANT`, and does not compile.
 *
 * @typeParam TJobs - as of `JobQueue`.
 */
export interface TenantQueue<TJobs extends object = Record<string, unknown>> {
  /** The queue's. */
  readonly name: string
  /** Whose queue it is. */
  readonly tenantId: string

  enqueue<
    TJob extends AnyJobDefinition | Extract<keyof TJobs, string>,
    TPayload extends PayloadOf<TJob, TJobs>,
    TResult = ResultOf<TJob>,
  >(
    job: TJob,
    payload: TPayload,
    options?: TenantJobOptions,
  ): Promise<TenantJob<TPayload, TResult>>
  enqueueMany(jobs: readonly TenantJobRequest[]): Promise<TenantJob<unknown>[]>
  enqueueGroup(
    members: readonly TenantGroupMember[],
    options: TenantGroupOptions,
  ): Promise<TenantEnqueuedGroup>
  getGroup(group: TenantAddress): Promise<TenantGroup | null>

  readonly schedules: TenantSchedules
  schedule<
    TJob extends AnyJobDefinition | Extract<keyof TJobs, string>,
    TPayload extends PayloadOf<TJob, TJobs>,
  >(
    id: string,
    spec: TenantScheduleSpec<TJob, TPayload>,
  ): Promise<TenantSchedule>

  getJob(job: TenantAddress): Promise<TenantJob<unknown> | null>
  listJobs(filter?: JobStatus | TenantJobListFilter): Promise<TenantJobPage>
  exportJobs(selection?: TenantSelection): AsyncIterable<string>
  counts(selection?: TenantSelection, options?: ProgressOptions): Promise<JobCounts>
  oldestAge(selection?: TenantSelection, options?: ProgressOptions): Promise<number | null>
  waitFor<TResult = unknown>(
    job: TenantAddress | (TenantJob<unknown, TResult> & { readonly tenantId?: never }),
    options?: WaitOptions,
  ): Promise<TResult>
  /** Events of jobs of this tenant alone. */
  on<TType extends JobEventType>(
    type: TType,
    listener: (event: TenantJobEvent<TType>) => unknown,
  ): () => void

  cancelJob(job: TenantAddress): Promise<TenantJob<unknown>>
  retryJob(job: TenantAddress): Promise<TenantJob<unknown>>
  removeJob(job: TenantAddress): Promise<void>
  /** @param filter - must not be empty here either. */
  cancelJobs(filter: TenantSelection, options?: BulkOptions): Promise<TenantBulkAnswer>
  /** @param filter - must not be empty here either. */
  retryJobs(filter: TenantSelection, options?: BulkOptions): Promise<TenantBulkAnswer>
  /** @param filter - must not be empty here either. */
  removeJobs(filter: TenantSelection, options?: RemoveOptions): Promise<TenantBulkAnswer>

  /** @param scope - of the tenant. Without one, the tenant; never the queue. */
  pause(scope?: TenantScope): Promise<void>
  resume(scope?: TenantScope): Promise<void>
  isPaused(scope?: TenantScope): Promise<boolean>
  drain(scope?: TenantScope, options?: DrainOptions): Promise<void>
  setLimits(scope: TenantScope, limits: LimitChanges): Promise<void>
  limits(scope?: TenantScope): Promise<TenantLimitStatus>
  listLimits(filter?: Tenantless<LimitListFilter>): Promise<TenantLimitPage>
}
