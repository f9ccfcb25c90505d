import type { JobsLogger } from '../runtime/ports.ts'
import { type AttemptReport, type Lease, MAX_LOG_LINES } from '../storage/lease.ts'

interface Pending {
  progress: string | undefined
  log: string[]
  effects: PendingEffects | null
}

interface PendingEffects {
  readonly texts: Record<string, string>
  readonly stored: PromiseWithResolvers<boolean>
}

/**
 * Natural batching of progress, log lines and effects: what is said while a batch is under way travels
 * with the next, and of several progress values only the last. Progress and lines are for people, so
 * what the store did not take is dropped and said so; who reports an effect hears what became of it.
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

  /**
   * Resolves with whether the lease was current, when the store has answered.
   *
   * @param text - JSON text, to be remembered under the key.
   * @throws {@link JobsError} what the call to the store failed with: report it again.
   */
  effect(lease: Lease, key: string, text: string): Promise<boolean> {
    const pending = this.#pendingOf(lease)
    pending.effects ??= {
      // Without a prototype: a key may be named as one of its properties.
      texts: Object.create(null) as Record<string, string>,
      stored: Promise.withResolvers(),
    }
    pending.effects.texts[key] = text
    return pending.effects.stored.promise
  }

  /** Resolves when everything said of this lease so far has been sent, whatever others say. */
  async flushed(lease: Lease): Promise<void> {
    while (this.#pending.has(lease) || this.#sending.has(lease)) await this.#batch
  }

  #pendingOf(lease: Lease): Pending {
    let pending = this.#pending.get(lease)
    if (pending === undefined) {
      pending = { progress: undefined, log: [], effects: null }
      this.#pending.set(lease, pending)
    }
    this.#batch ??= Promise.resolve().then(() => this.#sendPending())
    return pending
  }

  async #sendPending(): Promise<void> {
    this.#sending = this.#pending
    this.#pending = new Map()
    const sending = [...this.#sending]
    try {
      const current = await this.#send(sending.map(([lease, pending]) => reportOf(lease, pending)))
      for (let index = 0; index < sending.length; index++) {
        sending[index]![1].effects?.stored.resolve(current[index]!)
      }
    } catch (error) {
      for (const [, { effects }] of sending) effects?.stored.reject(error)
      const lost = sending.filter(
        ([, { progress, log }]) => progress !== undefined || log.length > 0,
      )
      if (lost.length > 0) {
        this.#logger.warn('progress and log lines were lost', { jobs: lost.length, error })
      }
    }
    this.#sending = new Map()
    this.#batch = this.#pending.size > 0 ? Promise.resolve().then(() => this.#sendPending()) : null
  }
}

function reportOf(lease: Lease, { progress, log, effects }: Pending): AttemptReport {
  return {
    lease,
    ...(progress !== undefined && { progress }),
    ...(log.length > 0 && { log }),
    ...(effects !== null && { effects: effects.texts }),
  }
}
