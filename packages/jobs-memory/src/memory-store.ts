import {
  idConflict,
  JobsError,
  MAX_LOG_LINES,
  systemPorts,
  type ActionResult,
  type AdvanceResult,
  type AttemptReport,
  type CallOptions,
  type ClaimRequest,
  type ClaimResult,
  type Clock,
  type LimitScope,
  type LimitState,
  type EnqueueResult,
  type GroupRecord,
  type GroupRef,
  type GroupStore,
  type JobCatalog,
  type JobControls,
  type JobCounts,
  type JobRecord,
  type JobRef,
  type JobStore,
  type Lease,
  type LeaseState,
  type LeaseStore,
  type LimitChange,
  type NewGroup,
  type NewJob,
  type Random,
  type ScheduleAdvance,
  type SchedulePut,
  type ScheduleRecord,
  type ScheduleRef,
  type ScheduleStore,
  type Settlement,
  type SettleResult,
  type StoreCapabilities,
  type WakeUp,
} from '@cgk/jobs-core'
import { checkBacklogs } from './backlog.ts'
import { countJobs, listJobs } from './catalog.ts'
import { Enqueuer } from './enqueuer.ts'
import { Groups } from './groups.ts'
import type { HistoryOptions } from './history.ts'
import { rememberEffects, toRecord, type Job } from './job.ts'
import { Leasing } from './leasing.ts'
import { ScheduleBook } from './schedule-book.ts'
import { CANCELLED, RUNNING } from './standing.ts'
import { StoreState } from './store-state.ts'
import { limitStateOf, listTenants } from './tenants.ts'
import { Transitions } from './transitions.ts'

/** What {@link createMemoryStore} takes. */
export interface MemoryStoreOptions {
  /** The store's clock. @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'now'>
  /** For ids and lease tokens. @defaultValue the platform's */
  readonly random?: Random
  /**
   * How many ended jobs are kept.
   * @defaultValue completed jobs 1 hour, failed and cancelled ones 7 days; 10,000 of each per queue
   */
  readonly history?: HistoryOptions
}

/**
 * Makes a store that keeps its jobs in this process, and loses them with it.
 *
 * It gives every other guarantee of the port: each call is atomic, and only the lease that a claim
 * handed out can settle the job.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a history bound that is not a number from 0.
 *
 * @example
 * ```ts
 * const queue = createJobQueue({ name: 'default', store: createMemoryStore() })
 * ```
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): JobStore {
  return new MemoryStore(options)
}

const CAPABILITIES: StoreCapabilities = Object.freeze({
  uniqueKeys: true,
  orderingKeys: true,
  concurrencyKeys: true,
  groups: true,
  schedules: true,
  limits: true,
})

/**
 * Nothing here awaits, so that each call is done before its promise is handed out: this is what makes
 * it atomic.
 */
class MemoryStore implements JobStore {
  readonly name = 'memory'
  readonly capabilities = CAPABILITIES
  readonly #clock: Pick<Clock, 'now'>
  readonly #state: StoreState
  readonly #transitions: Transitions
  readonly #enqueuer: Enqueuer
  readonly #leasing: Leasing
  readonly #groups: Groups
  readonly #schedules = new ScheduleBook()
  #isClosed = false

