import type { CancelTimer, Clock, Timers } from '../runtime/ports.ts'

/** A job that kills its process mostly does so soon: for so long nothing is claimed beside it. */
const PROBATION_MS = 10_000

/** How long running jobs may keep a suspect waiting before it starts beside them. */
const LONGEST_WAIT_MS = 10_000

interface Closing {
  readonly since: number
  /** What is held has outlasted the wait. */
  over: boolean
  readonly cancel: CancelTimer
}

/** Leave to claim one suspect, and its presence afterwards. */
export interface SuspectPass {
  /**
   * The suspect has been claimed. One that has lost more than one lease stays the only suspect of the
   * process until it ends.
   */
  claimed(lostLeases: number): void
  /** The suspect has ended, or there was none after all. */
  leave(): void
}

/**
 * Keeps a job that may have killed its process away from the others of this process.
 *
 * A suspect (a job whose last lease ended with its worker) starts when nothing else is held, or when
 * what is held has outlasted the wait without new claims. While it is on probation nothing is claimed
 * beside it, so that a job that kills its process is found alone. Ordinary jobs get as much time
 * between suspects as the last one took for itself. See `docs/decisions/0004-suspects.md`.
 */
export class SuspectGate {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #listeners = new Set<() => void>()
  #held = 0
  /** Suspects past their probation: held, but no longer in the way. */
  #seasoned = 0
  /** Suspects that no other suspect may join. */
  #loners = 0
  #onProbation = false
  /** Claims rest so that a suspect can start. */
  #closing: Closing | null = null
  /** Ordinary jobs have the process for themselves until the timer of their turn fires. */
  #ordinaryTurn = false

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
  }

  /** Whether ordinary jobs may be claimed. */
  get open(): boolean {
    return this.#closing === null && !this.#onProbation
  }

  /** Calls the listener whenever the gate may have moved. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Jobs were claimed, or a claim is on its way. */
  hold(count: number): void {
    this.#held += count
  }

  /** A job is no longer held, or a claim has been answered. */
  letGo(): void {
    this.#held -= 1
    if (this.#closing !== null && this.#held <= this.#seasoned) this.#notify()
  }

  /** Asks to claim a suspect. `null`: the gate is closing for it; listen and ask again. */
  tryEnter(): SuspectPass | null {
    if (this.#onProbation || this.#loners > 0 || this.#ordinaryTurn) return null
    if (this.#held > this.#seasoned && this.#closing?.over !== true) {
      this.#closing ??= this.#close()
      return null
    }
    const since = this.#closing?.since ?? this.#clock.monotonic()
    this.#endClosing()
    return this.#enter(since)
  }

  /** Whoever asked to enter no longer wants to: claims go on. */
  giveUp(): void {
    if (this.#closing === null) return
    this.#endClosing()
    this.#notify()
  }

  #close(): Closing {
    const closing: Closing = {
      since: this.#clock.monotonic(),
      over: false,
      cancel: this.#after(LONGEST_WAIT_MS, () => {
        closing.over = true
      }),
    }
    return closing
  }

  #endClosing(): void {
    this.#closing?.cancel()
    this.#closing = null
  }

  #enter(since: number): SuspectPass {
    let state: 'probation' | 'seasoned' | 'left' = 'probation'
    let isLoner = false
    this.#onProbation = true
    const endProbation = (): void => {
      this.#onProbation = false
      this.#giveOrdinaryTurn(this.#clock.monotonic() - since)
    }
    const cancel = this.#after(PROBATION_MS, () => {
      state = 'seasoned'
      this.#seasoned += 1
      endProbation()
    })
    return {
      claimed: (lostLeases) => {
        isLoner = lostLeases > 1
        if (isLoner) this.#loners += 1
      },
      leave: () => {
        if (state === 'left') return
        cancel()
        if (state === 'seasoned') this.#seasoned -= 1
        else endProbation()
        if (isLoner) this.#loners -= 1
        state = 'left'
        this.#notify()
      },
    }
  }

  #giveOrdinaryTurn(ms: number): void {
    this.#ordinaryTurn = true
    this.#after(ms, () => {
      this.#ordinaryTurn = false
    })
  }

  #after(ms: number, change: () => void): CancelTimer {
    return this.#timers.after(
      ms,
      () => {
        change()
        this.#notify()
      },
      { background: true },
    )
  }

  #notify(): void {
    for (const listener of this.#listeners) listener()
  }
}
