import {
  JobsError,
  MAX_LOG_LINES,
  systemPorts,
  type ActionResult,
  type AttemptReport,
  type CallOptions,
  type ClaimedJob,
  type ClaimRequest,
  type ClaimResult,
  type Clock,
  type ControlScope,
  type EnqueueResult,
  type JobCounts,
  type JobFilter,
  type JobRecord,
  type JobRef,
  type JobStatus,
  type JobStore,
  type Lease,
  type LeaseState,
  type NewJob,
  type Random,
  type Settlement,
  type SettleResult,
  type StoreCapabilities,
  type WakeUp,
} from '@cgk/jobs-core'
import { History, type HistoryOptions } from './history.ts'
import { beginGeneration, createJob, toClaimedJob, toRecord, type Job } from './job.ts'
import { Leases } from './leases.ts'
import { QueueState } from './queue-state.ts'
import {
  CANCELLED,
  COMPLETED,
  emptyTally,
  FAILED,
  RUNNING,
  STANDINGS,
  toCounts,
  type Standing,
} from './standing.ts'
import { WakeUps } from './wake-ups.ts'

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

const NO_CAPABILITIES: StoreCapabilities = Object.freeze({
  uniqueKeys: false,
  orderingKeys: false,
  concurrencyKeys: false,
})

/**
 * Nothing here awaits, so that each call is done before its promise is handed out: this is what makes
 * it atomic.
 */
class MemoryStore implements JobStore {
  readonly name = 'memory'
  readonly capabilities = NO_CAPABILITIES
  readonly #clock: Pick<Clock, 'now'>
  readonly #random: Random
  readonly #historyOptions: HistoryOptions
  readonly #queues = new Map<string, QueueState>()
  readonly #leases = new Leases()
  readonly #wakeUps = new WakeUps()
  #isClosed = false

  constructor({
    clock = systemPorts.clock,
    random = systemPorts.random,
    history = {},
  }: MemoryStoreOptions) {
    this.#clock = clock
    this.#random = random
    this.#historyOptions = history
    new History(history) // Refuses bad bounds now, and not at the first job.
  }

  async enqueue(jobs: readonly NewJob[], options?: CallOptions): Promise<readonly EnqueueResult[]> {
    this.#checkCall(options)
    checkSupported(jobs)
    const now = this.#clock.now()
    const results = this.#enqueue(jobs, now)
    this.#wakeUps.send()
    return results
  }

