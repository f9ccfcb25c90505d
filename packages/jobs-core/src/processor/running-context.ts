import { JobsError } from '../errors.ts'
import { checkDuration, wholeMs } from '../job/check-job-options.ts'
import { serialize } from '../job/serialize.ts'
import type { Job } from '../job/job.ts'
import { unansweredError } from '../worker/store-calls.ts'
import { type AttemptCompletion, COMPLETION } from './attempt-completion.ts'
import { AttemptHeaders } from './attempt-headers.ts'
import type { ContextOwner } from './context-owner.ts'
import { Effects } from './effects.ts'
import { groupMembers } from './group-members.ts'
import type { AttemptContext, Effect, Remembered } from './job-handler.ts'
import { leaseLost } from './lease-lost.ts'
import { storable } from './stored-error.ts'

const PROGRESS_LIMITS = { payloadBytes: 64 * 1024, depth: 64 }
const LOG_LINE_LENGTH = 1_000

/**
 * The context a handler receives. Its functions are getters that bind when they are read, so that
 * `(job, { progress }) => …` works and a handler that uses none of them pays for none.
 */
export class RunningContext implements AttemptContext {
  readonly #owner: ContextOwner
  #controller: AbortController | null = null
  #headers: AttemptHeaders | null = null
  #effects: Effects | null = null

  constructor(owner: ContextOwner) {
    this.#owner = owner
  }

  get [COMPLETION](): AttemptCompletion {
    return this.#owner.completion
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
      const { running, host, lease } = this.#owner
      if (!running) return
      this.#owner.reported = true
      host.session.reporter.progress(lease, text)
    }
  }

  get log(): (line: string) => void {
    return (line) => {
      const text = storable(String(line), LOG_LINE_LENGTH)
      const { running, host, lease } = this.#owner
      if (!running) return
      this.#owner.reported = true
      host.session.reporter.log(lease, text)
    }
  }

  get extendLease(): (ms: number) => Promise<void> {
    return async (ms) => {
      checkDuration('extendLease', ms, 1)
      await this.#extend(wholeMs(ms))
    }
  }

  get headers(): Record<string, string> {
    return (this.#headers ??= new AttemptHeaders(this.#owner.lease.headers)).values
  }

  get once(): <T>(key: string, effect: Effect<T>) => Promise<Remembered<T>> {
    const effects = (this.#effects ??= new Effects(this.#owner))
    return (key, effect) => effects.once(key, effect)
  }

  get members(): () => AsyncIterable<Job<unknown>> {
    return () => {
      const { lease, host } = this.#owner
      const groupId = lease.group?.callbackOf ?? null
      if (groupId !== null) return groupMembers(groupId, lease, host.session, host.ports.clock)
      throw new JobsError(
        'JOBS_INVALID_OPTION',
        `job ${lease.id} was not made at the end of a group, so it has no members to read`,
      )
    }
  }

  /** What follow-ups inherit; `null` for nothing. */
  get inheritedHeaders(): Readonly<Record<string, string>> | null {
    return this.#headers === null && this.#owner.lease.headers === null ? null : this.headers
  }

  /**
   * JSON text, if the handler changed the headers.
   *
   * @throws {@link JobsError} as `checkHeaders`
   */
  changedHeaders(): string | undefined {
    return this.#headers?.changed()
  }

  /** Aborts the signal. */
  abort(reason: JobsError): void {
    this.#controller?.abort(reason)
  }

  async #extend(ms: number): Promise<void> {
    const { lease, host } = this.#owner
    const askedAt = host.ports.clock.monotonic()
    const [state] = await host.session.extend([lease], ms)
    if (state === 'lost' || state === 'cancelled') {
      this.#owner.leaseChanged(state)
      throw this.#owner.abortReason ?? leaseLost(lease)
    }
    if (state === 'unanswered') throw unansweredError(host.session.store, 'extend')
    this.#owner.expiresAt = Math.max(this.#owner.expiresAt, askedAt + ms)
  }
}
