import type { AttemptReport, CallOptions, ClaimRequest, ClaimResult } from '@cgk/jobs-core'
import type { BrokenStore } from './broken-store.ts'
import { harnessOf } from './broken-store.ts'
import { MisleadingStore, type SettleRequest, StoreWrapper } from './store-wrapper.ts'

/** As what is remembered kept with the attempt and not with the job. */
class EffectsForgotten extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const result = await super.claim(request, options)
    return { ...result, jobs: result.jobs.map((job) => ({ ...job, effects: null })) }
  }
}

/** As an update whose condition on the lease was lost. */
class EffectsUnfenced extends StoreWrapper {
  override async report(reports: readonly AttemptReport[], options?: CallOptions) {
    const results = await this.inner.report(reports, options)
    return results.map((result, index) => result || reports[index]!.effects !== undefined)
  }
}

/** As a table of headers that follows the first attempt alone. */
class HeadersLost extends MisleadingStore {
  protected override show<T extends { readonly attempts: number; readonly headers: string | null }>(
    record: T,
  ): T {
    return record.attempts > 1 ? { ...record, headers: null } : record
  }
}

/** As headers written before the token is compared. */
class StaleHeaders extends MisleadingStore {
  readonly #written = new Map<string, string>()

  override settle(request: SettleRequest, options?: CallOptions) {
    for (const { lease, headers } of request.settlements) {
      if (headers !== undefined) this.#written.set(lease.id, headers)
    }
    return super.settle(request, options)
  }

  protected override show<T extends { readonly id: string; readonly headers: string | null }>(
    record: T,
  ): T {
    return { ...record, headers: this.#written.get(record.id) ?? record.headers }
  }
}

/** As a record of the last failure alone. */
class LastFailureOnly extends MisleadingStore {
  protected override show<T extends { readonly failures: readonly unknown[] }>(record: T): T {
    return { ...record, failures: record.failures.slice(-1) }
  }
}

export const attempts: readonly BrokenStore[] = [
  {
    fault: 'that forgets between attempts what was to be remembered',
    caughtBy: ['attempts: what an attempt remembers the next one is given'],
    caughtByModel: true,
    harness: harnessOf(EffectsForgotten),
  },
  {
    fault: 'that says yes to what a stale lease remembers',
    caughtBy: ['attempts: a stale lease remembers nothing, nor a cancelled job'],
    caughtByModel: true,
    harness: harnessOf(EffectsUnfenced),
  },
  {
    fault: 'that loses headers at the first retry',
    caughtBy: ['attempts: headers come back byte for byte and travel through retries'],
    caughtByModel: true,
    harness: harnessOf(HeadersLost),
  },
  {
    fault: 'that takes headers from a refused settlement',
    caughtBy: ['attempts: a settlement may replace the headers, a refused one does not'],
    caughtByModel: true,
    harness: harnessOf(StaleHeaders),
  },
  {
    fault: 'that keeps the last failure alone',
    caughtBy: ['attempts: failed attempts are noted with error, times and worker'],
    caughtByModel: true,
    harness: harnessOf(LastFailureOnly),
  },
]
