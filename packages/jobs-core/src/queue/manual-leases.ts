import type { RetryConfig } from '../backoff/retry-policy.ts'
import { JobsError } from '../errors.ts'
import type { QueueEvents } from '../events/queue-events.ts'
import type { Job } from '../job/job.ts'
import type { JobStatus } from '../storage/job-store.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import { readableJob } from '../job/job-from-record.ts'
import { spentError } from '../processor/spent-error.ts'
import { retryFor, retryOf } from '../job/job-retry.ts'
import { releasedJob } from '../processor/callbacks.ts'
import { releaseDetails, settleFailure } from '../processor/outcome.ts'
import { asError, toStoredError } from '../processor/stored-error.ts'
import type { RuntimePorts } from '../runtime/ports.ts'
import type { Answered } from '../storage/answered.ts'
import type { ClaimedJob } from '../storage/lease.ts'
import { complete, fail, type Settlement, type SettleResult } from '../storage/settlement.ts'
import { unansweredError } from '../worker/store-calls.ts'
import type { StoreSession } from '../worker/store-session.ts'

interface HeldJob {
  readonly lease: ClaimedJob
  /** On the monotonic clock. */
  readonly expiresAt: number
}

/** Names a held job; without a tenant id (not `null`) by its id alone. */
export interface HeldRef {
  readonly id: string
  readonly tenantId: string | null | undefined
}

/** A job that is not handed out, and why. */
interface Refusal {
  readonly lease: ClaimedJob
  readonly error: JobsError
}

/** The leases that one queue object took by `dequeue` and has not acknowledged. */
export class ManualLeases {
  readonly #queue: string
  readonly #session: StoreSession
  readonly #ports: RuntimePorts
  readonly #definitions: ReadonlyMap<string, AnyJobDefinition>
  readonly #events: QueueEvents
  readonly #held = new Set<HeldJob>()

  constructor(
    queue: string,
    session: StoreSession,
    ports: RuntimePorts,
    definitions: ReadonlyMap<string, AnyJobDefinition>,
  ) {
    this.#queue = queue
    this.#session = session
    this.#events = session.events.of(queue)
    this.#ports = ports
    this.#definitions = definitions
  }

  /**
   * Claims jobs; a suspect only when there is nothing else, and then alone. A job that must not run
   * any more, or whose text cannot be read, is failed here and not handed out.
   */
  async take(limit: number, leaseMs: number): Promise<readonly ClaimedJob[]> {
    this.#forgetExpired()
    // Nobody else may be there to take expired leases back.
    await this.#session.maintain()
    const request = { queue: this.#queue, slots: limit, prefetch: 0, leaseMs, suspects: false }
    const expiresAt = this.#ports.clock.monotonic() + leaseMs
    const claimed = await this.#session.claim(request)
    const { jobs } =
      claimed.jobs.length === 0 && claimed.hasSuspects
        ? await this.#session.claim({ ...request, slots: 1, suspects: true })
        : claimed
    const usable: ClaimedJob[] = []
    const unusable: Refusal[] = []
    for (const lease of jobs) {
      const error = this.#unusable(lease)
      if (error === null) usable.push(lease)
      else unusable.push({ lease, error })
    }
    for (const lease of usable) this.#held.add({ lease, expiresAt })
    if (unusable.length > 0) await this.#refuse(unusable)
    if (this.#events.hears('started')) {
      for (const lease of usable) {
        const { attempts: attempt } = lease
        this.#events.emit('started', this.#shown(lease, 'running'), { attempt })
      }
    }
    return usable
  }

  /**
   * @param ref - without a tenant id, the job is looked for by its id alone.
   * @throws {@link JobsError} `JOBS_LEASE_LOST`
   */
  async end(ref: HeldRef, failed: boolean, error: unknown): Promise<void> {
    const held = this.#find(ref)
    const { lease } = held
    const settlement = failed
      ? settleFailure(lease, asError(error), this.#policyOf(lease), this.#ports)
      : complete(lease)
    // Given up first: a second call must not settle the same attempt another way.
    this.#held.delete(held)
    const result = await this.#settleOne(settlement).catch((unanswered: unknown) => {
      this.#held.add(held)
      throw unanswered
    })
    if (result === 'cancelled') throw leaseLost(ref.id, 'it was cancelled')
    if (result === 'lost') throw leaseLost(ref.id, 'the lease had ended')
    this.#announce(lease, settlement, error)
  }

