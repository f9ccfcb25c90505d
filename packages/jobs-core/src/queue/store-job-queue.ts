import { checkListener } from '../events/check-listener.ts'
import { checkInteger } from '../job/check-job-options.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import type { JobEventListener, JobEventType } from '../events/job-event.ts'
import type { EnqueueMiddleware } from '../middleware/enqueue-middleware.ts'
import type { Job, JobOptions } from '../job/job.ts'
import type { JobRequest } from '../job/job-request.ts'
import { JobsError } from '../errors.ts'
import type { JobCounts, JobStatus, JobStore } from '../storage/job-store.ts'
import { BulkActions } from './bulk-actions.ts'
import { waitForJob, type WaitOptions } from './wait-for-job.ts'
import type { GroupMember, GroupOptions } from './group-request.ts'
import type { DrainOptions } from '../limits/drain.ts'
import type {
  LimitChanges,
  LimitListFilter,
  LimitPage,
  LimitStatus,
  QueueScope,
} from '../limits/limit-options.ts'
import { QueueControls } from '../limits/queue-controls.ts'
import { checkTenantId } from '../job/names.ts'
import { exportJobs } from './export-jobs.ts'
import { type JobAddress, jobRefOf } from './job-address.ts'
import type { JobSelection } from './job-selection.ts'
import type {
  BulkAnswer,
  BulkOptions,
  ProgressOptions,
  RemoveOptions,
  TenantListFilter,
  TenantPage,
} from './operator-calls.ts'
import { TenantLoads } from './tenant-loads.ts'
import type { TenantQueue } from './tenant-queue.ts'
import { TenantView } from './tenant-view.ts'
import type { EnqueuedGroup, JobGroup } from './job-group.ts'
import { JobEnqueuer } from './job-enqueuer.ts'
import { JobGroups } from './job-groups.ts'
import { JobOperations } from './job-operations.ts'
import type { DequeueOptions, JobListFilter, JobPage, JobQueue } from './job-queue.ts'
import { JobReader } from './job-reader.ts'
import type { ManualLeases } from './manual-leases.ts'
import type { QueueParts } from './queue-parts.ts'
import type { Schedule, Schedules, ScheduleSpec } from '../schedule/schedule.ts'
import { StoreSchedules } from '../schedule/store-schedules.ts'
import type { TickJobFactory } from '../schedule/tick-jobs.ts'

const LARGEST_TAKE = 1_000
const DEFAULT_MANUAL_LEASE_MS = 30_000
const LONGEST_LEASE_MS = 2 ** 31 - 1

/** What a {@link StoreJobQueue} is made of. */
export interface StoreJobQueueParts extends QueueParts {
  readonly leases: ManualLeases
  readonly tickJobs: TickJobFactory
}

/** The queue on a store: checks what comes in, speaks to the store, shows records as jobs. */
export class StoreJobQueue implements JobQueue {
  readonly name: string
  readonly store: JobStore
  readonly #parts: StoreJobQueueParts
  readonly #schedules: StoreSchedules
  readonly #reader: JobReader
  readonly #operations: JobOperations
  readonly #bulk: BulkActions
  readonly #loads: TenantLoads
  readonly #controls: QueueControls
  readonly #groups: JobGroups
  readonly #enqueuer: JobEnqueuer

  constructor(parts: StoreJobQueueParts) {
    this.name = parts.name
    this.store = parts.session.store
    this.#parts = parts
    this.#schedules = new StoreSchedules(parts)
    this.#reader = new JobReader(parts)
    this.#operations = new JobOperations(parts)
    this.#bulk = new BulkActions(parts)
    this.#loads = new TenantLoads(parts)
    this.#controls = new QueueControls(parts)
    this.#groups = new JobGroups(parts)
    this.#enqueuer = new JobEnqueuer({ ...parts, sink: parts.session.enqueuer })
  }

  enqueue<TPayload, TResult>(
    job: string | AnyJobDefinition,
    payload: TPayload,
    options?: JobOptions,
  ): Promise<Job<TPayload, TResult>> {
    const request = options === undefined ? { job, payload } : { job, payload, options }
    return this.#enqueuer.one(request) as Promise<Job<TPayload, TResult>>
  }

  enqueueMany(jobs: readonly JobRequest[]): Promise<Job<unknown>[]> {
    return this.#enqueuer.many(jobs)
  }

  enqueueGroup(members: readonly GroupMember[], options: GroupOptions): Promise<EnqueuedGroup> {
    return this.#groups.enqueue(members, options)
  }

  getGroup(group: JobAddress): Promise<JobGroup | null> {
    return this.#groups.get(group)
  }