  constructor({
    clock = systemPorts.clock,
    random = systemPorts.random,
    history = {},
  }: MemoryStoreOptions) {
    this.#clock = clock
    this.#state = new StoreState(random, history)
    this.#groups = new Groups(this.#state, {
      create: (input, now, links) => this.#enqueuer.create(input, now, links),
      retire: (job, now) => {
        this.#transitions.retire(job, now)
      },
    })
    this.#transitions = new Transitions(this.#state, this.#groups, this.#schedules)
    this.#enqueuer = new Enqueuer(this.#state, this.#transitions)
    this.#leasing = new Leasing(this.#state, this.#transitions, this.#enqueuer)
  }

  async enqueue(jobs: readonly NewJob[], options?: CallOptions): Promise<readonly EnqueueResult[]> {
    const now = this.#begin(options)
    const conflict = this.#enqueuer.findConflict(jobs)
    if (conflict !== null) throw idConflict(jobs, conflict.index, conflict.holderName)
    checkBacklogs(this.#state, jobs, now)
    return this.#done(this.#enqueuer.enqueue(jobs, now))
  }

  async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    return this.#leasing.claim(request, this.#begin(options))
  }

  async extend(
    request: { readonly leases: readonly Lease[]; readonly leaseMs: number },
    options?: CallOptions,
  ): Promise<readonly LeaseState[]> {
    const expiresAt = this.#begin(options) + request.leaseMs
    return request.leases.map((lease): LeaseState => {
      const job = this.#state.findHeld(lease)
      if (job === undefined) return 'lost'
      this.#state.leases.extend(job, expiresAt)
      if (job.standing === CANCELLED) return 'cancelled'
      return job.lane.queue.dispatch.isPaused(job) ? 'paused' : 'held'
    })
  }

  async settle(
    request: { readonly settlements: readonly Settlement[]; readonly claim?: ClaimRequest },
    options?: CallOptions,
  ): Promise<{ readonly results: readonly SettleResult[]; readonly claimed: ClaimResult | null }> {
    const now = this.#begin(options)
    const results: SettleResult[] = []
    for (const settlement of request.settlements) {
      results.push(this.#leasing.settle(settlement, now))
    }
    const claimed = request.claim === undefined ? null : this.#leasing.claim(request.claim, now)
    return this.#done({ results, claimed })
  }

  async report(
    reports: readonly AttemptReport[],
    options?: CallOptions,
  ): Promise<readonly boolean[]> {
    const now = this.#begin(options)
    return reports.map(({ lease, progress, log, effects }) => {
      const job = this.#state.findHeld(lease)
      // An end absorbs: what a cancelled attempt still says is not written into the record.
      if (job === undefined || job.standing !== RUNNING) return false
      if (progress !== undefined) job.progress = progress
      if (log !== undefined) job.log = Object.freeze([...job.log, ...log].slice(-MAX_LOG_LINES))
      if (effects !== undefined) rememberEffects(job, effects)
      job.updatedAt = now
      return true
    })
  }

  async maintain(
    request: { readonly limit: number },
    options?: CallOptions,
  ): ReturnType<LeaseStore['maintain']> {
    const now = this.#begin(options)
    const reclaimed = this.#leasing.reclaim(request.limit, now)
    const pruned = this.#prune(request.limit - reclaimed, now)
    return this.#done({ reclaimed, pruned, nextInMs: this.#nextUpkeepInMs(now) })
  }

  async get(
    refs: readonly JobRef[],
    options?: CallOptions,
  ): Promise<readonly (JobRecord | null)[]> {
    this.#begin(options)
    return refs.map((ref) => {
      const job = this.#state.find(ref)
      return job === undefined ? null : toRecord(job, true)
    })
  }

  async list(
    request: Parameters<JobCatalog['list']>[0],
    options?: CallOptions,
  ): ReturnType<JobCatalog['list']> {
    return listJobs(this.#state, request, this.#begin(options))
  }

  async counts(
    request: Parameters<JobCatalog['counts']>[0],
    options?: CallOptions,
  ): Promise<JobCounts> {
    return countJobs(this.#state, request, this.#begin(options))
  }

  async cancel(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    const now = this.#begin(options)
    return this.#done(this.#act(refs, (job) => this.#transitions.cancel(job, now)))
  }

  async retry(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    const now = this.#begin(options)
    return this.#done(this.#act(refs, (job) => this.#transitions.retry(job, now)))
  }

  async remove(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    const now = this.#begin(options)
    return this.#done(this.#act(refs, (job) => this.#transitions.remove(job, now)))
  }

  pause(scope: LimitScope, options?: CallOptions): Promise<void> {
    return this.setLimits([{ scope, source: 'operator', limits: { paused: true } }], options)
  }

  resume(scope: LimitScope, options?: CallOptions): Promise<void> {
    return this.setLimits([{ scope, source: 'operator', limits: { paused: null } }], options)
  }

  async isPaused(scope: LimitScope, options?: CallOptions): Promise<boolean> {
    this.#begin(options)
    return this.#state.queueOf(scope.queue).limits.effective(scope).paused
  }

  async setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    const now = this.#begin(options)
    for (const change of changes) {
      const { queue } = change.scope
      this.#state.queueOf(queue).changeLimits(change, now)
      if (change.limits.paused === true) this.#state.wakeUps.changed(queue)
    }
    this.#state.wakeUps.send()
  }

  async getLimits(
    scopes: readonly LimitScope[],
    options?: CallOptions,
  ): Promise<readonly LimitState[]> {
    const now = this.#begin(options)
    return scopes.map((scope) => limitStateOf(this.#state.queueOf(scope.queue), scope, now))
  }

  async listLimits(
    { queue, tenantId, limit, cursor }: Parameters<JobControls['listLimits']>[0],
    options?: CallOptions,
  ): ReturnType<JobControls['listLimits']> {
    this.#begin(options)
    return this.#state.queueOf(queue).limits.list(tenantId, limit, cursor)
  }

  async listTenants(
    request: Parameters<JobControls['listTenants']>[0],
    options?: CallOptions,
  ): ReturnType<JobControls['listTenants']> {
    const now = this.#begin(options)
    return listTenants(this.#state.queueOf(request.queue), request, now)
  }

  async enqueueGroups(
    groups: readonly NewGroup[],
    options?: CallOptions,
  ): ReturnType<GroupStore['enqueueGroups']> {
    const now = this.#begin(options)
    const [root] = groups
    const existing = root && this.#groups.find(root)
    if (existing !== undefined) return { status: 'existing', group: existing.toRecord() }
    checkBacklogs(
      this.#state,
      groups.flatMap(({ members }) => members),
      now,
    )
    return this.#done({ status: 'enqueued', ...this.#groups.enqueue(groups, now) })
  }

  async getGroups(
    refs: readonly GroupRef[],
    options?: CallOptions,
  ): Promise<readonly (GroupRecord | null)[]> {
    this.#begin(options)
    return refs.map((ref) => this.#groups.find(ref)?.toRecord() ?? null)
  }

  async putSchedule(
    put: SchedulePut,
    options?: CallOptions,
  ): ReturnType<ScheduleStore['putSchedule']> {
    const isStored = this.#schedules.put(put, this.#begin(options))
    const schedule = this.#schedules.get(put)?.toRecord() ?? null
    return isStored ? { status: 'stored', schedule: schedule! } : { status: 'stale', schedule }
  }

  async getSchedules(
    refs: readonly ScheduleRef[],
    options?: CallOptions,
  ): Promise<{ readonly now: number; readonly schedules: readonly (ScheduleRecord | null)[] }> {
    const now = this.#begin(options)
    return { now, schedules: refs.map((ref) => this.#schedules.get(ref)?.toRecord() ?? null) }
  }

  async listSchedules(
    request: Parameters<ScheduleStore['listSchedules']>[0],
    options?: CallOptions,
  ): ReturnType<ScheduleStore['listSchedules']> {
    this.#begin(options)
    return this.#schedules.list(request)
  }

  async dueSchedules(
    request: Parameters<ScheduleStore['dueSchedules']>[0],
    options?: CallOptions,
  ): ReturnType<ScheduleStore['dueSchedules']> {
    const now = this.#begin(options)
    return { now, ...this.#schedules.due(request.queues, request.limit, now) }
  }

  async advanceSchedules(
    advances: readonly ScheduleAdvance[],
    options?: CallOptions,
  ): Promise<readonly AdvanceResult[]> {
    const now = this.#begin(options)
    return this.#done(this.#schedules.advance(advances, this.#enqueuer, now))
  }

  async removeSchedules(
    refs: readonly ScheduleRef[],
    options?: CallOptions,
  ): Promise<readonly boolean[]> {
    this.#begin(options)
    return refs.map((ref) => this.#schedules.remove(ref))
  }

  subscribe(listener: (wakeUp: WakeUp) => void): () => void {
    this.#begin()
    return this.#state.wakeUps.subscribe(listener)
  }

  async ping(options?: CallOptions): Promise<void> {
    this.#begin(options)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#state.clear()
    this.#schedules.clear()
  }

  /** Refuses a call that must not begin, else answers with the present. */
  #begin(options?: CallOptions): number {
    if (this.#isClosed) throw new JobsError('JOBS_STORE_CLOSED', 'the memory store was closed')
    if (options?.signal?.aborted === true) {
      throw new JobsError('JOBS_STORE_TIMEOUT', 'the call was aborted before it began', {
        retryable: true,
        cause: options.signal.reason,
      })
    }
    return this.#clock.now()
  }

  /** Sends the hints of a call that is done. */
  #done<T>(result: T): T {
    this.#state.wakeUps.send()
    return result
  }

  #prune(limit: number, now: number): number {
    let pruned = 0
    let retired = 0
    for (const queue of this.#state.queues.values()) {
      for (; retired < limit && pruned < limit; retired++) {
        const retained = queue.takeRetained(now)
        if (retained === undefined) break
        if (this.#transitions.retire(retained, now)) pruned += 1
      }
      for (; pruned < limit; pruned++) {
        const job = queue.history.takeExpired(now)
        if (job === undefined) break
        this.#transitions.forget(job)
      }
      queue.dropEmptyLanes(now)
    }
    return pruned
  }

  #nextUpkeepInMs(now: number): number | null {
    let next = this.#state.leases.first()?.expiresAt ?? Infinity
    for (const queue of this.#state.queues.values()) {
      next = Math.min(next, queue.history.nextExpiryAt(), queue.nextReleaseAt)
    }
    return next === Infinity ? null : Math.max(0, next - now)
  }

  #act(refs: readonly JobRef[], action: (job: Job) => boolean | Job): readonly ActionResult[] {
    return refs.map((ref): ActionResult => {
      const job = this.#state.find(ref)
      if (job === undefined) return { status: 'notFound' }
      const done = action(job)
      if (typeof done === 'boolean') {
        return { status: done ? 'changed' : 'unchanged', job: toRecord(job) }
      }
      return { status: 'keyTaken', job: toRecord(job), holderId: done.id }
    })
  }
}
