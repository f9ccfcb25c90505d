import { Allowance, type AllowanceOwner } from './allowance.ts'
import type { Bucket } from './bucket.ts'
import { FairOrder } from './fair-order.ts'
import type { Job } from './job.ts'
import type { Lane } from './lane.ts'
import type { Openings } from './openings.ts'

/**
 * What claims of one queue are offered, and in which order.
 *
 * A lane is in the fair order only while a job of it may start: one that is paused or at its limit is in
 * nothing that a claim looks at, so that it costs claims nothing, however many there are. It comes back
 * by itself: by an alarm where time brings it, else with the release, the resume or the change of limits
 * that makes room.
 */
export class Dispatch implements AllowanceOwner {
  /** Of the queue as a whole. */
  readonly allowance: Allowance = new Allowance(this)
  readonly #fairOrder: FairOrder
  /** The lanes of which a suspect may be claimed, the one whose turn it is first. */
  readonly #suspectLanes = new Set<Lane>()
  readonly #openings: Openings

  /** @param lanes - all of the queue. */
  constructor(openings: Openings, lanes: () => Iterable<Lane>) {
    this.#openings = openings
    this.#fairOrder = new FairOrder(lanes)
  }

  get hasReady(): boolean {
    return !this.#fairOrder.isEmpty && this.#isOpen
  }

  get hasSuspects(): boolean {
    return this.#suspectLanes.size > 0 && this.#isOpen
  }

  /** Whether a job waits that only the end of a lease can let start. */
  get awaitsRelease(): boolean {
    return this.#openings.awaitsRelease || (this.allowance.isUsedUp && this.#hasCandidates)
  }

