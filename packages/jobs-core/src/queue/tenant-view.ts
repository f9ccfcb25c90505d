import { checkListener } from '../events/check-listener.ts'
import type { JobEventType } from '../events/job-event.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import type { TenantJobOptions } from '../job/job.ts'
import type { DrainOptions } from '../limits/drain.ts'
import type { LimitChanges, LimitListFilter } from '../limits/limit-options.ts'
import type { JobCounts, JobStatus } from '../storage/job-store.ts'
import type { JobQueue } from './job-queue.ts'
import { checkNarrow } from './job-selection.ts'
import type { BulkOptions, ProgressOptions, RemoveOptions } from './operator-calls.ts'
import { TenantFence } from './tenant-fence.ts'
import type {
  TenantAddress,
  TenantBulkAnswer,
  TenantEnqueuedGroup,
  TenantGroup,
  TenantGroupMember,
  TenantGroupOptions,
  TenantJob,
  TenantJobEvent,
  TenantJobListFilter,
  TenantJobPage,
  TenantJobRequest,
  TenantLimitPage,
  TenantLimitStatus,
  TenantQueue,
  TenantSchedule,
  TenantSchedules,
  TenantScheduleSpec,
  TenantScope,
  TenantSelection,
} from './tenant-queue.ts'
import { TenantSchedulesView } from './tenant-schedules-view.ts'
import type { WaitOptions } from './wait-for-job.ts'

/** One tenant's view of a queue: passes each call on, within the tenant and for nothing else. */
export class TenantView implements TenantQueue {
  readonly name: string
  readonly tenantId: string
  readonly schedules: TenantSchedules
  readonly #queue: JobQueue
  readonly #fence: TenantFence

  /** @param tenantId - checked. */
  constructor(queue: JobQueue, tenantId: string) {
    this.name = queue.name
    this.tenantId = tenantId
    this.#queue = queue
    this.#fence = new TenantFence(tenantId)
    this.schedules = new TenantSchedulesView(queue, this.#fence)
  }

  async enqueue<TPayload, TResult>(
    job: string | AnyJobDefinition,
    payload: TPayload,
    options?: TenantJobOptions,
  ): Promise<TenantJob<TPayload, TResult>> {
    this.#fence.check('options', options)
    const enqueued = this.#fence.within(() => this.#queue.enqueue(job as string, payload, options))
    return (await enqueued) as TenantJob<TPayload, TResult>
  }

  async enqueueMany(jobs: readonly TenantJobRequest[]): Promise<TenantJob<unknown>[]> {
    for (const [index, job] of jobs.entries()) this.#fence.checkRequest(`job ${index}`, job)
    return this.#fence.within(() => this.#queue.enqueueMany(jobs))
  }

  async enqueueGroup(
    members: readonly TenantGroupMember[],
    options: TenantGroupOptions,
  ): Promise<TenantEnqueuedGroup> {
    this.#fence.checkGroup(members, options)
    return this.#fence.within(() => this.#queue.enqueueGroup(members, options))
  }

  async getGroup(group: TenantAddress): Promise<TenantGroup | null> {
    const own = this.#fence.own('the group', group)
    return this.#fence.within(() => this.#queue.getGroup(own))
  }

  async schedule(id: string, spec: TenantScheduleSpec): Promise<TenantSchedule> {
    this.#fence.checkRequest('the schedule', spec)
    return this.#fence.within(() => this.#queue.schedule(id, spec as never))
  }

  async getJob(job: TenantAddress): Promise<TenantJob<unknown> | null> {
    const own = this.#fence.own('the job', job)
    return this.#fence.within(() => this.#queue.getJob(own))
  }

  async listJobs(filter: JobStatus | TenantJobListFilter = {}): Promise<TenantJobPage> {
    const own = this.#fence.own('the filter', filter)
    return this.#fence.within(() => this.#queue.listJobs(own))
  }

  exportJobs(selection: TenantSelection = {}): AsyncIterable<string> {
    const own = this.#fence.own('the filter', selection)
    return this.#fence.within(() => this.#queue.exportJobs(own))
  }

  async counts(selection: TenantSelection = {}, options?: ProgressOptions): Promise<JobCounts> {
    const own = this.#fence.own('the filter', selection)
    return this.#fence.within(() => this.#queue.counts(own, options))
  }

  async oldestAge(
    selection: TenantSelection = {},
    options?: ProgressOptions,
  ): Promise<number | null> {
    const own = this.#fence.own('the filter', selection)
    return this.#fence.within(() => this.#queue.oldestAge(own, options))
  }

  async waitFor<TResult>(
    job: TenantAddress | (TenantJob<unknown, TResult> & { readonly tenantId?: never }),
    options?: WaitOptions,
  ): Promise<TResult> {
    const own = this.#fence.own<TenantAddress>('the job', job)
    return this.#fence.within(() => this.#queue.waitFor<TResult>(own, options))
  }

  on<TType extends JobEventType>(
    type: TType,
    listener: (event: TenantJobEvent<TType>) => unknown,
  ): () => void {
    checkListener(type, listener)
    return this.#queue.on(type, (event) =>
      event.job.tenantId === this.tenantId
        ? listener(event as unknown as TenantJobEvent<TType>)
        : undefined,
    )
  }

