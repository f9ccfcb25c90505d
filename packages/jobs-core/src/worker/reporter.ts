import type { JobsLogger } from '../runtime/ports.ts'
import { type AttemptReport, type Lease, MAX_LOG_LINES } from '../storage/lease.ts'

interface Pending {
  progress: string | undefined
  log: string[]
}

/**
 * Natural batching of progress and log lines: what is said while a batch is under way travels with the
 * next, and of several progress values only the last. Reports are for people, so one that the store
 * did not take is dropped and said so; it never holds up a job.
 */
export class Reporter {
  readonly #send: (reports: readonly AttemptReport[]) => Promise<readonly boolean[]>
  readonly #logger: JobsLogger
  #pending = new Map<Lease, Pending>()
  #sending: Promise<void> | null = null

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
    this.#start()
  }

  log(lease: Lease, line: string): void {
    const { log } = this.#pendingOf(lease)
    log.push(line)
    if (log.length > MAX_LOG_LINES) log.shift()
    this.#start()
  }

  /** Resolves when everything said so far has been sent. */
  async flushed(): Promise<void> {
    while (this.#sending !== null) await this.#sending
  }

  #pendingOf(lease: Lease): Pending {
    let pending = this.#pending.get(lease)
    if (pending === undefined) {
      pending = { progress: undefined, log: [] }
      this.#pending.set(lease, pending)
    }
    return pending
  }

  #start(): void {
    this.#sending ??= Promise.resolve()
      .then(() => this.#run())
      .finally(() => {
        this.#sending = null
      })
  }

  async #run(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = this.#pending
      this.#pending = new Map()
      try {
        await this.#send(
          [...batch].map(([lease, { progress, log }]) => ({
            lease,
            ...(progress !== undefined && { progress }),
            ...(log.length > 0 && { log }),
          })),
        )
      } catch (error) {
        this.#logger.warn('progress and log lines were lost', { jobs: batch.size, error })
      }
    }
  }
}
