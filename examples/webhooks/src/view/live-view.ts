import { setTimeout as delay } from 'node:timers/promises'
import type { JobProcessor, JobQueue } from '@cgk/jobs'
import logUpdate from 'log-update'
import type { FairShares } from './fair-shares.ts'
import { renderTenants, renderTotals } from './render-progress.ts'
import { readProgress, type Progress } from './progress.ts'

const TERMINAL_INTERVAL_MS = 150
const PLAIN_INTERVAL_MS = 1000

/** What a {@link LiveView} shows. */
export interface LiveViewOptions {
  readonly queue: JobQueue
  readonly processor: JobProcessor
  /** How many jobs each tenant will have had in the end; tenants are shown in this order. */
  readonly expected: ReadonlyMap<string, number>
  readonly shares: FairShares
}

/**
 * Shows how far each tenant is: lines that change in place on a terminal, a plain line a second
 * anywhere else.
 */
export class LiveView {
  readonly #options: LiveViewOptions
  readonly #startedAt = performance.now()
  readonly #stopped = new AbortController()
  readonly #shown: Promise<void>

  constructor(options: LiveViewOptions) {
    this.#options = options
    this.#shown = process.stdout.isTTY ? this.#showOnTerminal() : this.#showPlain()
  }

  /** Shows the last state and leaves it standing. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#shown
  }

  async #showOnTerminal(): Promise<void> {
    const show = (progress: Progress): void => {
      logUpdate(renderTenants(progress))
    }
    await this.#repeat(show, TERMINAL_INTERVAL_MS)
    show(await this.#read())
    logUpdate.done()
  }

  async #showPlain(): Promise<void> {
    await this.#repeat((progress) => {
      console.log(renderTotals(progress))
    }, PLAIN_INTERVAL_MS)
  }

  async #repeat(show: (progress: Progress) => void, intervalMs: number): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      show(await this.#read())
      await delay(intervalMs, undefined, { signal }).catch(() => undefined)
    }
  }

  async #read(): Promise<Progress> {
    const { queue, processor, expected, shares } = this.#options
    return {
      elapsedMs: performance.now() - this.#startedAt,
      isDraining: processor.status().state === 'stopping',
      tenants: await readProgress(queue, expected, (tenantId) => shares.shareOf(tenantId)),
    }
  }
}
