import type { JobsError } from '../errors.ts'
import { checkDuration, wholeMs } from '../job/job-options.ts'
import { serialize } from '../job/value.ts'
import type { ClaimedJob } from '../storage/lease.ts'
import type { AttemptContext } from './job-handler.ts'
import { storable } from './stored-error.ts'

const PROGRESS_LIMITS = { payloadBytes: 64 * 1024, depth: 64 }
const LOG_LINE_LENGTH = 1_000

/** What a context asks of its attempt. */
export interface ContextOwner {
  readonly lease: ClaimedJob
  /** What the handler says once its attempt is over is dropped. */
  readonly running: boolean
  /** Why the attempt was aborted; `null` while it was not. */
  readonly abortReason: JobsError | null
  storeProgress(text: string): void
  storeLog(line: string): void
  extend(ms: number): Promise<void>
}

/**
 * The context a handler receives. Its functions are getters that bind when they are read, so that
 * `(job, { progress }) => …` works and a handler that uses none of them pays for none.
 */
export class RunningContext implements AttemptContext {
  readonly #owner: ContextOwner
  #controller: AbortController | null = null

  constructor(owner: ContextOwner) {
    this.#owner = owner
  }

  get attempt(): number {
    return this.#owner.lease.attempts
  }

  get tenantId(): string | undefined {
    return this.#owner.lease.tenantId ?? undefined
  }

  // Made when first looked at: most handlers never do, and a signal costs more than their job.
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#owner.abortReason !== null) this.#controller.abort(this.#owner.abortReason)
    }
    return this.#controller.signal
  }

  get progress(): (value: unknown) => void {
    return (value) => {
      const text = serialize(value, 'progress', PROGRESS_LIMITS)
      if (this.#owner.running) this.#owner.storeProgress(text)
    }
  }

  get log(): (line: string) => void {
    return (line) => {
      if (this.#owner.running) this.#owner.storeLog(storable(String(line), LOG_LINE_LENGTH))
    }
  }

  get extendLease(): (ms: number) => Promise<void> {
    return async (ms) => {
      checkDuration('extendLease', ms, 1)
      await this.#owner.extend(wholeMs(ms))
    }
  }

  /** Aborts the signal. */
  abort(reason: JobsError): void {
    this.#controller?.abort(reason)
  }
}
