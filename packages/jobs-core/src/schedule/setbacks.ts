import type { Clock } from '../runtime/ports.ts'
import type { ScheduleRecord, ScheduleRef } from '../storage/schedule.ts'

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
/** Where the store may be to blame: once it is well again nobody is to wait for long. */
const LONGEST_STORE_PAUSE_MS = 5_000

interface Setback {
  readonly revision: number
  readonly pauseMs: number
  readonly until: number
}

/** Due schedules that could not be fired, and when to try them again: less and less often. */
export class Setbacks {
  readonly #clock: Clock
  readonly #setbacks = new Map<string, Setback>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#setbacks.size
  }

  /** When the first is to be tried again; `null` for never. */
  get nextInMs(): number | null {
    if (this.#setbacks.size === 0) return null
    const untils = [...this.#setbacks.values()].map(({ until }) => until)
    return Math.max(0, Math.min(...untils) - this.#clock.monotonic())
  }

  /** A changed schedule is tried at once. */
  mayTry(schedule: ScheduleRecord): boolean {
    const setback = this.#setbacks.get(keyOf(schedule))
    if (setback === undefined || setback.revision !== schedule.revision) return true
    return this.#clock.monotonic() >= setback.until
  }

  /**
   * @param mayPass - whether the same may succeed later without a change of the schedule.
   * @returns The pause until the next try, in milliseconds.
   */
  add(schedule: ScheduleRef, revision: number, mayPass: boolean): number {
    const key = keyOf(schedule)
    const last = this.#setbacks.get(key)
    const longestMs = mayPass ? LONGEST_STORE_PAUSE_MS : LONGEST_PAUSE_MS
    const pauseMs =
      last?.revision === revision ? Math.min(last.pauseMs * 2, longestMs) : FIRST_PAUSE_MS
    this.#setbacks.set(key, { revision, pauseMs, until: this.#clock.monotonic() + pauseMs })
    return pauseMs
  }

  clear(schedule: ScheduleRef): void {
    if (this.#setbacks.size > 0) this.#setbacks.delete(keyOf(schedule))
  }

  /** Forgets those that are no longer due: fired by another process, changed, paused or removed. */
  keepOnly(due: readonly ScheduleRef[]): void {
    if (this.#setbacks.size === 0) return
    const keys = new Set(due.map(keyOf))
    for (const key of this.#setbacks.keys()) if (!keys.has(key)) this.#setbacks.delete(key)
  }
}

function keyOf({ queue, tenantId, id }: ScheduleRef): string {
  return JSON.stringify([queue, tenantId, id])
}