  async cancelJob(job: TenantAddress): Promise<TenantJob<unknown>> {
    const own = this.#fence.own('the job', job)
    return this.#fence.within(() => this.#queue.cancelJob(own))
  }

  async retryJob(job: TenantAddress): Promise<TenantJob<unknown>> {
    const own = this.#fence.own('the job', job)
    return this.#fence.within(() => this.#queue.retryJob(own))
  }

  async removeJob(job: TenantAddress): Promise<void> {
    const own = this.#fence.own('the job', job)
    await this.#fence.within(() => this.#queue.removeJob(own))
  }

  async cancelJobs(filter: TenantSelection, options?: BulkOptions): Promise<TenantBulkAnswer> {
    const own = this.#narrow(filter)
    return this.#fence.within(() => this.#queue.cancelJobs(own, options))
  }

  async retryJobs(filter: TenantSelection, options?: BulkOptions): Promise<TenantBulkAnswer> {
    const own = this.#narrow(filter)
    return this.#fence.within(() => this.#queue.retryJobs(own, options))
  }

  async removeJobs(filter: TenantSelection, options?: RemoveOptions): Promise<TenantBulkAnswer> {
    const own = this.#narrow(filter)
    return this.#fence.within(() => this.#queue.removeJobs(own, options))
  }

  async pause(scope: TenantScope = {}): Promise<void> {
    const own = this.#fence.own('the scope', scope)
    await this.#fence.within(() => this.#queue.pause(own))
  }

  async resume(scope: TenantScope = {}): Promise<void> {
    const own = this.#fence.own('the scope', scope)
    await this.#fence.within(() => this.#queue.resume(own))
  }

  async isPaused(scope: TenantScope = {}): Promise<boolean> {
    const own = this.#fence.own('the scope', scope)
    return this.#fence.within(() => this.#queue.isPaused(own))
  }

  async drain(scope: TenantScope = {}, options?: DrainOptions): Promise<void> {
    const own = this.#fence.own('the scope', scope)
    await this.#fence.within(() => this.#queue.drain(own, options))
  }

  async setLimits(scope: TenantScope, limits: LimitChanges): Promise<void> {
    const own = this.#fence.own('the scope', scope)
    await this.#fence.within(() => this.#queue.setLimits(own, limits))
  }

  async limits(scope: TenantScope = {}): Promise<TenantLimitStatus> {
    const own = this.#fence.own('the scope', scope)
    return this.#fence.within(() => this.#queue.limits(own)) as Promise<TenantLimitStatus>
  }

  async listLimits(filter: Omit<LimitListFilter, 'tenantId'> = {}): Promise<TenantLimitPage> {
    const own = this.#fence.own('the filter', filter)
    return this.#fence.within(() => this.#queue.listLimits(own)) as Promise<TenantLimitPage>
  }

  /** The tenant alone narrows nothing here: that much the view says by itself. */
  #narrow(filter: TenantSelection): TenantSelection {
    checkNarrow(filter, ` of tenant ${this.tenantId}`)
    return this.#fence.own('the filter', filter)
  }
}
