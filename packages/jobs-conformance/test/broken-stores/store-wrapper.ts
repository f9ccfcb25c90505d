import type {
  ActionResult,
  AdvanceResult,
  AttemptReport,
  CallOptions,
  ClaimRequest,
  ClaimResult,
  LimitScope,
  EnqueueResult,
  GroupRef,
  JobCounts,
  JobRecord,
  JobRef,
  JobStore,
  Lease,
  LimitChange,
  LeaseState,
  NewGroup,
  NewJob,
  ScheduleAdvance,
  SchedulePut,
  ScheduleRef,
  StoreCapabilities,
  WakeUp,
} from '@cgk/jobs-core'

export type ExtendRequest = Parameters<JobStore['extend']>[0]
export type ListRequest = Parameters<JobStore['list']>[0]
export type ListPage = Awaited<ReturnType<JobStore['list']>>
export type SettleRequest = Parameters<JobStore['settle']>[0]
export type SettleAnswer = Awaited<ReturnType<JobStore['settle']>>
export type GroupsAnswer = Awaited<ReturnType<JobStore['enqueueGroups']>>
export type PutAnswer = Awaited<ReturnType<JobStore['putSchedule']>>
export type DueAnswer = Awaited<ReturnType<JobStore['dueSchedules']>>
export type Upkeep = Awaited<ReturnType<JobStore['maintain']>>

/** What the handles of one broken store share, as they share its data. */
export interface Shared {
  now(): Promise<number>
  /** Every lease handed out so far. */
  readonly leases: Lease[]
  /** Tokens whose settlement was recorded. */
  readonly settled: Set<string>
}

/**
 * A store that does what the store beneath it does. Each broken store overrides what it breaks and
 * nothing else.
 */
export class StoreWrapper implements JobStore {
  readonly name = 'broken'
  readonly capabilities: StoreCapabilities
  protected readonly inner: JobStore
  protected readonly shared: Shared
  /** 0 for the first handle on the data, 1 for the next. */
  protected readonly handle: number

  constructor(inner: JobStore, shared: Shared, handle: number) {
    this.inner = inner
    this.capabilities = inner.capabilities
    this.shared = shared
    this.handle = handle
  }

  enqueue(jobs: readonly NewJob[], options?: CallOptions): Promise<readonly EnqueueResult[]> {
    return this.inner.enqueue(jobs, options)
  }

