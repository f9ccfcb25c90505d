import type { Allowance } from './allowance.ts'
import { SortedQueue } from './sorted-queue.ts'

/**
 * What allowances that keep something back wait for: an instant, or the end of a lease. Who waits for
 * anything else, a resume or other limits, is told when it comes.
 */
export class Openings {
  /** Those that time will open. */
  readonly #alarms = new SortedQueue<Allowance>((a, b) => a.wakeAt - b.wakeAt)
  /** Those that only the end of a lease will open. */
  readonly #usedUp = new Set<Allowance>()
  #now = 0

  /** Lets the owners of what time has opened look again. */
  wake(now: number): void {
    this.#now = now
    for (;;) {
      const next = this.#alarms.peek()
      if (next === undefined || next.wakeAt > now) return
      this.#alarms.remove(next)
      next.owner.reconsider()
    }
  }

  /** When the next alarm goes off; `Infinity` for never. */
  get nextAt(): number {
    return this.#alarms.peek()?.wakeAt ?? Infinity
  }

  /** Whether something waits that only the end of a lease can let start. */
  get awaitsRelease(): boolean {
    return this.#usedUp.size > 0
  }

  isOpen(allowance: Allowance): boolean {
    return allowance.isFree || allowance.opensAt <= this.#now
  }

  /** Whether a job may start as far as the allowance goes; takes note of what it waits for. */
  admits(allowance: Allowance, hasWork: boolean): boolean {
    if (allowance.isFree && allowance.home === null) {
      if (this.#usedUp.size > 0) this.#usedUp.delete(allowance)
      return hasWork
    }
    const { opensAt } = allowance
    if (hasWork && allowance.isUsedUp) this.#usedUp.add(allowance)
    else this.#usedUp.delete(allowance)
    this.#setAlarm(allowance, hasWork && opensAt > this.#now && opensAt < Infinity ? opensAt : null)
    return hasWork && opensAt <= this.#now
  }

  /** Nothing waits for the allowance any more, as far as is known. */
  rest(allowance: Allowance): void {
    this.#usedUp.delete(allowance)
    this.#setAlarm(allowance, null)
  }

  #setAlarm(allowance: Allowance, at: number | null): void {
    if (allowance.home !== null) {
      if (allowance.wakeAt === at) return
      this.#alarms.remove(allowance)
    }
    if (at === null) return
    allowance.wakeAt = at
    this.#alarms.push(allowance)
  }
}