  get schedules(): Schedules {
    return this.#schedules
  }

  schedule(id: string, spec: ScheduleSpec): Promise<Schedule> {
    return this.#schedules.put(id, spec)
  }

  getJob(job: JobAddress): Promise<Job<unknown> | null> {
    return this.#reader.get(job)
  }

  listJobs(filter: JobStatus | JobListFilter = {}): Promise<JobPage> {
    return this.#reader.list(filter)
  }

  counts(selection: JobSelection = {}, options: ProgressOptions = {}): Promise<JobCounts> {
    return this.#reader.counts(selection, options)
  }

  oldestAge(selection: JobSelection = {}, options: ProgressOptions = {}): Promise<number | null> {
    return this.#loads.oldestAge(selection, options)
  }

  tenants(filter: TenantListFilter = {}): Promise<TenantPage> {
    return this.#loads.list(filter)
  }

  cancelJob(job: JobAddress): Promise<Job<unknown>> {
    return this.#operations.cancel(job)
  }

  retryJob(job: JobAddress): Promise<Job<unknown>> {
    return this.#operations.retry(job)
  }

  removeJob(job: JobAddress): Promise<void> {
    return this.#operations.remove(job)
  }

  cancelJobs(filter: JobSelection, options: BulkOptions = {}): Promise<BulkAnswer> {
    return this.#bulk.cancel(filter, options)
  }

  retryJobs(filter: JobSelection, options: BulkOptions = {}): Promise<BulkAnswer> {
    return this.#bulk.retry(filter, options)
  }

  removeJobs(filter: JobSelection, options: RemoveOptions = {}): Promise<BulkAnswer> {
    return this.#bulk.remove(filter, options)
  }

  exportJobs(selection: JobSelection = {}): AsyncIterable<string> {
    return exportJobs(this.#parts, selection)
  }

  async waitFor<TResult>(
    job: JobAddress | Job<unknown, TResult>,
    options: WaitOptions = {},
  ): Promise<TResult> {
    const { session, runtime, sizes } = this.#parts
    const ref = jobRefOf(this.name, job, sizes)
    const result = await waitForJob(ref, options, session.watcher, runtime.ports.timers)
    return result as TResult
  }

  on<TType extends JobEventType>(type: TType, listener: JobEventListener<TType>): () => void {
    checkListener(type, listener)
    return this.#parts.events.on(type, listener)
  }

  use(middleware: EnqueueMiddleware): void {
    this.#parts.middleware.use(middleware)
  }

  forTenant(tenantId: string): TenantQueue {
    return new TenantView(this, checkTenantId(tenantId))
  }

  pause(scope?: QueueScope): Promise<void> {
    return this.#controls.pause(scope)
  }

  resume(scope?: QueueScope): Promise<void> {
    return this.#controls.resume(scope)
  }

  isPaused(scope?: QueueScope): Promise<boolean> {
    return this.#controls.isPaused(scope)
  }

  drain(scope?: QueueScope, options: DrainOptions = {}): Promise<void> {
    return this.#controls.drain(scope, options)
  }

  setLimits(scope: QueueScope, limits: LimitChanges): Promise<void> {
    return this.#controls.setLimits(scope, limits)
  }

  limits(scope: QueueScope): Promise<LimitStatus> {
    return this.#controls.limits(scope)
  }

  listLimits(filter: LimitListFilter = {}): Promise<LimitPage> {
    return this.#controls.listLimits(filter)
  }

  async dequeue(limit = 10, options: DequeueOptions = {}): Promise<Job<unknown>[]> {
    const { leaseMs = DEFAULT_MANUAL_LEASE_MS } = options
    checkInteger('limit', limit, 1, LARGEST_TAKE)
    checkInteger('leaseMs', leaseMs, 1_000, LONGEST_LEASE_MS)
    const claimed = await this.#parts.leases.take(limit, leaseMs)
    return claimed.map((record) => this.#parts.viewer.show(record))
  }

  async acknowledge(
    job: JobAddress,
    outcome: 'completed' | 'failed',
    error: Error = new Error('acknowledged as failed'),
  ): Promise<void> {
    if (outcome !== 'completed' && outcome !== 'failed') {
      throw new JobsError('JOBS_INVALID_OPTION', "outcome must be 'completed' or 'failed'")
    }
    const { id, tenantId } = jobRefOf(this.name, job, this.#parts.sizes)
    const owner = { id, tenantId: typeof job === 'string' ? undefined : tenantId }
    await this.#parts.leases.end(owner, outcome === 'failed', error)
  }
}
