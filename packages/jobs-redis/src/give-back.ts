import { isJobsError } from '@cgk/jobs-core'
import type { FunctionsCaller } from './functions-caller.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000

/**
 * Gives back what a claim may have leased whose answer was never heard: once the server answers again, and
 * as long as the leases would last. What is not given back then is taken back as that of a lost worker.
 */
export class GiveBack {
  readonly #caller: FunctionsCaller
  readonly #timers = new Set<NodeJS.Timeout>()
  #isClosed = false

  constructor(caller: FunctionsCaller) {
    this.#caller = caller
  }

  /** @param nonce - the random digits of the claim. */
  claimOf(shard: string, nonce: string, leaseMs: number): void {
    const until = performance.now() + leaseMs
    let pauseMs = FIRST_PAUSE_MS
    const attempt = async (): Promise<void> => {
      if (this.#isClosed) return
      try {
        const signal = AbortSignal.timeout(LONGEST_PAUSE_MS)
        await this.#caller.call('giveBack', [shard], [nonce], { signal })
      } catch (error) {
        if (isJobsError(error, 'JOBS_STORE_CLOSED') || performance.now() > until) return
        this.#after(pauseMs, attempt)
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
      }
    }
    void attempt()
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #after(ms: number, act: () => Promise<void>): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      void act()
    }, ms)
    timer.unref()
    this.#timers.add(timer)
  }
}