  /** How many of the jobs held are meant; the ref is as in {@link ManualLeases.end}. */
  count(ref: HeldRef): number {
    return this.#matching(ref).length
  }

  #matching({ id, tenantId }: HeldRef): HeldJob[] {
    return [...this.#held].filter(
      ({ lease }) => lease.id === id && (tenantId === undefined || lease.tenantId === tenantId),
    )
  }

  #find(ref: HeldRef): HeldJob {
    const { id } = ref
    const found = this.#matching(ref)
    const [held] = found
    if (held === undefined) throw leaseLost(id, 'this queue object does not hold it')
    if (found.length > 1) {
      throw leaseLost(id, 'several tenants have a job of this id; pass the job itself')
    }
    return held
  }

  async #settleOne(settlement: Settlement): Promise<Answered<SettleResult>> {
    const [result] = await this.#settle([settlement])
    if (result === 'unanswered') throw unansweredError(this.#session.store, 'settle')
    return result!
  }

  // Not through the settler, which repeats until answered: here the caller decides about that.
  async #settle(settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const { store } = this.#session
    const { results } = await this.#session.call('settle', (call) =>
      store.settle({ settlements }, call),
    )
    return results
  }

  async #refuse(unusable: readonly Refusal[]): Promise<void> {
    const settlements = unusable.map(({ lease, error }) => fail(lease, toStoredError(error, false)))
    const results = await this.#settle(settlements)
    for (const [index, { lease, error }] of unusable.entries()) {
      if (results[index] === 'settled') this.#announce(lease, settlements[index]!, error)
    }
  }

  #announce(lease: ClaimedJob, { outcome }: Settlement, thrown: unknown): void {
    const events = this.#events
    const { attempts: attempt } = lease
    if (outcome.type === 'complete') {
      if (!events.hears('completed')) return
      events.emit('completed', this.#shown(lease, 'completed'), { attempt, result: undefined })
      return
    }
    if (outcome.type === 'release') {
      const job = releasedJob(this.#shown(lease, 'running'), outcome.delayMs)
      events.emit('released', job, releaseDetails(outcome))
      return
    }
    const error = asError(thrown)
    if (outcome.type === 'retry') {
      const { delayMs } = outcome
      events.emit('attemptFailed', this.#shown(lease, 'retrying'), { attempt, error, delayMs })
    } else {
      events.emit('failed', this.#shown(lease, 'failed'), { attempt, error })
    }
  }

  #shown(lease: ClaimedJob, status: JobStatus): Job<unknown> {
    return readableJob(lease, status, this.#policyOf(lease).maxAttempts)
  }

  #policyOf(lease: ClaimedJob): RetryConfig {
    return retryFor(retryOf(this.#definitions.get(lease.name)), lease)
  }

  #unusable(lease: ClaimedJob): JobsError | null {
    const spent = spentError(lease, this.#policyOf(lease))
    if (spent !== null) return spent
    const job = readableJob(lease, 'running')
    return job.error?.code === 'JOBS_PAYLOAD_UNREADABLE'
      ? new JobsError('JOBS_PAYLOAD_UNREADABLE', job.error.message)
      : null
  }

  #forgetExpired(): void {
    const now = this.#ports.clock.monotonic()
    for (const held of this.#held) if (held.expiresAt <= now) this.#held.delete(held)
  }
}

/** @returns an error for who acknowledges what he does not hold. */
export function leaseLost(id: string, why: string): JobsError {
  return new JobsError('JOBS_LEASE_LOST', `job ${id} is not yours to acknowledge: ${why}`)
}
