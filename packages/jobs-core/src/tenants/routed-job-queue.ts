import { currentTenant } from '@cgk/core'
import { checkListener } from '../events/check-listener.ts'
import type { JobEventListener, JobEventType } from '../events/job-event.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import type { JobRequest } from '../job/job-request.ts'
import type { Job, JobOptions } from '../job/job.ts'
import { checkTenantId } from '../job/names.ts'
import type { DrainOptions } from '../limits/drain.ts'
import type {
  LimitChanges,
  LimitListFilter,
  LimitPage,
  LimitStatus,
  QueueScope,
} from '../limits/limit-options.ts'
import { EnqueueChain, type EnqueueMiddleware } from '../middleware/enqueue-middleware.ts'
import type { GroupMember, GroupOptions } from '../queue/group-request.ts'
import type { EnqueuedGroup, JobGroup } from '../queue/job-group.ts'
import type { JobAddress } from '../queue/job-address.ts'
import type { DequeueOptions, JobListFilter, JobPage, JobQueue } from '../queue/job-queue.ts'
import type { JobSelection } from '../queue/job-selection.ts'
import type {
  BulkAnswer,
  BulkOptions,
  ProgressOptions,
  RemoveOptions,
  TenantListFilter,
  TenantPage,
} from '../queue/operator-calls.ts'
import { JobEnqueuer } from '../queue/job-enqueuer.ts'
import { JobViewer } from '../queue/job-viewer.ts'
import { attachInternals, type QueueInternals } from '../queue/queue-internals.ts'
import type { QueueBasis } from '../queue/queue-on-store.ts'
import type { TenantQueue } from '../queue/tenant-queue.ts'
import { TenantView } from '../queue/tenant-view.ts'
import type { WaitOptions } from '../queue/wait-for-job.ts'
import type { Schedule, Schedules, ScheduleSpec } from '../schedule/schedule.ts'
import type { JobCounts, JobStatus, JobStore } from '../storage/job-store.ts'
import { DefaultStoreSink } from './default-store-sink.ts'
import { QueueRoutes } from './queue-routes.ts'
import { RoutedBulk } from './routed-bulk.ts'
import { RoutedEnqueuer } from './routed-enqueuer.ts'
import { RoutedJobs } from './routed-jobs.ts'
import { RoutedLeases } from './routed-leases.ts'
import { RoutedControls } from './routed-controls.ts'
import { RoutedSchedules } from './routed-schedules.ts'
import type { TenantStores } from './tenant-stores.ts'

/** Makes a queue on the stores of a directory's tenants. Does no I/O. */
export function routedQueue(basis: QueueBasis, stores: TenantStores): JobQueue {
  const { runtime, sizes, newJobs, pollInterval, maxConcurrency } = basis
  const middleware = new EnqueueChain(basis.name)
  const routes = new QueueRoutes(basis, stores, middleware)
  const viewer = new JobViewer(basis.definitions, runtime.ports.clock)
  const internals: QueueInternals = {
    runtime,
    sizes,
    newJobs,
    pollInterval,
    maxConcurrency,
    routes,
    enqueuerInto: (sink) =>
      new JobEnqueuer({
        newJobs,
        viewer,
        middleware,
        sink: new DefaultStoreSink(routes, sink),
        events: null,
      }),
  }
  return attachInternals(new RoutedJobQueue(routes, middleware), internals)
}

/**
 * One queue over the stores of many tenants: a plain queue in each, and each call to those that it is
 * about. Jobs without a tenant, and those of tenants that the directory does not list, are the default
 * store's.
 */
class RoutedJobQueue implements JobQueue {
  readonly name: string
  readonly #routes: QueueRoutes
  readonly #middleware: EnqueueChain
  readonly #enqueuer: RoutedEnqueuer
  readonly #jobs: RoutedJobs
  readonly #bulk: RoutedBulk
  readonly #leases: RoutedLeases
  readonly #controls: RoutedControls
  readonly #schedules: RoutedSchedules

  constructor(routes: QueueRoutes, middleware: EnqueueChain) {
    this.name = routes.basis.name
    this.#routes = routes
    this.#middleware = middleware
    this.#enqueuer = new RoutedEnqueuer(routes, middleware)
    this.#jobs = new RoutedJobs(routes)
    this.#bulk = new RoutedBulk(routes)
    this.#leases = new RoutedLeases(routes)
    this.#controls = new RoutedControls(routes)
    this.#schedules = new RoutedSchedules(routes)
  }

