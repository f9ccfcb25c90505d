/**
 * How long what is claimed ahead may wait in a worker until its slots have come to it: enough to hide a round trip and
 * to claim several at once, too little to matter. Beside jobs that take longer a round trip is little, and to be claimed
 * ahead is to be in somebody's way.
 */
const PREFETCH_MS = 40

/** However quick the handlers, where the store says nothing else. */
const MOST_PREFETCHED = 1_000

/** Characters of payloads: what waits is held in memory. */
const MOST_CHARACTERS = 4 * 1024 * 1024

/** How much a new measurement moves the mean towards shorter runs, and smaller payloads. */
const DECAY = 0.1

/**
 * Decides how many jobs may be claimed ahead of a free slot, from how long attempts take
 * and how large payloads are.
 *
 * Nothing is known at first, so nothing is prefetched. One slow attempt ends prefetching at once, and
 * quick ones bring it back little by little: claiming too little costs a round trip, claiming too much
 * holds jobs that another worker could have run.
 */
export class Prefetch {
  readonly #most: number
  #meanMs = Number.POSITIVE_INFINITY
  #meanCharacters = 1

  /** @param most - however quick the handlers: see `JobStore.mostPrefetched`. */
  constructor(most = MOST_PREFETCHED) {
    this.#most = most
  }

  /** An attempt took so long. */
  observe(ms: number): void {
    if (ms >= this.#meanMs) this.#meanMs = ms
    else if (this.#meanMs === Number.POSITIVE_INFINITY) this.#meanMs = ms
    else this.#meanMs += (ms - this.#meanMs) * DECAY
  }

  /** A job came, with a payload of so many characters. */
  received(characters: number): void {
    if (characters >= this.#meanCharacters) this.#meanCharacters = characters
    else this.#meanCharacters += (characters - this.#meanCharacters) * DECAY
  }

  /** How many jobs may wait beside those that run in so many slots. */
  targetFor(slots: number): number {
    if (this.#meanMs > PREFETCH_MS) return 0
    return Math.min(
      this.#most,
      Math.floor(MOST_CHARACTERS / this.#meanCharacters),
      Math.floor((slots * PREFETCH_MS) / this.#meanMs),
    )
  }
}
