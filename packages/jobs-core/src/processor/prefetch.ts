/** How much work, in time, may wait in a worker: enough to hide a round trip, too little to matter. */
const PREFETCH_MS = 20

/** However quick the handlers: a claim has a size to keep to. */
const MOST_PREFETCHED = 1_000

/** How much a new measurement moves the mean towards shorter runs. */
const DECAY = 0.1

/**
 * Decides how many jobs may be claimed ahead of a free slot, from how long attempts take.
 *
 * Nothing is known at first, so nothing is prefetched. One slow attempt ends prefetching at once, and
 * quick ones bring it back little by little: claiming too little costs a round trip, claiming too much
 * holds jobs that another worker could have run.
 */
export class Prefetch {
  #meanMs = Number.POSITIVE_INFINITY

  /** An attempt took so long. */
  observe(ms: number): void {
    if (ms >= this.#meanMs) this.#meanMs = ms
    else if (this.#meanMs === Number.POSITIVE_INFINITY) this.#meanMs = ms
    else this.#meanMs += (ms - this.#meanMs) * DECAY
  }

  /** How many jobs may wait beside those that run in so many slots. */
  targetFor(slots: number): number {
    return Math.min(MOST_PREFETCHED, slots * Math.floor(PREFETCH_MS / this.#meanMs))
  }
}
