import type { CancelTimer, Timers } from '../runtime/ports.ts'

const FIRST_MS = 50
const LONGEST_MS = 2_000

/** The pause between tries of something that must succeed in the end: doubles, up to two seconds. */
export class RetryPause {
  readonly #timers: Timers
  readonly #options: { readonly background?: boolean }
  #nextMs = FIRST_MS
  #cancel: CancelTimer | null = null

  /** @param options.background - do not keep an otherwise idle process open. Default `false`. */
  constructor(timers: Timers, options: { readonly background?: boolean } = {}) {
    this.#timers = timers
    this.#options = options
  }

  /** Whether a pause is under way. */
  get active(): boolean {
    return this.#cancel !== null
  }

  /** Whether nothing has failed since the last success: what fails again and again is told once. */
  get isFresh(): boolean {
    return this.#nextMs === FIRST_MS
  }

  /** Calls `fn` after the pause; a pause already under way is kept. */
  before(fn: () => void): void {
    if (this.#cancel !== null) return
    this.#cancel = this.#timers.after(
      this.#nextMs,
      () => {
        this.#cancel = null
        fn()
      },
      this.#options,
    )
    this.#nextMs = Math.min(this.#nextMs * 2, LONGEST_MS)
  }

  /** The thing succeeded: the next pause is short again. */
  reset(): void {
    this.#nextMs = FIRST_MS
  }

  /** Ends a pause under way without calling anything. */
  cancel(): void {
    this.#cancel?.()
    this.#cancel = null
  }
}
