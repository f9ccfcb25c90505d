import {
  DEFAULT_WEIGHT,
  EACH_TENANT,
  type LimitChange,
  type LimitScope,
  type Random,
} from '@cgk/jobs-core'
import type { Allowance } from './allowance.ts'
import { Bucket } from './bucket.ts'
import { ConcurrencyGate } from './concurrency-gate.ts'
import { CreationLog } from './creation-log.ts'
import { Delays } from './delays.ts'
import { Dispatch } from './dispatch.ts'
import type { History } from './history.ts'
import { JobIds, serialIn } from './job-ids.ts'
import type { Job } from './job.ts'
import { KeyScope } from './key-scope.ts'
import { Lane } from './lane.ts'
import { LimitBook } from './limit-book.ts'
import { Openings } from './openings.ts'
import { OrderingLine } from './ordering-line.ts'
import { SortedQueue } from './sorted-queue.ts'
import { emptyTally, PENDING, RETRYING, SCHEDULED, type Standing, type Tally } from './standing.ts'
import type { WakeUps } from './wake-ups.ts'

/** One queue: where each of its jobs waits or rests, and how many there are of each standing. */
export class QueueState {
  readonly name: string
  readonly history: History
  readonly tally: Tally = emptyTally()
  readonly limits: LimitBook
  readonly openings: Openings = new Openings()
  readonly dispatch: Dispatch
  readonly #log = new CreationLog<Job>()
  readonly #ids: JobIds
  readonly #lanes = new Map<string | null, Lane>()
  /** Lanes that have had no job at some time since they were last looked at. */
  readonly #emptied = new Set<Lane>()
  readonly #delays = new Delays()
  #turns = 0
  /** Ended jobs whose unique key is held for longer, by the end of its window. */
  readonly #retained = new SortedQueue<Job>((a, b) => a.ties!.retainedUntil - b.ties!.retainedUntil)
  readonly #wakeUps: WakeUps
  #admissions = 0
  /** The latest instant of which anything here was told. */
  #now = 0
  /** Until when a claimer may rest, by what it was told or hinted at last. */
  #restUntil = Infinity