  async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const result = await this.inner.claim(request, options)
    this.shared.leases.push(...result.jobs)
    return result
  }

  extend(request: ExtendRequest, options?: CallOptions): Promise<readonly LeaseState[]> {
    return this.inner.extend(request, options)
  }

  /** Settles and claims in two calls, so that a broken claim is broken here too. */
  async settle(request: SettleRequest, options?: CallOptions): Promise<SettleAnswer> {
    const { settlements, claim } = request
    const { results } = await this.inner.settle({ settlements }, options)
    for (const [index, { lease }] of settlements.entries()) {
      if (results[index] === 'settled') this.shared.settled.add(lease.token)
    }
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }

  report(reports: readonly AttemptReport[], options?: CallOptions): Promise<readonly boolean[]> {
    return this.inner.report(reports, options)
  }

  maintain(request: { readonly limit: number }, options?: CallOptions): Promise<Upkeep> {
    return this.inner.maintain(request, options)
  }

  get(refs: readonly JobRef[], options?: CallOptions): Promise<readonly (JobRecord | null)[]> {
    return this.inner.get(refs, options)
  }

  list(request: ListRequest, options?: CallOptions): Promise<ListPage> {
    return this.inner.list(request, options)
  }

  counts(
    request: { readonly queue: string; readonly tenantId?: string | null },
    options?: CallOptions,
  ): Promise<JobCounts> {
    return this.inner.counts(request, options)
  }

  cancel(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    return this.inner.cancel(refs, options)
  }

  retry(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    return this.inner.retry(refs, options)
  }

  remove(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    return this.inner.remove(refs, options)
  }

  pause(scope: LimitScope, options?: CallOptions): Promise<void> {
    return this.inner.pause(scope, options)
  }

  resume(scope: LimitScope, options?: CallOptions): Promise<void> {
    return this.inner.resume(scope, options)
  }

  isPaused(scope: LimitScope, options?: CallOptions): Promise<boolean> {
    return this.inner.isPaused(scope, options)
  }

  setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    return this.inner.setLimits(changes, options)
  }

  getLimits(scopes: readonly LimitScope[], options?: CallOptions) {
    return this.inner.getLimits(scopes, options)
  }

  listLimits(request: Parameters<JobStore['listLimits']>[0], options?: CallOptions) {
    return this.inner.listLimits(request, options)
  }

  listTenants(request: Parameters<JobStore['listTenants']>[0], options?: CallOptions) {
    return this.inner.listTenants(request, options)
  }

  enqueueGroups(groups: readonly NewGroup[], options?: CallOptions): Promise<GroupsAnswer> {
    return this.inner.enqueueGroups(groups, options)
  }

  getGroups(refs: readonly GroupRef[], options?: CallOptions) {
    return this.inner.getGroups(refs, options)
  }

  putSchedule(put: SchedulePut, options?: CallOptions): Promise<PutAnswer> {
    return this.inner.putSchedule(put, options)
  }

  getSchedules(refs: readonly ScheduleRef[], options?: CallOptions) {
    return this.inner.getSchedules(refs, options)
  }

  listSchedules(request: Parameters<JobStore['listSchedules']>[0], options?: CallOptions) {
    return this.inner.listSchedules(request, options)
  }

  dueSchedules(
    request: { readonly queues: readonly string[]; readonly limit: number },
    options?: CallOptions,
  ): Promise<DueAnswer> {
    return this.inner.dueSchedules(request, options)
  }

  advanceSchedules(
    advances: readonly ScheduleAdvance[],
    options?: CallOptions,
  ): Promise<readonly AdvanceResult[]> {
    return this.inner.advanceSchedules(advances, options)
  }

  removeSchedules(refs: readonly ScheduleRef[], options?: CallOptions) {
    return this.inner.removeSchedules(refs, options)
  }

  subscribe(listener: (wakeUp: WakeUp) => void): () => void {
    return this.inner.subscribe?.(listener) ?? (() => {})
  }

  ping(options?: CallOptions): Promise<void> {
    return this.inner.ping(options)
  }

  close(): Promise<void> {
    return this.inner.close()
  }
}

/** A store that shows its jobs as they are not. */
export abstract class MisleadingStore extends StoreWrapper {
  protected abstract show<T extends JobRecord>(record: T): T

  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const results = await this.inner.enqueue(jobs, options)
    return results.map((result) =>
      result.status !== 'enqueued' ? { ...result, job: this.show(result.job) } : result,
    )
  }

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const result = await super.claim(request, options)
    return { ...result, jobs: result.jobs.map((job) => this.show(job)) }
  }

  override async get(refs: readonly JobRef[], options?: CallOptions) {
    const records = await this.inner.get(refs, options)
    return records.map((record) => (record === null ? null : this.show(record)))
  }

  override async list(request: ListRequest, options?: CallOptions): Promise<ListPage> {
    const page = await this.inner.list(request, options)
    return { ...page, jobs: page.jobs.map((job) => this.show(job)) }
  }

  override async cancel(refs: readonly JobRef[], options?: CallOptions) {
    return this.#showAll(await this.inner.cancel(refs, options))
  }

  override async retry(refs: readonly JobRef[], options?: CallOptions) {
    return this.#showAll(await this.inner.retry(refs, options))
  }

  override async remove(refs: readonly JobRef[], options?: CallOptions) {
    return this.#showAll(await this.inner.remove(refs, options))
  }

  #showAll(results: readonly ActionResult[]): ActionResult[] {
    return results.map((result) =>
      result.status === 'notFound' ? result : { ...result, job: this.show(result.job) },
    )
  }
}