  /** When time lets a job start that is due and may not now; `Infinity` for never. */
  get nextOpeningAt(): number {
    if (!this.#isOpen && this.#hasCandidates) return this.allowance.opensAt
    return this.#openings.nextAt
  }

  /** Takes the job whose turn it is. */
  takeReady(): Job | undefined {
    return this.#isOpen ? this.#fairOrder.take() : undefined
  }

  /** Takes jobs that neither a limit nor a key governs, in their turn. */
  takeUngoverned(count: number): Job[] {
    if (this.allowance.isLimited || !this.#isOpen) return []
    return this.#fairOrder.takeUngoverned(count)
  }

  /** Takes the next suspect, the tenants taking turns. */
  takeSuspect(): Job | undefined {
    if (!this.hasSuspects) return undefined
    const [lane] = this.#suspectLanes
    const job = lane!.takeSuspect()
    this.#suspectLanes.delete(lane!)
    if (lane!.hasSuspects) this.#suspectLanes.add(lane!)
    return job
  }

  /** Offers a job to claimers. */
  expose(job: Job): void {
    const { lane } = job
    const bucket = this.#bucketOf(job)
    if (bucket !== null) {
      const { jobs, suspects } = bucket
      ;(job.isSuspect ? suspects : jobs).push(job)
      this.refreshBucket(bucket)
    } else if (job.isSuspect) {
      lane.suspects.push(job)
      this.refresh(lane)
    } else {
      lane.ready.push(job)
      if (lane.home === null) this.refresh(lane)
    }
  }

  /** Takes a job out of whatever it waits or rests in. */
  takeOut(job: Job): void {
    const { home, lane } = job
    if (home === null) return
    const bucket = this.#bucketHolding(job)
    home.remove(job)
    if (bucket !== undefined) this.refreshBucket(bucket)
    else if (home === lane.suspects || (home === lane.ready && home.size === 0)) this.refresh(lane)
  }

  /** Whether claimers are offered the job, as far as it lies with its key. */
  isExposed(job: Job): boolean {
    const { home, lane } = job
    if (home === null) return false
    return home === lane.ready || home === lane.suspects || this.#bucketHolding(job) !== undefined
  }

  /** A job was claimed. */
  granted(job: Job, now: number): void {
    const { lane, extras } = job
    this.allowance.take(now)
    lane.allowance.take(now)
    if (!lane.allowance.isFree) this.refresh(lane)
    if (extras.limiter !== null) {
      const bucket = lane.buckets!.get(extras.limiter)!
      bucket.allowance!.take(now)
      this.refreshBucket(bucket)
    } else if (lane.open.length > 0) {
      this.#tidy(lane)
    }
    if (extras.keys !== null) job.ties?.gate?.scope?.allowance.take(now)
  }

  /** The lease of a job has ended; whether something may be claimed that could not be before. */
  released(job: Job): boolean {
    const { lane, extras } = job
    const wasOpen = this.#isOpen
    this.allowance.leased--
    lane.allowance.leased--
    let opened: boolean = !wasOpen && this.#isOpen && this.#hasCandidates
    if (!lane.allowance.isFree) opened = this.refresh(lane) || opened
    if (extras.limiter !== null) {
      const bucket = lane.buckets!.get(extras.limiter)!
      bucket.allowance!.leased--
      opened = this.refreshBucket(bucket) || opened
    }
    const scope = extras.keys === null ? null : job.ties?.gate?.scope
    if (scope != null) {
      scope.allowance.leased--
      opened = scope.reconsider() || opened
    }
    return opened && this.#isOpen
  }

  /** The limiter of a job that is leased, if it has one. */
  limiterOf({ lane, extras }: Job): Allowance | null {
    return extras.limiter === null ? null : lane.buckets!.get(extras.limiter)!.allowance
  }

  /** Whether one of the scopes of a job is paused. */
  isPaused(job: Job): boolean {
    const { lane } = job
    if (this.allowance.paused || lane.allowance.paused) return true
    if (this.limiterOf(job)?.paused === true) return true
    return job.ties?.gate?.scope?.allowance.paused === true
  }

  /** Puts a lane where it belongs; whether something of it may be claimed that could not be before. */
  refresh(lane: Lane): boolean {
    const { hasReady, hasSuspects } = lane
    const couldBefore = this.#isCandidate(lane)
    const can = this.#openings.admits(lane.allowance, hasReady || hasSuspects)
    if (can && hasReady) this.#fairOrder.enter(lane)
    else this.#fairOrder.leave(lane)
    if (can && hasSuspects) this.#suspectLanes.add(lane)
    else this.#suspectLanes.delete(lane)
    return can && !couldBefore
  }

  /** Opens or closes a bucket of a lane; whether something may be claimed that could not be before. */
  refreshBucket(bucket: Bucket): boolean {
    const { lane, allowance } = bucket
    const isOpen =
      allowance === null ? !bucket.isEmpty : this.#openings.admits(allowance, !bucket.isEmpty)
    const opened = isOpen && !bucket.isOpen
    if (opened) lane.open.push(bucket)
    else if (bucket.isOpen && !isOpen) lane.open.splice(lane.open.indexOf(bucket), 1)
    bucket.isOpen = isOpen
    // A lane that could be claimed from before may now give more than it could.
    return this.refresh(lane) || (opened && this.#isCandidate(lane))
  }

  /** The limits of the queue as a whole have changed. */
  reconsider(): boolean {
    return this.#isOpen && this.#hasCandidates
  }

  /** Whether something of the lane may be claimed now. */
  offers(lane: Lane): boolean {
    return this.#isOpen && this.#isCandidate(lane)
  }

  /** See {@link FairOrder.mayForget}. */
  mayForget(lane: Lane, now: number): boolean {
    return this.#fairOrder.mayForget(lane) && lane.mayForget(now)
  }

  get #isOpen(): boolean {
    return this.#openings.isOpen(this.allowance)
  }

  get #hasCandidates(): boolean {
    return !this.#fairOrder.isEmpty || this.#suspectLanes.size > 0
  }

  #isCandidate(lane: Lane): boolean {
    return lane.home !== null || this.#suspectLanes.has(lane)
  }

  /** The bucket of a job; `null` where neither a key nor a limiter governs when it is offered. */
  #bucketOf(job: Job): Bucket | null {
    const { lane, extras, ties } = job
    if (extras.limiter === null && (job.isSuspect || ties === null || ties.gate === null))
      return null
    return lane.queue.bucketOf(lane, extras.limiter)
  }

  #bucketHolding({ home, lane, extras }: Job): Bucket | undefined {
    const bucket = lane.buckets?.get(extras.limiter)
    return home !== null && (home === bucket?.jobs || home === bucket?.suspects)
      ? bucket
      : undefined
  }

  /** Closes the bucket of keys when its last job was claimed. */
  #tidy(lane: Lane): void {
    const bucket = lane.buckets?.get(null)
    if (bucket !== undefined && bucket.isOpen && bucket.isEmpty) this.refreshBucket(bucket)
  }
}
