import type { JobsLogger } from '../runtime/ports.ts'
import { type AttemptReport, type Lease, MAX_LOG_LINES } from '../storage/lease.ts'

interface Pending {
  progress: string | undefined
  log: string[]
}

/**
 * Natural batching of progress and log lines: what is said while a batch is under way travels with the
 * next, and of several progress values only the last. Reports are for people, so one that the store
 * did not take is dropped and said so.
 */
export class Reporter {
  readonly #send: (reports: readonly AttemptReport[]) => Promise<readonly boolean[]>
  readonly #logger: JobsLogger
  #pending = new Map<Lease, Pending>()
  #sending: ReadonlyMap<Lease, Pending> = new Map()
  #batch: Promise<void> | null = null

  constructor(
    send: (reports: readonly AttemptReport[]) => Promise<readonly boolean[]>,
    logger: JobsLogger,
  ) {
    this.#send = send
    this.#logger = logger
  }

  /** @param progress - JSON text. */
  progress(lease: Lease, progress: string): void {
    this.#pendingOf(lease).progress = progress
  }

  log(lease: Lease, line: string): void {
    const { log } = this.#pendingOf(lease)
    log.push(line)
    if (log.length > MAX_LOG_LINES) log.shift()
  }

  /** Resolves when everything said of this lease so far has been sent, whatever others say. */
  async flushed(lease: Lease): Promise<void> {
    while (this.#pending.has(lease) || this.#sending.has(lease)) await this.#batch
  }

  #pendingOf(lease: Lease): Pending {
    let pending = this.#pending.get(lease)
    if (pending === undefined) {
      pending = { progress: undefined, log: [] }
      this.#pending.set(lease, pending)
    }
    this.#batch ??= Promise.resolve().then(() => this.#sendPending())
    return pending
  }

  async #sendPending(): Promise<void> {
    this.#sending = this.#pending
    this.#pending = new Map()
    try {
      await this.#send(
        [...this.#sending].map(([lease, { progress, log }]) => ({
          lease,
          ...(progress !== undefined && { progress }),
          ...(log.length > 0 && { log }),
        })),
      )
    } catch (error) {
      this.#logger.warn('progress and log lines were lost', { jobs: this.#sending.size, error })
    }
    this.#sending = new Map()
    this.#batch = this.#pending.size > 0 ? Promise.resolve().then(() => this.#sendPending()) : null
  }
}
