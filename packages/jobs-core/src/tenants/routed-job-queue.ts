import { currentTenant } from '@cgk/core'
import { checkListener } from '../events/check-listener.ts'
import type { JobEventListener, JobEventType } from '../events/job-event.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import type { JobRequest } from '../job/job-request.ts'
import type { Job, JobOptions } from '../job/job.ts'
import { EnqueueChain, type EnqueueMiddleware } from '../middleware/enqueue-middleware.ts'
import type { GroupMember, GroupOptions } from '../queue/group-request.ts'
import type { EnqueuedGroup, JobGroup } from '../queue/job-group.ts'
import type {
  BulkAnswer,
  BulkOptions,
  DequeueOptions,
  JobAddress,
  JobListFilter,
  JobPage,
  JobQueue,
  JobSelection,
  TenantChoice,
} from '../queue/job-queue.ts'
import { attachInternals } from '../queue/queue-internals.ts'
import type { QueueBasis } from '../queue/queue-on-store.ts'
import type { WaitOptions } from '../queue/wait-for-job.ts'
import type { Schedule, Schedules, ScheduleSpec } from '../schedule/schedule.ts'
import type { JobCounts, JobStatus, JobStore } from '../storage/job-store.ts'
import { QueueRoutes } from './queue-routes.ts'
import { RoutedBulk } from './routed-bulk.ts'
import { RoutedEnqueuer } from './routed-enqueuer.ts'
import { RoutedJobs } from './routed-jobs.ts'
import { RoutedLeases } from './routed-leases.ts'
import { RoutedPause } from './routed-pause.ts'
import { RoutedSchedules } from './routed-schedules.ts'
import type { TenantStores } from './tenant-stores.ts'

/** Makes a queue on the stores of a directory's tenants. Does no I/O. */
export function routedQueue(basis: QueueBasis, stores: TenantStores): JobQueue {
  const { runtime, sizes, newJobs, pollInterval, maxConcurrency } = basis
  const middleware = new EnqueueChain(basis.name)
  const routes = new QueueRoutes(basis, stores, middleware)
  const internals = { runtime, sizes, newJobs, pollInterval, maxConcurrency, routes }
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
  readonly #pause: RoutedPause
  readonly #schedules: RoutedSchedules

  constructor(routes: QueueRoutes, middleware: EnqueueChain) {
    this.name = routes.basis.name
    this.#routes = routes
    this.#middleware = middleware
    this.#enqueuer = new RoutedEnqueuer(routes, middleware)
    this.#jobs = new RoutedJobs(routes)
    this.#bulk = new RoutedBulk(routes)
    this.#leases = new RoutedLeases(routes)
    this.#pause = new RoutedPause(routes)
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

  counts(choice: TenantChoice = {}): Promise<JobCounts> {
    return this.#bulk.counts(choice)
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
    return this.#bulk.run(filter, ({ queue }) => queue.cancelJobs(filter, options))
  }

  retryJobs(filter: JobSelection, options: BulkOptions = {}): Promise<BulkAnswer> {
    return this.#bulk.run(filter, ({ queue }) => queue.retryJobs(filter, options))
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

  pause(): Promise<void> {
    return this.#pause.pause()
  }

  resume(): Promise<void> {
    return this.#pause.resume()
  }

  isPaused(): Promise<boolean> {
    return this.#pause.isPaused()
  }

  dequeue(limit = 10, options: DequeueOptions = {}): Promise<Job<unknown>[]> {
    return this.#leases.take(limit, options)
  }

  acknowledge(job: JobAddress, outcome: 'completed' | 'failed', error?: Error): Promise<void> {
    return this.#leases.end(job, outcome, error)
  }
}
