import type { CancelTimer, Clock, Random, RuntimePorts, Timers } from '@cgk/jobs-core'
import { predictableRandom } from './predictable-random.ts'
import { soon } from './real-time.ts'

/** What looks for work again and again does so at least this often. */
export const LONGEST_POLL_MS = 1_000

/** A call that waits for its time. */
export interface ManualTimer {
  readonly fn: () => void
  /** It may be one that looks for work again and again; others are set for longer. */
  readonly isPoll: boolean
  /** In elapsed milliseconds. */
  at: number
}

/** A process whose time moves only when it is told to. */
export class ManualTime implements RuntimePorts {
  readonly clock: Clock = {
    now: () => this.#startedAt + this.#elapsed,
    monotonic: () => this.#elapsed - this.#slept,
  }
  readonly timers: Timers = {
    after: (delayMs, fn) => this.#after(delayMs, fn),
    soon: (fn) => {
      this.#soon += 1
      soon(() => {
        this.#soon -= 1
        fn()
      })
    },
  }
  readonly random: Random = predictableRandom()
  readonly #startedAt: number
  readonly #timers = new Set<ManualTimer>()
  #elapsed = 0
  #slept = 0
  #soon = 0

  /** @param startedAt - epoch milliseconds. */
  constructor(startedAt: number) {
    this.#startedAt = startedAt
  }

  /** Milliseconds since the start. */
  get elapsed(): number {
    return this.#elapsed
  }

  /** Something waits for the next turn of the event loop, and for no time to pass. */
  get hasSoon(): boolean {
    return this.#soon > 0
  }

  /** Every timer, the next first. */
  get pending(): readonly ManualTimer[] {
    return [...this.#timers].toSorted((a, b) => a.at - b.at)
  }

  /** The timer that is due first; of several the one that was set first. */
  get next(): ManualTimer | undefined {
    let next: ManualTimer | undefined
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer
    return next
  }

  /** The instant of the first timer that is surely no poll; `Infinity` for none. */
  get nextExactAt(): number {
    let next = Infinity
    for (const { at, isPoll } of this.#timers) if (!isPoll) next = Math.min(next, at)
    return next
  }

  /** Calls a timer's function, at its time or, where that is yet to come, now. */
  fire(timer: ManualTimer): void {
    if (this.#timers.delete(timer)) timer.fn()
  }

  /** Time passes, and no timer fires by itself. */
  moveTo(elapsed: number): void {
    this.#elapsed = Math.max(this.#elapsed, elapsed)
  }

  /**
   * The machine is asleep for so long: wall time passes, the process's own does not, and polls come so
   * much later.
   */
  sleep(ms: number): void {
    this.#elapsed += ms
    this.#slept += ms
    for (const timer of this.#timers) if (timer.isPoll) timer.at += ms
  }

  #after(delayMs: number, fn: () => void): CancelTimer {
    const isPoll = delayMs <= LONGEST_POLL_MS
    const timer: ManualTimer = { fn, isPoll, at: this.#elapsed + Math.max(0, delayMs) }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }
}