  async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    this.#checkCall(options)
    return this.#claim(request, this.#clock.now())
  }

  async extend(
    request: { readonly leases: readonly Lease[]; readonly leaseMs: number },
    options?: CallOptions,
  ): Promise<readonly LeaseState[]> {
    this.#checkCall(options)
    const expiresAt = this.#clock.now() + request.leaseMs
    return request.leases.map((lease): LeaseState => {
      const job = this.#findHeld(lease)
      if (job === undefined) return 'lost'
      this.#leases.extend(job, expiresAt)
      if (job.standing === CANCELLED) return 'cancelled'
      return job.lane.paused || job.lane.queue.paused ? 'paused' : 'held'
    })
  }

  async settle(
    request: { readonly settlements: readonly Settlement[]; readonly claim?: ClaimRequest },
    options?: CallOptions,
  ): Promise<{ readonly results: readonly SettleResult[]; readonly claimed: ClaimResult | null }> {
    this.#checkCall(options)
    for (const { followUps } of request.settlements) checkSupported(followUps)
    const now = this.#clock.now()
    const results: SettleResult[] = []
    for (const settlement of request.settlements) results.push(this.#settle(settlement, now))
    const claimed = request.claim === undefined ? null : this.#claim(request.claim, now)
    this.#wakeUps.send()
    return { results, claimed }
  }

  async report(
    reports: readonly AttemptReport[],
    options?: CallOptions,
  ): Promise<readonly boolean[]> {
    this.#checkCall(options)
    const now = this.#clock.now()
    return reports.map(({ lease, progress, log }) => {
      const job = this.#findHeld(lease)
      // An end absorbs: what a cancelled attempt still says is not written into the record.
      if (job === undefined || job.standing !== RUNNING) return false
      if (progress !== undefined) job.progress = progress
      if (log !== undefined) job.log = Object.freeze([...job.log, ...log].slice(-MAX_LOG_LINES))
      job.updatedAt = now
      return true
    })
  }

  async maintain(
    request: { readonly limit: number },
    options?: CallOptions,
  ): Promise<{
    readonly reclaimed: number
    readonly pruned: number
    readonly nextInMs: number | null
  }> {
    this.#checkCall(options)
    const now = this.#clock.now()
    const reclaimed = this.#reclaim(request.limit, now)
    const pruned = this.#prune(request.limit - reclaimed, now)
    this.#wakeUps.send()
    return { reclaimed, pruned, nextInMs: this.#nextUpkeepInMs(now) }
  }

  async get(
    refs: readonly JobRef[],
    options?: CallOptions,
  ): Promise<readonly (JobRecord | null)[]> {
    this.#checkCall(options)
    return refs.map((ref) => {
      const job = this.#find(ref)
      return job === undefined ? null : toRecord(job, job.log)
    })
  }

  async list(
    request: JobFilter & {
      readonly statuses?: readonly JobStatus[]
      readonly limit: number
      readonly cursor?: string
    },
    options?: CallOptions,
  ): Promise<{ readonly jobs: readonly JobRecord[]; readonly nextCursor: string | null }> {
    this.#checkCall(options)
    const before = request.cursor === undefined ? Infinity : readCursor(request.cursor)
    const queue = this.#queues.get(request.queue)
    const jobs: JobRecord[] = []
    if (queue === undefined) return { jobs, nextCursor: null }
    queue.promote(this.#clock.now())
    const { tenantId, names, limit } = request
    const standings = standingsNamed(request.statuses)
    let last = before
    for (const job of queue.newestFirst(before)) {
      if (tenantId !== undefined && job.lane.tenantId !== tenantId) continue
      if (standings !== null && !standings.includes(job.standing)) continue
      if (names !== undefined && !names.includes(job.name)) continue
      if (jobs.length >= limit) return { jobs, nextCursor: writeCursor(last) }
      jobs.push(toRecord(job))
      last = job.serial
    }
    return { jobs, nextCursor: null }
  }

  async counts(
    request: { readonly queue: string; readonly tenantId?: string | null },
    options?: CallOptions,
  ): Promise<JobCounts> {
    this.#checkCall(options)
    const queue = this.#queues.get(request.queue)
    queue?.promote(this.#clock.now())
    const scope = request.tenantId === undefined ? queue : queue?.findLane(request.tenantId)
    return toCounts(scope?.tally ?? emptyTally())
  }

  async cancel(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    this.#checkCall(options)
    const now = this.#clock.now()
    const results = refs.map((ref) => this.#act(ref, (job) => this.#cancel(job, now)))
    this.#wakeUps.send()
    return results
  }

  async retry(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    this.#checkCall(options)
    const now = this.#clock.now()
    const results = refs.map((ref) => this.#act(ref, (job) => this.#retry(job, now)))
    this.#wakeUps.send()
    return results
  }

  async remove(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    this.#checkCall(options)
    return refs.map((ref) => this.#act(ref, remove))
  }

  async pause({ queue: name, tenantId }: ControlScope, options?: CallOptions): Promise<void> {
    this.#checkCall(options)
    const queue = this.#queueOf(name)
    if (tenantId === undefined) queue.paused = true
    else queue.pauseTenant(tenantId)
    this.#wakeUps.changed(name)
    this.#wakeUps.send()
  }

  async resume({ queue: name, tenantId }: ControlScope, options?: CallOptions): Promise<void> {
    this.#checkCall(options)
    const queue = this.#queueOf(name)
    if (tenantId === undefined) queue.paused = false
    else queue.resumeTenant(tenantId)
    queue.promote(this.#clock.now())
    if (queue.hasReady || queue.hasSuspects) this.#wakeUps.ready(name)
    this.#wakeUps.send()
  }

  async isPaused({ queue: name, tenantId }: ControlScope, options?: CallOptions): Promise<boolean> {
    this.#checkCall(options)
    const queue = this.#queues.get(name)
    if (queue === undefined) return false
    return tenantId === undefined ? queue.paused : queue.isTenantPaused(tenantId)
  }

  subscribe(listener: (wakeUp: WakeUp) => void): () => void {
    this.#checkCall()
    return this.#wakeUps.subscribe(listener)
  }

  async ping(options?: CallOptions): Promise<void> {
    this.#checkCall(options)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#queues.clear()
    this.#wakeUps.clear()
  }

  #checkCall(options?: CallOptions): void {
    if (this.#isClosed) throw new JobsError('JOBS_STORE_CLOSED', 'the memory store was closed')
    if (options?.signal?.aborted === true) {
      throw new JobsError('JOBS_STORE_TIMEOUT', 'the call was aborted before it began', {
        retryable: true,
        cause: options.signal.reason,
      })
    }
  }

  #queueOf(name: string): QueueState {
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = new QueueState(name, new History(this.#historyOptions), this.#random)
      this.#queues.set(name, queue)
    }
    return queue
  }

  #find(ref: JobRef): Job | undefined {
    return this.#queues.get(ref.queue)?.find(ref.tenantId, ref.id)
  }

  /** The job, if the lease is its current one. */
  #findHeld(lease: Lease): Job | undefined {
    const job = this.#find(lease)
    return job?.leaseStage === 'held' && job.token === lease.token ? job : undefined
  }

  #enqueue(inputs: readonly NewJob[], now: number): EnqueueResult[] {
    const results: EnqueueResult[] = []
    for (const input of inputs) {
      const queue = this.#queueOf(input.queue)
      const lane = queue.laneOf(input.tenantId)
      if (input.jobId !== undefined) {
        const existing = queue.find(input.tenantId, input.jobId)
        if (existing !== undefined) {
          results.push({ status: 'existing', job: toRecord(existing) })
          continue
        }
      }
      // What came due earlier is admitted earlier.
      queue.promote(now)
      const id = input.jobId ?? queue.makeId(lane, now)
      const runAt = input.runAt ?? now + (input.delayMs ?? 0)
      const job = createJob(lane, id, input, now, runAt)
      queue.add(job)
      if (queue.wait(job, now)) this.#wakeUps.ready(queue.name)
      results.push({ status: 'enqueued', id, createdAt: now, runAt })
    }
    return results
  }

  #claim(request: ClaimRequest, now: number): ClaimResult {
    const queue = this.#queues.get(request.queue)
    if (queue === undefined || queue.paused) {
      return { jobs: [], nextDueInMs: null, hasSuspects: false }
    }
    queue.promote(now)
    const room = request.slots + request.prefetch
    const limit = request.suspects ? Math.min(1, room) : room
    const expiresAt = now + request.leaseMs
    const jobs: ClaimedJob[] = []
    let nonce = ''
    while (jobs.length < limit) {
      const job = request.suspects ? queue.takeSuspect() : queue.takeReady()
      if (job === undefined) break
      nonce ||= this.#random.hex(16)
      queue.stand(job, RUNNING)
      job.attempts++
      job.startedAt = now
      job.updatedAt = now
      this.#leases.grant(job, expiresAt, nonce)
      jobs.push(toClaimedJob(job))
    }
    const { hasSuspects, nextDueAt } = queue
    const hasMore = queue.hasReady || (request.suspects && hasSuspects)
    const nextDueInMs = nextDueAt === null ? null : nextDueAt - now
    return { jobs, nextDueInMs: hasMore ? 0 : nextDueInMs, hasSuspects }
  }

  #settle({ lease, outcome, followUps, discard }: Settlement, now: number): SettleResult {
    const job = this.#find(lease)
    if (job === undefined || job.token !== lease.token || job.leaseStage === 'none') return 'lost'
    // Not held: this settlement was recorded before, and its reply lost.
    if (job.leaseStage !== 'held') return job.leaseStage
    if (job.standing === CANCELLED) {
      this.#leases.end(job, 'cancelled')
      archive(job)
      return 'cancelled'
    }
    this.#leases.end(job, 'settled')
    job.updatedAt = now
    // An attempt given back has shown nothing: its handler may not even have begun.
    if (outcome.type !== 'release') job.isSuspect = false
    switch (outcome.type) {
      case 'complete':
        job.result = outcome.result
        job.error = null
        end(job, COMPLETED, now, discard)
        break
      case 'fail':
        job.error = Object.freeze({ ...outcome.error })
        end(job, FAILED, now, discard)
        break
      case 'retry':
        job.error = Object.freeze({ ...outcome.error })
        this.#wait(job, outcome.delayMs, now)
        break
      case 'release':
        job.attempts--
        job.releases++
        this.#wait(job, outcome.delayMs, now)
        break
    }
    if (followUps.length > 0) this.#enqueue(followUps, now)
    return 'settled'
  }

  #wait(job: Job, delayMs: number, now: number): void {
    const { queue } = job.lane
    job.runAt = now + delayMs
    if (queue.wait(job, now)) this.#wakeUps.ready(queue.name)
  }

  /** Takes back expired leases, the one that expired first first. */
  #reclaim(limit: number, now: number): number {
    let reclaimed = 0
    for (; reclaimed < limit; reclaimed++) {
      const job = this.#leases.first()
      if (job === undefined || job.expiresAt > now) break
      this.#leases.end(job, 'none')
      if (job.standing === CANCELLED) {
        archive(job)
        continue
      }
      const { queue } = job.lane
      job.attempts--
      job.lostLeases++
      job.updatedAt = now
      job.isSuspect = true
      if (queue.wait(job, now)) this.#wakeUps.ready(queue.name)
    }
    return reclaimed
  }

  #prune(limit: number, now: number): number {
    let pruned = 0
    for (const queue of this.#queues.values()) {
      for (; pruned < limit; pruned++) {
        const job = queue.history.takeExpired(now)
        if (job === undefined) break
        queue.forget(job)
      }
      queue.dropEmptyLanes()
    }
    return pruned
  }

  #nextUpkeepInMs(now: number): number | null {
    let next = this.#leases.first()?.expiresAt ?? Infinity
    for (const queue of this.#queues.values()) next = Math.min(next, queue.history.nextExpiryAt())
    return next === Infinity ? null : Math.max(0, next - now)
  }

  #act(ref: JobRef, action: (job: Job) => boolean): ActionResult {
    const job = this.#find(ref)
    if (job === undefined) return { status: 'notFound' }
    const status = action(job) ? 'changed' : 'unchanged'
    return { status, job: toRecord(job) }
  }

  #cancel(job: Job, now: number): boolean {
    if (hasEnded(job)) return false
    job.updatedAt = now
    if (job.standing === RUNNING) {
      const { queue } = job.lane
      job.endedAt = now
      queue.stand(job, CANCELLED)
      this.#wakeUps.changed(queue.name)
    } else {
      job.lane.queue.withdraw(job)
      end(job, CANCELLED, now, false)
    }
    return true
  }

  #retry(job: Job, now: number): boolean {
    const { queue } = job.lane
    if ((job.standing !== FAILED && job.standing !== CANCELLED) || job.leaseStage === 'held') {
      return false
    }
    queue.promote(now)
    queue.withdraw(job)
    beginGeneration(job, now)
    if (queue.wait(job, now)) this.#wakeUps.ready(queue.name)
    return true
  }
}

