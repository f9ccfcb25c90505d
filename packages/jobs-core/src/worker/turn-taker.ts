import type { Clock, Timers } from '../runtime/ports.ts'

/** How long work that never waits for anything outside may go on before others get a turn. */
const LONGEST_TURN_MS = 10

/** From this call on it is looked at how long a turn takes: to be told of its end costs who makes one call a turn. */
const UNWATCHED_CALLS = 4

/**
 * Gives the event loop its turn. A store that answers without input or output would otherwise be
 * served in one endless chain of microtasks, in which no timer fires and no socket is read.
 */
export class TurnTaker {
  readonly #clock: Clock
  readonly #timers: Timers
  #startedAt: number | null = null
  #calls = 0
  #waiting: (() => void)[] = []

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
  }

  /** Counts a call; tells whether the turn in which it is has gone on for long enough. */
  isOver(): boolean {
    this.#calls += 1
    if (this.#calls < UNWATCHED_CALLS) return false
    const now = this.#clock.monotonic()
    if (this.#startedAt !== null) return now - this.#startedAt >= LONGEST_TURN_MS
    this.#startedAt = now
    this.#timers.soon(() => {
      this.#startedAt = null
      this.#calls = 0
      for (const resolve of this.#waiting.splice(0)) resolve()
    })
    return false
  }

  /** Resolves in the next turn. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
