import type { CallOptions, SettleResult } from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { type SettleRequest, StoreWrapper } from './store-wrapper.ts'

/** As an outcome written in a transaction of its own. */
class OutcomeWithoutFollowUps extends StoreWrapper {
  override async settle({ settlements, claim }: SettleRequest, options?: CallOptions) {
    const { results } = await super.settle({ settlements }, options)
    for (const [index, settlement] of settlements.entries()) {
      if (isConflict(results[index])) {
        await super.settle({ settlements: [{ ...settlement, followUps: [] }] }, options)
      }
    }
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

/** As follow-ups written one by one, up to the one that is refused. */
class FollowUpsWithoutOutcome extends StoreWrapper {
  override async settle({ settlements, claim }: SettleRequest, options?: CallOptions) {
    const { results } = await super.settle({ settlements }, options)
    for (const [index, { followUps }] of settlements.entries()) {
      const result = results[index]
      if (isConflict(result)) await this.inner.enqueue(followUps.slice(0, result.index), options)
    }
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

function isConflict(result: SettleResult | undefined): result is Exclude<SettleResult, string> {
  return typeof result === 'object'
}

export const followUps: readonly BrokenStore[] = [
  {
    fault: 'that records an outcome whose follow-ups it refuses',
    caughtBy: [
      'unique keys: a refused settlement takes no key for its follow-ups',
      'group counting: a refused settlement counts nobody',
    ],
    caughtByModel: true,
    harness: harnessOf(OutcomeWithoutFollowUps),
  },
  {
    fault: 'that keeps the first follow-ups of a settlement it refuses',
    caughtBy: ['unique keys: a refused settlement takes no key for its follow-ups'],
    caughtByModel: true,
    harness: harnessOf(FollowUpsWithoutOutcome),
  },
]
