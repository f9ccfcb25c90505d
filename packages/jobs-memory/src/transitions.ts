import type { Groups } from './groups.ts'
import { beginGeneration, hasEnded, type Job, type LeaseStage } from './job.ts'
import type { ScheduleBook } from './schedule-book.ts'
import { CANCELLED, FAILED, RUNNING, type Standing } from './standing.ts'
import type { StoreState } from './store-state.ts'
import type { UniqueHold } from './unique-holds.ts'

/**
 * How jobs end, wait again and come back: the steps of which every call is made. Whatever hangs on the
 * end of a job (keys, groups, schedules) happens in {@link Transitions.end} and nowhere else.
 */
export class Transitions {
  readonly #state: StoreState
  readonly #groups: Groups
  readonly #schedules: ScheduleBook

  constructor(state: StoreState, groups: Groups, schedules: ScheduleBook) {
    this.#state = state
    this.#groups = groups
    this.#schedules = schedules
  }

  /** Ends a job that no worker holds, and which waits nowhere. */
  end(job: Job, standing: Standing, now: number, discard: boolean): void {
    const { queue } = job.lane
    job.endedAt = now
    job.updatedAt = now
    queue.stand(job, standing)
    const { ties } = job
    if (job.extras.schedule !== null) this.#schedules.ended(job, standing, now)
    if (ties === null) {
      if (discard) queue.forget(job)
      else this.#archive(job)
      return
    }
    ties.discard = discard
    this.#ended(job, standing, now)
    queue.leaveGate(job)
    this.retire(job, now)
    this.#groups.release(now)
  }

  /** Ends a waiting job, or a running one whose worker is to hear of it; whether it had not ended. */
  cancel(job: Job, now: number): boolean {
    if (hasEnded(job)) return false
    const { queue } = job.lane
    queue.promote(now)
    if (job.standing === RUNNING) {
      job.updatedAt = now
      job.endedAt = now
      queue.stand(job, CANCELLED)
      if (job.extras.schedule !== null) this.#schedules.ended(job, CANCELLED, now)
      if (job.ties !== null) {
        this.#ended(job, CANCELLED, now)
        this.#groups.release(now)
      }
      this.#state.wakeUps.changed(queue.name)
    } else {
      queue.withdraw(job)
      this.end(job, CANCELLED, now, false)
    }
    return true
  }

  /** Ends the lease of a job. One that was cancelled is thereby done with. */
  endLease(job: Job, stage: Exclude<LeaseStage, 'held'>, now: number): void {
    const { queue } = job.lane
    queue.promote(now)
    this.#state.leases.end(job, stage)
    queue.released(job)
    if (job.standing !== CANCELLED) return
    queue.leaveGate(job)
    this.retire(job, now)
  }

  wait(job: Job, delayMs: number, now: number): void {
    job.runAt = now + delayMs
    job.lane.queue.wait(job, now)
  }

  /** Begins a new generation of a failed or cancelled job; who holds its unique key, if another does. */
  retry(job: Job, now: number): boolean | Job {
    const { lane, ties } = job
    const { queue } = lane
    if ((job.standing !== FAILED && job.standing !== CANCELLED) || job.leaseStage === 'held') {
      return false
    }
    const key = job.extras.keys?.unique
    if (key != null) {
      const hold = lane.uniqueHolds!.find(key, now)
      if (hold === undefined) lane.uniqueHolds!.take(key, job, now, undefined)
      else if (hold.holder !== job) return hold.holder
      else hold.burstAt = now
    }
    queue.promote(now)
    queue.withdraw(job)
    if (ties?.memberOf != null) this.#groups.uncount(ties.memberOf, job)
    beginGeneration(job, now)
    if (ties !== null) {
      ties.turn = queue.takeTurn()
      ties.discard = false
    }
    queue.enterGate(job)
    queue.wait(job, now)
    return true
  }

  /** Deletes a job that no worker holds; whether nobody did. A waiting one ends thereby. */
  remove(job: Job, now: number): boolean {
    if (job.leaseStage === 'held') return false
    const { lane, ties } = job
    lane.queue.promote(now)
    lane.queue.withdraw(job)
    if (ties !== null) {
      if (!hasEnded(job)) this.#ended(job, CANCELLED, now)
      lane.queue.leaveGate(job)
      if (ties.hold !== null) this.#freeKey(ties.hold, now)
    }
    this.forget(job)
    this.#groups.release(now)
    return true
  }

  /**
   * Lets go of an ended job that no worker holds, unless a key or a group still retains it.
   *
   * @returns whether a job was deleted, be it this one or one that it pushed out of a full history.
   */
  retire(job: Job, now: number): boolean {
    const { ties } = job
    if (ties === null) return this.#archive(job)
    const { memberOf, hold } = ties
    if (memberOf !== null && !memberOf.isOver) return false
    if (hold !== null && hold.until !== null && hold.until > now) {
      job.lane.queue.retain(job, hold.until)
      return false
    }
    if (hold !== null) job.lane.uniqueHolds!.drop(hold)
    if (!ties.discard) return this.#archive(job)
    this.forget(job)
    return true
  }

  /** Deletes a job that has ended or is about to. */
  forget(job: Job): void {
    job.lane.queue.forget(job)
    if (job.ties !== null) this.#groups.forgotten(job)
  }

  /** Keeps an ended job within the bounds of its queue's history. */
  #archive(job: Job): boolean {
    const surplus = job.lane.queue.history.add(job)
    if (surplus === undefined) return false
    this.forget(surplus)
    return true
  }

  #ended(job: Job, standing: Standing, now: number): void {
    const ties = job.ties!
    const { hold } = ties
    if (hold !== null) {
      if (hold.successor === job) {
        hold.successor = null
        ties.hold = null
      } else if (hold.until === null || hold.until <= now || hold.successor !== null) {
        this.#freeKey(hold, now)
      }
    }
    this.#groups.ended(job, standing, now)
  }

  /** The holder lets go of its key; who waits to succeed has it at once. */
  #freeKey(hold: UniqueHold, now: number): void {
    const { holder, successor } = hold
    const { lane } = holder
    if (successor === null) {
      lane.uniqueHolds!.drop(hold)
      return
    }
    holder.ties!.hold = null
    hold.holder = successor
    hold.successor = null
    hold.until = null
    lane.queue.withdraw(successor)
    lane.queue.wait(successor, now)
  }
}
