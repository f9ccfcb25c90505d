import type { CancelTimer, Clock, Timers } from '../runtime/ports.ts'

const TICK_MS = 250

/**
 * Notices when the event loop was blocked: a timer that fires late shows by how much. While the loop
 * is blocked no lease is renewed, so handlers that compute for long must yield or extend first.
 */
export class LoopMonitor {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #thresholdMs: number
  readonly #onBlocked: (blockedMs: number) => void
  #cancelTimer: CancelTimer | null = null

  constructor(
    clock: Clock,
    timers: Timers,
    thresholdMs: number,
    onBlocked: (blockedMs: number) => void,
  ) {
    this.#clock = clock
    this.#timers = timers
    this.#thresholdMs = thresholdMs
    this.#onBlocked = onBlocked
  }

  start(): void {
    const armedAt = this.#clock.monotonic()
    this.#cancelTimer = this.#timers.after(
      TICK_MS,
      () => {
        const lateMs = this.#clock.monotonic() - armedAt - TICK_MS
        if (lateMs >= this.#thresholdMs) this.#onBlocked(Math.round(lateMs))
        this.start()
      },
      { background: true },
    )
  }

  stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }
}
