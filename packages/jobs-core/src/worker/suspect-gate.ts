import type { Clock, Timers } from '../runtime/ports.ts'

/** A job that kills its process mostly does so soon: for so long nothing is claimed beside it. */
const PROBATION_MS = 10_000

/** How long running jobs may keep a suspect waiting before it starts beside them. */
const LONGEST_WAIT_MS = 10_000

/**
 * Keeps a job that may have killed its process away from the others of this process.
 *
 * A suspect (a job whose last lease ended with its worker) starts when nothing else is held, or when
 * what is held has outlasted the wait without new claims. While it is new, nothing is claimed beside
 * it, and two suspects never run at once. So a job that kills its process is found alone: others are
 * hit at most once by it, which no job's limit of lost leases allows to be its end.
 */
export class SuspectGate {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #listeners = new Set<() => void>()
  #held = 0
  /** Since when claims rest so that a suspect can start. */
  #waitingSince: number | null = null
  /** Since when a suspect runs. */
  #runningSince: number | null = null

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
  }

  /** Whether ordinary jobs may be claimed. */
  get open(): boolean {
    if (this.#waitingSince !== null) return false
    if (this.#runningSince === null) return true
    return this.#clock.monotonic() - this.#runningSince >= PROBATION_MS
  }

  /** Calls the listener whenever the gate may have opened. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Jobs were claimed. */
  hold(count: number): void {
    this.#held += count
  }

  /** A job is no longer held. */
  letGo(): void {
    this.#held -= 1
    if (this.#held === 0 && this.#waitingSince !== null) this.#notify()
  }

  /**
   * Asks to claim a suspect. `true`: do so now, and call {@link SuspectGate.leave} when it has ended
   * or when there was none. `false`: the gate is closing for it; listen and ask again.
   */
  tryEnter(): boolean {
    if (this.#runningSince !== null) return false
    const now = this.#clock.monotonic()
    if (this.#held > 0) {
      if (this.#waitingSince === null) {
        this.#waitingSince = now
        this.#notifyAfter(LONGEST_WAIT_MS)
        return false
      }
      if (now - this.#waitingSince < LONGEST_WAIT_MS) return false
    }
    this.#waitingSince = null
    this.#runningSince = now
    this.#notifyAfter(PROBATION_MS)
    return true
  }

  /** The suspect has ended, or there was none after all. */
  leave(): void {
    this.#runningSince = null
    this.#notify()
  }

  /** Whoever asked to enter no longer wants to: claims go on. */
  giveUp(): void {
    if (this.#waitingSince === null) return
    this.#waitingSince = null
    this.#notify()
  }

  #notifyAfter(ms: number): void {
    this.#timers.after(
      ms,
      () => {
        this.#notify()
      },
      { background: true },
    )
  }

  #notify(): void {
    for (const listener of this.#listeners) listener()
  }
}
