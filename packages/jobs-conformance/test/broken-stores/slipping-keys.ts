import type { CallOptions, EnqueueResult, JobRecord, JobRef, NewJob } from '@cgk/jobs-core'
import { perStore } from './per-store.ts'
import { MisleadingStore, type SettleAnswer, type SettleRequest } from './store-wrapper.ts'

/** A key with its owner, as the text of a map's key. */
export function keyOf(
  { queue, tenantId }: Pick<JobRef, 'queue' | 'tenantId'>,
  key: string,
): string {
  return JSON.stringify([queue, tenantId, key])
}

const MARK = '\u0000'

/**
 * A store from whose holders unique keys can be taken: after {@link free}, beneath, the key is another
 * one for all who come later.
 */
export abstract class KeysSlip extends MisleadingStore {
  static readonly #slips = perStore(() => new Map<string, number>())

  /** Frees the unique key that a job was enqueued with, whoever holds it. */
  protected async free(ref: JobRef): Promise<void> {
    const [record] = await this.inner.get([ref])
    const key = record?.keys?.unique
    if (key == null) return
    const slips = KeysSlip.#slips(this.shared)
    const name = keyOf(ref, shownKey(key))
    slips.set(name, (slips.get(name) ?? 0) + 1)
  }

  override enqueue(jobs: readonly NewJob[], options?: CallOptions): Promise<EnqueueResult[]> {
    return super.enqueue(
      jobs.map((job) => this.#slipped(job)),
      options,
    )
  }

  override settle(
    { settlements, ...rest }: SettleRequest,
    options?: CallOptions,
  ): Promise<SettleAnswer> {
    const slipped = settlements.map((settlement) => ({
      ...settlement,
      followUps: settlement.followUps.map((job) => this.#slipped(job)),
    }))
    return super.settle({ ...rest, settlements: slipped }, options)
  }

  protected show<T extends JobRecord>(record: T): T {
    const { keys } = record
    if (keys?.unique == null) return record
    return { ...record, keys: { ...keys, unique: shownKey(keys.unique) } }
  }

  #slipped(job: NewJob): NewJob {
    if (job.unique === undefined) return job
    const slips = KeysSlip.#slips(this.shared).get(keyOf(job, job.unique.key)) ?? 0
    if (slips === 0) return job
    return { ...job, unique: { ...job.unique, key: `${job.unique.key}${MARK}${slips}` } }
  }
}

function shownKey(key: string): string {
  return key.split(MARK)[0]!
}