  constructor(name: string, history: History, random: Random, wakeUps: WakeUps) {
    this.name = name
    this.history = history
    this.#wakeUps = wakeUps
    this.#ids = new JobIds(random)
    this.limits = new LimitBook(name)
    this.dispatch = new Dispatch(this.openings, () => this.#lanes.values())
  }

  /** The tenant's lane, made if there is none. */
  laneOf(tenantId: string | null): Lane {
    let lane = this.#lanes.get(tenantId)
    if (lane === undefined) {
      lane = new Lane(this, tenantId)
      this.#lanes.set(tenantId, lane)
      if (!this.limits.isEmpty) this.#applyTo(lane)
    }
    return lane
  }

  /** All lanes there are. */
  get lanes(): Iterable<Lane> {
    return this.#lanes.values()
  }

  /** What a limiter governs in a lane, made if there is nothing yet; `null` for what a key alone does. */
  bucketOf(lane: Lane, limiter: string | null): Bucket {
    const buckets = (lane.buckets ??= new Map())
    let bucket = buckets.get(limiter)
    if (bucket === undefined) {
      const effective =
        limiter === null
          ? null
          : this.limits.effective({ queue: this.name, tenantId: lane.tenantId, limiter })
      buckets.set(limiter, (bucket = new Bucket(lane, effective, this.#now)))
    }
    return bucket
  }

  /** The tenant's lane if there is one. */
  findLane(tenantId: string | null): Lane | undefined {
    return this.#lanes.get(tenantId)
  }

  /** The job of that id, if it is retained. */
  find(tenantId: string | null, id: string): Job | undefined {
    const job = this.#log.at(serialIn(id))
    if (job !== undefined && job.id === id && job.lane.tenantId === tenantId) return job
    return this.#lanes.get(tenantId)?.named?.get(id)
  }

  /** The jobs made before the one with the serial given, newest first. */
  newestFirst(before: number): Iterable<Job> {
    return this.#log.newestFirst(before)
  }

  /** A place in ordering lines, behind all places taken before. */
  takeTurn(): number {
    return this.#turns++
  }

  /** An id for the job to be added next. */
  makeId(lane: Lane, now: number): string {
    let madeAt = now
    let id = this.#ids.make(madeAt, this.#log.nextSerial)
    // Only a producer that guesses the next id can have taken it.
    while (lane.named?.has(id) === true) id = this.#ids.make(++madeAt, this.#log.nextSerial)
    return id
  }

  /** Takes up a job that was just made; {@link wait} tells where it goes. */
  add(job: Job): void {
    const { lane } = job
    this.#log.add(job)
    if (job.isNamed) (lane.named ??= new Map()).set(job.id, job)
    lane.size++
    this.tally[job.standing.index]!++
    lane.tally[job.standing.index]!++
  }

  /** Deletes a job, wherever it is. */
  forget(job: Job): void {
    const { lane } = job
    this.withdraw(job)
    this.#log.remove(job)
    if (job.isNamed) lane.named?.delete(job.id)
    lane.size--
    this.tally[job.standing.index]!--
    lane.tally[job.standing.index]!--
    if (lane.size === 0) this.#emptied.add(lane)
  }

  /** Keeps an ended job as long as the window of its unique key lasts. */
  retain(job: Job, until: number): void {
    job.ties!.retainedUntil = until
    this.#retained.push(job)
  }

  /** Gives up a job whose key is held no longer. */
  takeRetained(now: number): Job | undefined {
    return this.nextReleaseAt <= now ? this.#retained.pop() : undefined
  }

  /** When the first of those windows ends; `Infinity` for never. */
  get nextReleaseAt(): number {
    return this.#retained.peek()?.ties!.retainedUntil ?? Infinity
  }

  /** Lets go of tenants without jobs, so that those who never come back take no room. */
  dropEmptyLanes(now: number): void {
    for (const lane of this.#emptied) {
      if (lane.size > 0) this.#emptied.delete(lane)
      else if (this.dispatch.mayForget(lane, now)) {
        this.#emptied.delete(lane)
        this.#lanes.delete(lane.tenantId)
      }
    }
  }

  /** Gives a job another standing. */
  stand(job: Job, standing: Standing): void {
    const { tally } = job.lane
    const before = job.standing.index
    this.tally[before]!--
    tally[before]!--
    this.tally[standing.index]!++
    tally[standing.index]!++
    job.standing = standing
  }

  /**
   * Lets a job wait until it is due. Claimers hear of it if it may be claimed at once, or is due before
   * all that they know of.
   */
  wait(job: Job, now: number): void {
    if (job.runAt <= now) {
      const isOffered = this.#arrive(job)
      this.#hint(isOffered && this.dispatch.offers(job.lane))
      return
    }
    this.stand(job, job.attempts > 0 ? RETRYING : SCHEDULED)
    this.#delays.add(job)
    this.#hint(false)
  }

  /** Takes a job out of whatever it waits or rests in. */
  withdraw(job: Job): void {
    this.dispatch.takeOut(job)
    const gate = job.ties?.gate
    if (gate == null) return
    const letThrough = gate.withdrawn(job)
    const opened = gate.scope?.reconsider() === true
    this.#hint((letThrough || opened) && this.dispatch.offers(job.lane))
  }

  /** A job was claimed. */
  granted(job: Job, now: number): void {
    this.dispatch.granted(job, now)
    const gate = job.ties?.gate
    if (gate == null) return
    gate.granted(job)
    gate.scope?.reconsider()
  }

  /** The lease of a job has ended. */
  released(job: Job): void {
    const opened = this.dispatch.released(job)
    const letThrough = job.ties?.gate?.released(job) === true
    this.#hint(opened || (letThrough && this.dispatch.offers(job.lane)))
  }

  /** A job with an ordering or a concurrency key begins to live. */
  enterGate(job: Job): void {
    const { lane } = job
    const { keys } = job.extras
    if (keys === null || (keys.ordering === null && keys.concurrency === null)) return
    const name = keys.ordering === null ? `c${keys.concurrency}` : `o${keys.ordering}`
    const gates = (lane.gates ??= new Map())
    let gate = gates.get(name)
    if (gate === undefined) {
      const Gate = keys.ordering === null ? ConcurrencyGate : OrderingLine
      gates.set(name, (gate = new Gate(this, name)))
      gate.scope = this.#keyScopeOf(lane, name.slice(1))
    }
    job.ties!.gate = gate
    gate.enter(job)
  }

  /** A job has ended that no worker holds, or is to have other keys. */
  leaveGate(job: Job): void {
    const { lane, ties } = job
    const gate = ties?.gate
    if (gate == null) return
    ties!.gate = null
    this.#hint(gate.leave(job) && this.dispatch.offers(lane))
    if (gate.isEmpty) lane.gates!.delete(gate.name)
  }

  /** Offers a job to claimers. For gates alone, which keep others back. */
  expose(job: Job): void {
    this.dispatch.expose(job)
  }

  /** Takes back what was offered; whether it was. For gates alone. */
  conceal(job: Job): boolean {
    if (!this.dispatch.isExposed(job)) return false
    this.dispatch.takeOut(job)
    return true
  }

  /** See {@link Delays.rouse}. For gates alone. */
  rouse(job: Job): void {
    this.#delays.rouse(job)
  }

  /** See {@link Delays.lull}. For gates alone. */
  lull(job: Job): void {
    this.#delays.lull(job)
  }

  /** Makes ready what has come due. To be called before anything that depends on it. */
  promote(now: number): void {
    this.#now = now
    this.openings.wake(now)
    let job: Job | undefined
    while ((job = this.#delays.takeDue(now)) !== undefined) this.#arrive(job)
  }

  /** When time may let a job start that may not now; `Infinity` for never. */
  get nextDueAt(): number {
    const { allowance, nextOpeningAt } = this.dispatch
    if (allowance.paused) return Infinity
    return Math.max(Math.min(this.#delays.nextDueAt, nextOpeningAt), allowance.clearsAt)
  }

  /** A claimer was told that it may rest until then; `Infinity` for until it is hinted at something. */
  told(restUntil: number): void {
    this.#restUntil = Math.max(this.#restUntil, restUntil)
  }

  /** Takes note of what is said about a scope, and keeps to it from now on. */
  changeLimits(change: LimitChange, now: number): void {
    this.promote(now)
    this.limits.change(change)
    const { tenantId } = change.scope
    if (tenantId === undefined) {
      this.dispatch.allowance.apply(this.limits.effective(change.scope), now)
      this.#hint(this.dispatch.reconsider())
      return
    }
    const lanes = tenantId === EACH_TENANT ? this.#lanes.values() : [this.#lanes.get(tenantId)]
    for (const lane of lanes) if (lane !== undefined) this.#applyTo(lane)
  }

  /** How many jobs of a tenant may wait. */
  backlogOf(tenantId: string | null): number {
    const lane = this.#lanes.get(tenantId)
    if (lane !== undefined || this.limits.isEmpty) return lane?.backlog ?? Infinity
    return this.limits.effective({ queue: this.name, tenantId }).backlog ?? Infinity
  }

  /** What is left of the limits of a scope; `undefined` where nothing has come of it yet. */
  allowanceOf({ tenantId, limiter, key }: LimitScope): Allowance | undefined {
    if (tenantId === undefined) return this.dispatch.allowance
    const lane = this.#lanes.get(tenantId)
    if (lane === undefined) return undefined
    if (limiter !== undefined) return lane.buckets?.get(limiter)?.allowance ?? undefined
    return key === undefined ? lane.allowance : lane.keyScopes?.get(key)?.allowance
  }

  /** A job's time has come. Whether something may be claimed now that could not be before. */
  #arrive(job: Job): boolean {
    this.stand(job, job.attempts > 0 ? RETRYING : PENDING)
    if (job.admission === 0) job.admission = ++this.#admissions
    const { ties } = job
    if (ties !== null) {
      if (ties.hold?.successor === job) return false
      if (ties.gate !== null) return ties.gate.offer(job)
    }
    this.expose(job)
    return true
  }

  /** Lets everything in a lane keep to what its limits say now. */
  #applyTo(lane: Lane): void {
    const { limits } = this
    const scope = { queue: this.name, tenantId: lane.tenantId }
    const effective = limits.effective(scope)
    lane.weight = effective.weight ?? DEFAULT_WEIGHT
    lane.backlog = effective.backlog ?? Infinity
    lane.allowance.apply(effective, this.#now)
    lane.reconsider()
    for (const [limiter, bucket] of lane.buckets ?? []) {
      if (limiter === null) continue
      bucket.allowance!.apply(limits.effective({ ...scope, limiter }), this.#now)
      bucket.reconsider()
    }
    for (const [key, keyScope] of lane.keyScopes ?? []) {
      keyScope.allowance.apply(limits.effective({ ...scope, key }), this.#now)
      keyScope.reconsider()
    }
    for (const [name, gate] of lane.gates ?? []) {
      if (gate.scope !== null) continue
      gate.scope = this.#keyScopeOf(lane, name.slice(1))
      gate.scope?.reconsider()
    }
    this.#hint(this.dispatch.offers(lane))
  }

  #keyScopeOf(lane: Lane, key: string): KeyScope | null {
    const { tenantId } = lane
    const existing = lane.keyScopes?.get(key)
    if (existing !== undefined || !this.limits.concernsKey(tenantId, key)) return existing ?? null
    const effective = this.limits.effective({ queue: this.name, tenantId, key })
    const scope = new KeyScope(lane, key, effective, this.#now)
    ;(lane.keyScopes ??= new Map()).set(key, scope)
    return scope
  }

  /** Claimers hear of it if more may be claimed now, or something sooner than they were told. */
  #hint(more: boolean): void {
    const at = more ? this.#now : this.nextDueAt
    if (!more && at >= this.#restUntil) return
    this.#restUntil = at
    this.#wakeUps.ready(this.name)
  }
}
