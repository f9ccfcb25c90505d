import type { CallOptions, ClaimRequest, ClaimResult, JobKeys, NewJob } from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { HeldAfterCrash } from './held-after-crash.ts'
import { perStore } from './per-store.ts'
import { keyOf } from './slipping-keys.ts'
import { StoreWrapper } from './store-wrapper.ts'

/** As a count of the leases that have not expired. */
class ExpiredUncounted extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    await this.inner.maintain({ limit: 1_000 }, options)
    return super.claim(request, options)
  }
}

/** As `<=` for `<`. */
class OneTooMany extends StoreWrapper {
  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    return this.inner.enqueue(
      jobs.map((job) =>
        job.concurrencyLimit === undefined
          ? job
          : { ...job, concurrencyLimit: job.concurrencyLimit + 1 },
      ),
      options,
    )
  }
}

/** As a limit of one that is a line. */
class OneIsALine extends StoreWrapper {
  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    return this.inner.enqueue(
      jobs.map(({ concurrencyKey, concurrencyLimit, ...job }) => {
        if (concurrencyKey === undefined || concurrencyLimit === undefined) return job
        return concurrencyLimit === 1
          ? { ...job, orderingKey: concurrencyKey }
          : { ...job, concurrencyKey, concurrencyLimit }
      }),
      options,
    )
  }
}

/** As a limit that is stored with the key when it is first seen. */
class FirstLimitKept extends StoreWrapper {
  static readonly #limits = perStore(() => new Map<string, number>())

  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const limits = FirstLimitKept.#limits(this.shared)
    const kept = jobs.map((job) => {
      if (job.concurrencyKey === undefined || job.concurrencyLimit === undefined) return job
      const name = keyOf(job, job.concurrencyKey)
      const concurrencyLimit = limits.get(name) ?? job.concurrencyLimit
      limits.set(name, concurrencyLimit)
      return { ...job, concurrencyLimit }
    })
    return this.inner.enqueue(kept, options)
  }
}

class PlaceHeldAfterCrash extends HeldAfterCrash {
  protected isKept({ concurrency }: JobKeys): boolean {
    return concurrency !== null
  }
}

export const concurrencyKeys: readonly BrokenStore[] = [
  {
    fault: 'that does not count expired leases',
    caughtBy: [
      'concurrency key counting: an expired lease counts until it is taken back',
      'what limits count: an expired lease counts in its tenant until it is taken back',
    ],
    caughtByModel: true,
    harness: harnessOf(ExpiredUncounted),
  },
  {
    fault: 'where a lost worker keeps its place for ever',
    caughtBy: ['concurrency key counting: the expired lease of a cancelled job counts as long'],
    caughtByModel: true,
    harness: harnessOf(PlaceHeldAfterCrash),
  },
  {
    fault: 'that leases one more than the limit',
    caughtBy: [
      'concurrency keys: as many as the limit are leased, in one claim',
      'concurrency keys: as many as the limit are leased, over several claims',
      'concurrency keys: claims racing from several handles keep to the limit',
    ],
    caughtByModel: true,
    harness: harnessOf(OneTooMany),
  },
  {
    fault: 'where a delayed job blocks its concurrency key',
    caughtBy: [
      'concurrency keys: a delayed job blocks no place',
      'concurrency keys: a job between its attempts blocks no place',
    ],
    caughtByModel: true,
    harness: harnessOf(OneIsALine),
  },
  {
    fault: 'that keeps the first limit of a key for good',
    caughtBy: [
      'concurrency keys: a lower limit holds from the next job on',
      'concurrency keys: a higher limit holds from the next job on',
    ],
    caughtByModel: true,
    harness: harnessOf(FirstLimitKept),
  },
]
