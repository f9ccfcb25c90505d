import type { Random } from '@cgk/jobs-core'
import { CreationLog } from './creation-log.ts'
import { FairOrder } from './fair-order.ts'
import type { History } from './history.ts'
import { JobIds, serialIn } from './job-ids.ts'
import type { Job } from './job.ts'
import { Lane } from './lane.ts'
import { SortedQueue } from './sorted-queue.ts'
import { emptyTally, PENDING, RETRYING, SCHEDULED, type Standing, type Tally } from './standing.ts'

/** One queue: where each of its jobs waits or rests, and how many there are of each standing. */
export class QueueState {
  readonly name: string
  readonly history: History
  readonly tally: Tally = emptyTally()
  paused = false
  readonly #log = new CreationLog<Job>()
  readonly #ids: JobIds
  readonly #lanes = new Map<string | null, Lane>()
  /** Lanes that have had no job at some time since they were last looked at. */
  readonly #emptied = new Set<Lane>()
  readonly #pausedTenants = new Set<string | null>()
  readonly #fairOrder = new FairOrder()
  readonly #delayed = new SortedQueue<Job>((a, b) => a.runAt - b.runAt || a.serial - b.serial)
  /** The lanes that have suspects and are not paused, the one whose turn it is first. */
  readonly #suspectLanes = new Set<Lane>()
  #admissions = 0

  constructor(name: string, history: History, random: Random) {
    this.name = name
    this.history = history
    this.#ids = new JobIds(random)
  }

  /** The tenant's lane, made if there is none. */
  laneOf(tenantId: string | null): Lane {
    let lane = this.#lanes.get(tenantId)
    if (lane === undefined) {
      lane = new Lane(this, tenantId, this.#pausedTenants.has(tenantId))
      this.#lanes.set(tenantId, lane)
    }
    return lane
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

  /** Lets go of tenants without jobs, so that those who never come back take no room. */
  dropEmptyLanes(): void {
    for (const lane of this.#emptied) {
      if (lane.size > 0) this.#emptied.delete(lane)
      else if (this.#fairOrder.mayForget(lane)) {
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
   * Lets a job wait until it is due, and tells whether claimers should hear of it: it may be claimed at
   * once, or is due before all that they know of.
   */
  wait(job: Job, now: number): boolean {
    if (job.runAt <= now) {
      this.#admit(job)
      return this.#isOpen(job.lane)
    }
    this.stand(job, job.attempts > 0 ? RETRYING : SCHEDULED)
    this.#delayed.push(job)
    return this.#delayed.peek() === job
  }

  /** Takes a job out of whatever it waits or rests in. */
  withdraw(job: Job): void {
    const { lane } = job
    job.home?.remove(job)
    if (lane.ready.size === 0) this.#fairOrder.leave(lane)
    if (lane.suspects.size === 0) this.#suspectLanes.delete(lane)
  }

  /** Makes ready what has come due. To be called before anything that depends on it. */
  promote(now: number): void {
    for (let next = this.#delayed.peek(); next !== undefined; next = this.#delayed.peek()) {
      if (next.runAt > now) return
      this.#delayed.remove(next)
      this.#admit(next)
    }
  }

  get hasReady(): boolean {
    return !this.paused && !this.#fairOrder.isEmpty
  }

  get hasSuspects(): boolean {
    return !this.paused && this.#suspectLanes.size > 0
  }

  /** When the first job that waits for its time is due; `null` if none does. */
  get nextDueAt(): number | null {
    return this.#delayed.peek()?.runAt ?? null
  }

  /** Takes the job whose turn it is. The queue must not be paused. */
  takeReady(): Job | undefined {
    return this.#fairOrder.take()
  }

  /** Takes the next suspect, the tenants taking turns. The queue must not be paused. */
  takeSuspect(): Job | undefined {
    const [lane] = this.#suspectLanes
    if (lane === undefined) return undefined
    const job = lane.suspects.pop()
    this.#suspectLanes.delete(lane)
    if (lane.suspects.size > 0) this.#suspectLanes.add(lane)
    return job
  }

  isTenantPaused(tenantId: string | null): boolean {
    return this.#pausedTenants.has(tenantId)
  }

  pauseTenant(tenantId: string | null): void {
    this.#pausedTenants.add(tenantId)
    const lane = this.#lanes.get(tenantId)
    if (lane === undefined || lane.paused) return
    lane.paused = true
    this.#fairOrder.leave(lane)
    this.#suspectLanes.delete(lane)
  }

  resumeTenant(tenantId: string | null): void {
    this.#pausedTenants.delete(tenantId)
    const lane = this.#lanes.get(tenantId)
    if (lane === undefined || !lane.paused) return
    lane.paused = false
    if (lane.ready.size > 0) this.#fairOrder.enter(lane)
    if (lane.suspects.size > 0) this.#suspectLanes.add(lane)
  }

  #admit(job: Job): void {
    const { lane } = job
    this.stand(job, job.attempts > 0 ? RETRYING : PENDING)
    if (job.admission === 0) job.admission = ++this.#admissions
    if (job.isSuspect) {
      lane.suspects.push(job)
      if (!lane.paused) this.#suspectLanes.add(lane)
      return
    }
    lane.ready.push(job)
    if (!lane.paused) this.#fairOrder.enter(lane)
  }

  #isOpen(lane: Lane): boolean {
    return !this.paused && !lane.paused
  }
}
