import type { Timers } from '../runtime/ports.ts'
import { RetryPause } from './retry-pause.ts'

/** More than this many wait for the next time. */
const BATCH = 1_000

/** What was not answered, in the order in which it is asked for again: after a pause, a batch at a time. */
export class RepeatQueue<Item> {
  readonly #ask: (items: readonly Item[]) => Promise<void>
  readonly #pause: RetryPause
  #items: Item[] = []

  /** @param ask - asks again, and adds what is not answered this time either; never rejects. */
  constructor(timers: Timers, ask: (items: readonly Item[]) => Promise<void>) {
    this.#ask = ask
    this.#pause = new RetryPause(timers, { background: true })
  }

  /** Asks for these as well, last of all. */
  add(items: readonly Item[]): void {
    this.#items.push(...items)
    this.#askLater()
  }

  #askLater(): void {
    this.#pause.before(() => void this.#askAgain())
  }

  async #askAgain(): Promise<void> {
    await this.#ask(this.#items.splice(0, BATCH))
    if (this.#items.length > 0) this.#askLater()
    else this.#pause.reset()
  }
}
