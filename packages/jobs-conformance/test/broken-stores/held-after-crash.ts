import type { CallOptions, JobKeys, JobRecord } from '@cgk/jobs-core'
import { StoreWrapper, type Upkeep } from './store-wrapper.ts'

/** As a key whose place is a lock of its own, which nobody takes back from a worker that is lost. */
export abstract class HeldAfterCrash extends StoreWrapper {
  protected abstract isKept(keys: JobKeys): boolean

  override async maintain(
    request: { readonly limit: number },
    options?: CallOptions,
  ): Promise<Upkeep> {
    const records = await this.inner.get(this.shared.leases)
    const kept = this.shared.leases.filter((_, index) => this.#isKept(records[index]))
    await this.inner.extend({ leases: kept, leaseMs: 2 ** 40 })
    return await this.inner.maintain(request, options)
  }

  #isKept(record: JobRecord | null | undefined): boolean {
    return record?.keys != null && this.isKept(record.keys)
  }
}
