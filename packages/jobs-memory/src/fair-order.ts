import type { Job } from './job.ts'
import type { Lane } from './lane.ts'
import { SortedQueue } from './sorted-queue.ts'

/**
 * What one claim adds to the virtual time of a lane of weight 1: the least common multiple of 1 to 20,
 * so that the share of every such weight is a whole number, and no order hangs on rounding.
 */
const SCALE = 232_792_560

/** Far enough from 2⁵³, the end of exact whole numbers. */
const LATEST = 2 ** 52

/** What is claimed ahead of its time is a convenience, not worth a walk over every lane. */
const MOST_PASSED = 64

/**
 * Whose turn it is: start-time fair queuing over the lanes that have something to claim.
 *
 * The lane that has had least for its weight goes first, and among equals the one that became eligible
 * first. A lane that comes (back) is set to the present, so that it gains nothing by having been idle,
 * paused or at its limit.
 *
 * @see Goyal, Vin, Cheng: Start-time Fair Queuing (SIGCOMM 1996)
 */
export class FairOrder {
  readonly #lanes: () => Iterable<Lane>
  /** The eligible lanes that have had no turn since they came. */
  readonly #newcomers = new SortedQueue<Lane>(byTurn)
  /**
   * Those that have had one. By themselves they queue up again in the order of their turns; one newcomer
   * among them, ahead of its turn, would send all that follow into the heap (measured 2026-11, at 100,000
   * tenants: a third of each claim).
   */
  readonly #regulars = new SortedQueue<Lane>(byTurn)
  #virtualTime = 0
  #activations = 0

  /** @param lanes - all there are, eligible or not. */
  constructor(lanes: () => Iterable<Lane>) {
    this.#lanes = lanes
  }

  get isEmpty(): boolean {
    return this.#newcomers.size === 0 && this.#regulars.size === 0
  }

  /** Takes up a lane from which something may be claimed; again, nothing happens. */
  enter(lane: Lane): void {
    if (lane.home !== null) return
    lane.virtualTime = Math.max(lane.virtualTime, this.#virtualTime)
    lane.activation = ++this.#activations
    this.#newcomers.push(lane)
  }

  /** Drops a lane from which nothing may be claimed; again, nothing happens. */
  leave(lane: Lane): void {
    lane.home?.remove(lane)
  }

  /** Takes the job whose turn it is out of its lane. */
  take(): Job | undefined {
    const lane = this.#pop()
    if (lane === undefined) return undefined
    this.#charge(lane)
    const job = lane.takeReady()
    if (lane.hasReady) this.#regulars.push(lane)
    return job
  }

  /**
   * Takes up to `count` jobs that neither a limit nor a key governs. Lanes that have no such job are
   * passed over and lose nothing by it.
   */
  takeUngoverned(count: number): Job[] {
    const jobs: Job[] = []
    const passed: Lane[] = []
    while (jobs.length < count && passed.length < MOST_PASSED) {
      const lane = this.#pop()
      if (lane === undefined) break
      const job = lane.allowance.isLimited ? undefined : lane.ready.pop()
      if (job === undefined) {
        passed.push(lane)
        continue
      }
      // Where others were passed over, the present is still theirs: it must not run away from them,
      // or who comes next would wait until they have caught up.
      if (passed.length === 0) this.#charge(lane)
      else lane.virtualTime += turnOf(lane)
      jobs.push(job)
      if (lane.hasReady) this.#regulars.push(lane)
    }
    for (const lane of passed) this.#newcomers.push(lane)
    return jobs
  }

  /**
   * Whether a lane that comes back may as well come as a new one: the present has caught up with it,
   * or nobody is there over whom it would gain a turn.
   */
  mayForget(lane: Lane): boolean {
    return this.isEmpty || lane.virtualTime <= this.#virtualTime
  }

  /** Takes out the lane whose turn it is. */
  #pop(): Lane | undefined {
    const newcomer = this.#newcomers.peek()
    const regular = this.#regulars.peek()
    const next =
      regular === undefined || (newcomer !== undefined && byTurn(newcomer, regular) < 0)
        ? newcomer
        : regular
    next?.home!.remove(next)
    return next
  }

  #charge(lane: Lane): void {
    if (lane.virtualTime > LATEST) this.#rebase(lane.virtualTime)
    this.#virtualTime = lane.virtualTime
    lane.virtualTime += turnOf(lane)
  }

  /** Sets the present to 0. All lanes move alike, so that their order stays. */
  #rebase(present: number): void {
    for (const lane of this.#lanes()) lane.virtualTime = Math.max(0, lane.virtualTime - present)
    this.#virtualTime = 0
  }
}

function byTurn(a: Lane, b: Lane): number {
  return a.virtualTime - b.virtualTime || a.activation - b.activation
}

/** How much of virtual time one claim takes. */
function turnOf({ weight }: Lane): number {
  return Math.round(SCALE / weight)
}
