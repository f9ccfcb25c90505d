import { retryFor, retryOf } from '../processor/attempt-policy.ts'
import { settleFailure } from '../processor/outcome.ts'
import { asError } from '../processor/stored-error.ts'
import { JobsError } from '../errors.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import type { RuntimePorts } from '../runtime/ports.ts'
import type { JobRef } from '../storage/job-record.ts'
import type { ClaimedJob } from '../storage/lease.ts'
import { complete } from '../storage/settlement.ts'
import type { StoreSession } from '../worker/store-session.ts'

/** The leases that one queue object took by `dequeue` and has not acknowledged. */
export class ManualLeases {
  readonly #queue: string
  readonly #session: StoreSession
  readonly #ports: RuntimePorts
  readonly #definitions: ReadonlyMap<string, AnyJobDefinition>
  readonly #leases = new Map<string, ClaimedJob>()

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

  /** Claims jobs; a suspect only when there is nothing else, and then alone. */
  async take(limit: number, leaseMs: number): Promise<readonly ClaimedJob[]> {
    // Nobody else may be there to take expired leases back.
    await this.#session.maintain()
    const request = { queue: this.#queue, slots: limit, prefetch: 0, leaseMs, suspects: false }
    const claimed = await this.#session.claim(request)
    const { jobs } =
      claimed.jobs.length === 0 && claimed.hasSuspects
        ? await this.#session.claim({ ...request, slots: 1, suspects: true })
        : claimed
    for (const job of jobs) this.#leases.set(keyOf(job), job)
    return jobs
  }

  /** @throws {@link JobsError} `JOBS_LEASE_LOST` */
  async end(ref: JobRef, failed: boolean, error: unknown): Promise<void> {
    const key = keyOf(ref)
    const lease = this.#leases.get(key)
    if (lease === undefined) throw leaseLost(ref, 'this queue object does not hold it')
    const policy = retryFor(retryOf(this.#definitions.get(lease.name)), lease)
    const settlement = failed
      ? settleFailure(lease, lease.attempts, asError(error), policy, this.#ports)
      : complete(lease)
    // Not through the settler, which repeats until answered: here the caller decides about that.
    const { results } = await this.#session.call('settle', (call) =>
      this.#session.store.settle({ settlements: [settlement] }, call),
    )
    this.#leases.delete(key)
    if (results[0] === 'cancelled') throw leaseLost(ref, 'it was cancelled')
    if (results[0] === 'lost') throw leaseLost(ref, 'the lease had ended')
  }
}

function keyOf({ tenantId, id }: JobRef): string {
  return `${tenantId ?? ''}\n${id}`
}

function leaseLost({ id }: JobRef, why: string): JobsError {
  return new JobsError('JOBS_LEASE_LOST', `job ${id} is not yours to acknowledge: ${why}`)
}
