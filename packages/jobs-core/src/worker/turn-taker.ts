import type { Clock, Timers } from '../runtime/ports.ts'

/** How long work that never waits for anything outside may go on before others get a turn. */
const LONGEST_TURN_MS = 10

/**
 * Gives the event loop its turn. A store that answers without input or output would otherwise be
 * served in one endless chain of microtasks, in which no timer fires and no socket is read.
 */
export class TurnTaker {
  readonly #clock: Clock
  readonly #timers: Timers
  #startedAt: number | null = null
  #waiting: (() => void)[] = []

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
  }

  /** Begins a turn if none is under way; tells whether it has gone on for long enough. */
  isOver(): boolean {
    const now = this.#clock.monotonic()
    if (this.#startedAt !== null) return now - this.#startedAt >= LONGEST_TURN_MS
    this.#startedAt = now
    this.#timers.soon(() => {
      this.#startedAt = null
      for (const resolve of this.#waiting.splice(0)) resolve()
    })
    return false
  }

  /** Resolves in the next turn. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
