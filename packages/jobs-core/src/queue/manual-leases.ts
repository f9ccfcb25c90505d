import type { RetryConfig } from '../backoff/retry-policy.ts'
import { JobsError } from '../errors.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import { readableJob } from '../job/job-from-record.ts'
import { spentError } from '../processor/attempt.ts'
import { retryFor, retryOf } from '../processor/attempt-policy.ts'
import { settleFailure } from '../processor/outcome.ts'
import { asError, toStoredError } from '../processor/stored-error.ts'
import type { RuntimePorts } from '../runtime/ports.ts'
import type { ClaimedJob } from '../storage/lease.ts'
import { complete, fail, type Settlement, type SettleResult } from '../storage/settlement.ts'
import type { StoreSession } from '../worker/store-session.ts'

interface HeldJob {
  readonly lease: ClaimedJob
  /** On the monotonic clock. */
  readonly expiresAt: number
}

/** The leases that one queue object took by `dequeue` and has not acknowledged. */
export class ManualLeases {
  readonly #queue: string
  readonly #session: StoreSession
  readonly #ports: RuntimePorts
  readonly #definitions: ReadonlyMap<string, AnyJobDefinition>
  readonly #held = new Set<HeldJob>()

  constructor(
    queue: string,
    session: StoreSession,
    ports: RuntimePorts,
    definitions: ReadonlyMap<string, AnyJobDefinition>,
  ) {
    this.#queue = queue
    this.#session = session
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
    const unusable: Settlement[] = []
    for (const lease of jobs) {
      const error = this.#unusable(lease)
      if (error === null) usable.push(lease)
      else unusable.push(fail(lease, toStoredError(error, false)))
    }
    for (const lease of usable) this.#held.add({ lease, expiresAt })
    if (unusable.length > 0) await this.#settle(unusable)
    return usable
  }

  /**
   * @param ref - without a tenant id, the job is looked for by its id alone.
   * @throws {@link JobsError} `JOBS_LEASE_LOST`
   */
  async end(
    ref: { readonly id: string; readonly tenantId: string | null | undefined },
    failed: boolean,
    error: unknown,
  ): Promise<void> {
    const held = this.#find(ref)
    const { lease } = held
    const settlement = failed
      ? settleFailure(lease, lease.attempts, asError(error), this.#policyOf(lease), this.#ports)
      : complete(lease)
    // Given up first: a second call must not settle the same attempt another way.
    this.#held.delete(held)
    const [result] = await this.#settle([settlement]).catch((unanswered: unknown) => {
      this.#held.add(held)
      throw unanswered
    })
    if (result === 'cancelled') throw leaseLost(ref.id, 'it was cancelled')
    if (result === 'lost') throw leaseLost(ref.id, 'the lease had ended')
  }

  #find({ id, tenantId }: { readonly id: string; readonly tenantId: string | null | undefined }) {
    const found = [...this.#held].filter(
      ({ lease }) => lease.id === id && (tenantId === undefined || lease.tenantId === tenantId),
    )
    const [held] = found
    if (held === undefined) throw leaseLost(id, 'this queue object does not hold it')
    if (found.length > 1) {
      throw leaseLost(id, 'several tenants have a job of this id; pass the job itself')
    }
    return held
  }

  // Not through the settler, which repeats until answered: here the caller decides about that.
  async #settle(settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const { store } = this.#session
    const { results } = await this.#session.call('settle', (call) =>
      store.settle({ settlements }, call),
    )
    return results
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

function leaseLost(id: string, why: string): JobsError {
  return new JobsError('JOBS_LEASE_LOST', `job ${id} is not yours to acknowledge: ${why}`)
}
