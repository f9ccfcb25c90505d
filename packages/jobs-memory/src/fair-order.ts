import type { Job } from './job.ts'
import type { Lane } from './lane.ts'
import { SortedQueue } from './sorted-queue.ts'

/** What one claim adds to a lane's virtual time. Whole numbers, so that no order hangs on rounding. */
const SCALE = 1_000_000

/** What is claimed ahead of its time is a convenience, not worth a walk over every lane. */
const MOST_PASSED = 64

/**
 * Whose turn it is: start-time fair queuing over the lanes that have something to claim.
 *
 * The lane that has had least goes first, and among equals the one that became eligible first. A lane
 * that comes (back) is set to the present, so that it gains nothing by having been idle or paused.
 *
 * @see Goyal, Vin, Cheng: Start-time Fair Queuing (SIGCOMM 1996)
 */
export class FairOrder {
  readonly #eligible = new SortedQueue<Lane>(
    (a, b) => a.virtualTime - b.virtualTime || a.activation - b.activation,
  )
  #virtualTime = 0
  #activations = 0

  get isEmpty(): boolean {
    return this.#eligible.size === 0
  }

  /** Takes up a lane that is not paused and has something ready; again, nothing happens. */
  enter(lane: Lane): void {
    if (lane.home !== null) return
    lane.virtualTime = Math.max(lane.virtualTime, this.#virtualTime)
    lane.activation = ++this.#activations
    this.#eligible.push(lane)
  }

  /** Drops a lane that is paused or has nothing ready; again, nothing happens. */
  leave(lane: Lane): void {
    if (lane.home !== null) this.#eligible.remove(lane)
  }

  /** Takes the job whose turn it is out of its lane. */
  take(): Job | undefined {
    const lane = this.#eligible.pop()
    if (lane === undefined) return undefined
    this.#charge(lane)
    const job = lane.takeReady()
    if (lane.hasReady) this.#eligible.push(lane)
    return job
  }

  /**
   * Takes up to `count` jobs that no key governs. Lanes that have no such job are passed over and lose
   * nothing by it.
   */
  takeUnkeyed(count: number): Job[] {
    const jobs: Job[] = []
    const passed: Lane[] = []
    while (jobs.length < count && passed.length < MOST_PASSED) {
      const lane = this.#eligible.pop()
      if (lane === undefined) break
      const job = lane.ready.pop()
      if (job === undefined) {
        passed.push(lane)
        continue
      }
      this.#charge(lane)
      jobs.push(job)
      if (lane.hasReady) this.#eligible.push(lane)
    }
    for (const lane of passed) this.#eligible.push(lane)
    return jobs
  }

  #charge(lane: Lane): void {
    this.#virtualTime = lane.virtualTime
    lane.virtualTime += SCALE
  }

  /**
   * Whether a lane that comes back may as well come as a new one: the present has caught up with it,
   * or nobody is there over whom it would gain a turn.
   */
  mayForget(lane: Lane): boolean {
    return this.isEmpty || lane.virtualTime <= this.#virtualTime
  }
}
