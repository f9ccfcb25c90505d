import type { CancelTimer, JobsLogger, Timers } from '../runtime/ports.ts'
import { RetryPause } from './retry-pause.ts'

/** What one piece of upkeep did; see `LeaseStore.maintain`. */
export interface MaintenanceResult {
  readonly reclaimed: number
  readonly pruned: number
  readonly nextInMs: number | null
}

/** Jobs touched per call: a piece of upkeep must not stand in the way of claims. */
export const MAINTENANCE_LIMIT = 1_000

// Another process may claim and vanish at any time. Its leases last at least a second, so looking
// this often finds each of them before it expires and returns in time for it.
const LONGEST_WAIT_MS = 1_000
const SHORTEST_WAIT_MS = 20

/** Runs a store's upkeep while anybody processes jobs of it; an error is reported and repeated. */
export class MaintenanceLoop {
  readonly #maintain: () => Promise<MaintenanceResult>
  readonly #timers: Timers
  readonly #logger: JobsLogger
  readonly #pause: RetryPause
  #users = 0
  #cancelTimer: CancelTimer | null = null
  #running = false

  constructor(maintain: () => Promise<MaintenanceResult>, timers: Timers, logger: JobsLogger) {
    this.#maintain = maintain
    this.#timers = timers
    this.#logger = logger
    this.#pause = new RetryPause(timers)
  }

  start(): void {
    this.#users += 1
    if (this.#users === 1 && !this.#running) void this.#run()
  }

  stop(): void {
    this.#users -= 1
    if (this.#users > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#pause.cancel()
  }

  async #run(): Promise<void> {
    this.#running = true
    try {
      const { reclaimed, pruned, nextInMs } = await this.#maintain()
      this.#pause.reset()
      const more = reclaimed + pruned >= MAINTENANCE_LIMIT
      this.#next(
        more ? 0 : Math.max(SHORTEST_WAIT_MS, Math.min(nextInMs ?? Infinity, LONGEST_WAIT_MS)),
      )
    } catch (error) {
      this.#logger.warn('upkeep of the store failed; it is repeated', { error })
      if (this.#users > 0) this.#pause.before(() => void this.#run())
    }
    this.#running = false
  }

  #next(waitMs: number): void {
    if (this.#users === 0) return
    this.#cancelTimer = this.#timers.after(waitMs, () => {
      this.#cancelTimer = null
      void this.#run()
    })
  }
}