function checkSupported(jobs: readonly NewJob[]): void {
  for (const job of jobs) {
    if (job.uniqueKey !== undefined) refuse(job, 'uniqueKey', 'uniqueKeys')
    if (job.orderingKey !== undefined) refuse(job, 'orderingKey', 'orderingKeys')
    if (job.concurrencyKey !== undefined) refuse(job, 'concurrencyKey', 'concurrencyKeys')
  }
}

function refuse(job: NewJob, option: string, capability: string): never {
  throw new JobsError(
    'JOBS_UNSUPPORTED',
    `the memory store lacks the capability ${capability}: enqueue ${job.name} without ${option}, or choose another store`,
  )
}

function remove(job: Job): boolean {
  if (job.leaseStage === 'held') return false
  job.lane.queue.forget(job)
  return true
}

function hasEnded({ standing }: Job): boolean {
  return standing === COMPLETED || standing === FAILED || standing === CANCELLED
}

/** Ends a job that no worker holds. */
function end(job: Job, standing: Standing, now: number, discard: boolean): void {
  const { queue } = job.lane
  job.endedAt = now
  job.updatedAt = now
  queue.stand(job, standing)
  if (discard) queue.forget(job)
  else archive(job)
}

/** Keeps an ended job that no worker holds, within the bounds of its queue's history. */
function archive(job: Job): void {
  const { queue } = job.lane
  const surplus = queue.history.add(job)
  if (surplus !== undefined) queue.forget(surplus)
}

function standingsNamed(statuses: readonly JobStatus[] | undefined): readonly Standing[] | null {
  if (statuses === undefined) return null
  return STANDINGS.filter(({ status }) => statuses.includes(status))
}

function writeCursor(serial: number): string {
  return serial.toString(36)
}

function readCursor(cursor: string): number {
  const serial = Number.parseInt(cursor, 36)
  if (writeCursor(serial) === cursor) return serial
  throw new JobsError('JOBS_INVALID_OPTION', 'the cursor is not one that this store handed out')
}