  /** The default store. */
  get store(): JobStore {
    const { stores } = this.#routes
    return stores.get(stores.defaultRef).store
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

  async enqueueGroup(
    members: readonly GroupMember[],
    options: GroupOptions,
  ): Promise<EnqueuedGroup> {
    const tenantId = options?.tenantId ?? currentTenant() ?? null
    const place = this.#routes.placeOf(tenantId)
    const { groups } = place instanceof Promise ? await place : place
    return groups.enqueue(members, options)
  }

  getGroup(group: JobAddress): Promise<JobGroup | null> {
    return this.#jobs.first(group, ({ queue }) => queue.getGroup(group))
  }

  get schedules(): Schedules {
    return this.#schedules
  }

  schedule(id: string, spec: ScheduleSpec): Promise<Schedule> {
    return this.#schedules.put(id, spec)
  }

  getJob(job: JobAddress): Promise<Job<unknown> | null> {
    return this.#jobs.first(job, ({ queue }) => queue.getJob(job))
  }

  listJobs(filter: JobStatus | JobListFilter = {}): Promise<JobPage> {
    return this.#bulk.list(typeof filter === 'string' ? { status: filter } : filter)
  }

  counts(selection: JobSelection = {}, options: ProgressOptions = {}): Promise<JobCounts> {
    return this.#bulk.counts(selection, options)
  }

  oldestAge(selection: JobSelection = {}, options: ProgressOptions = {}): Promise<number | null> {
    return this.#bulk.oldestAge(selection, options)
  }

  tenants(filter: TenantListFilter = {}): Promise<TenantPage> {
    return this.#bulk.tenants(filter)
  }

  cancelJob(job: JobAddress): Promise<Job<unknown>> {
    return this.#jobs.act(job, ({ queue }) => queue.cancelJob(job))
  }

  retryJob(job: JobAddress): Promise<Job<unknown>> {
    return this.#jobs.act(job, ({ queue }) => queue.retryJob(job))
  }

  removeJob(job: JobAddress): Promise<void> {
    return this.#jobs.act(job, ({ queue }) => queue.removeJob(job))
  }

  cancelJobs(filter: JobSelection, options: BulkOptions = {}): Promise<BulkAnswer> {
    return this.#bulk.run(filter, options, ({ queue }, own) => queue.cancelJobs(filter, own))
  }

  retryJobs(filter: JobSelection, options: BulkOptions = {}): Promise<BulkAnswer> {
    return this.#bulk.run(filter, options, ({ queue }, own) => queue.retryJobs(filter, own))
  }

  removeJobs(filter: JobSelection, options: RemoveOptions = {}): Promise<BulkAnswer> {
    return this.#bulk.run(filter, options, ({ queue }, own) => queue.removeJobs(filter, own))
  }

  exportJobs(selection: JobSelection = {}): AsyncIterable<string> {
    return this.#bulk.export(selection)
  }

  async waitFor<TResult>(
    job: JobAddress | Job<unknown, TResult>,
    options: WaitOptions = {},
  ): Promise<TResult> {
    const { queue } = await this.#jobs.placeWith(job)
    return queue.waitFor<TResult>(job, options)
  }

  on<TType extends JobEventType>(type: TType, listener: JobEventListener<TType>): () => void {
    checkListener(type, listener)
    return this.#routes.on(type, listener)
  }

  use(middleware: EnqueueMiddleware): void {
    this.#middleware.use(middleware)
  }

  forTenant(tenantId: string): TenantQueue {
    return new TenantView(this, checkTenantId(tenantId))
  }

  pause(scope?: QueueScope): Promise<void> {
    return this.#controls.everywhere(scope, ({ queue }) => queue.pause(scope))
  }

  resume(scope?: QueueScope): Promise<void> {
    return this.#controls.everywhere(scope, ({ queue }) => queue.resume(scope))
  }

  isPaused(scope?: QueueScope): Promise<boolean> {
    return this.#controls.isPaused(scope)
  }

  drain(scope?: QueueScope, options: DrainOptions = {}): Promise<void> {
    return this.#controls.drain(scope, options)
  }

  setLimits(scope: QueueScope, limits: LimitChanges): Promise<void> {
    return this.#controls.everywhere(scope, ({ queue }) => queue.setLimits(scope, limits))
  }

  limits(scope: QueueScope): Promise<LimitStatus> {
    return this.#controls.limits(scope)
  }

  listLimits(filter: LimitListFilter = {}): Promise<LimitPage> {
    return this.#controls.list(filter)
  }

  dequeue(limit = 10, options: DequeueOptions = {}): Promise<Job<unknown>[]> {
    return this.#leases.take(limit, options)
  }

  acknowledge(job: JobAddress, outcome: 'completed' | 'failed', error?: Error): Promise<void> {
    return this.#leases.end(job, outcome, error)
  }
}
