import type { CallOptions, LimitChange, LimitScope } from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { type SettleAnswer, type SettleRequest, StoreWrapper } from './store-wrapper.ts'

/** As a bucket that a release pours its token back into. */
class TokenRefunded extends StoreWrapper {
  override async settle(request: SettleRequest, options?: CallOptions): Promise<SettleAnswer> {
    const { settlements, claim } = request
    const { results } = await super.settle({ settlements }, options)
    const released = settlements.filter(({ outcome }) => outcome.type === 'release')
    for (const { queue, tenantId } of released.map(({ lease }) => lease)) {
      await refill(this.inner, { queue, tenantId })
    }
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

async function refill(store: StoreWrapper['inner'], scope: LimitScope): Promise<void> {
  const [state] = await store.getLimits([scope])
  const { rate } = state!.operator
  if (rate === undefined) return
  for (const said of ['none', rate] as const) {
    await store.setLimits([{ scope, source: 'operator', limits: { rate: said } }])
  }
}

/** As limits that are deleted and inserted again, and what is used of them with them. */
class SayingRefills extends StoreWrapper {
  override async setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    await this.inner.setLimits(changes, options)
    for (const { scope } of changes) await refill(this.inner, scope)
  }
}

/** As an interval in whole milliseconds, and the rest of the division lost. */
class IntervalRoundedDown extends StoreWrapper {
  override setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    const rounded = changes.map((change): LimitChange => {
      const { rate } = change.limits
      if (rate === undefined || rate === null || rate === 'none') return change
      const periodMs = Math.floor(rate.periodMs / rate.limit)
      if (periodMs === 0) return change
      return { ...change, limits: { ...change.limits, rate: { ...rate, limit: 1, periodMs } } }
    })
    return this.inner.setLimits(rounded, options)
  }
}

/** As a burst on top of the first job. */
class BurstAndOne extends StoreWrapper {
  override setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    const larger = changes.map((change): LimitChange => {
      const { rate } = change.limits
      if (rate === undefined || rate === null || rate === 'none') return change
      return { ...change, limits: { ...change.limits, rate: { ...rate, burst: rate.burst + 1 } } }
    })
    return this.inner.setLimits(larger, options)
  }
}

export const rates: readonly BrokenStore[] = [
  {
    fault: 'that gives the token of a released start back',
    caughtBy: ['rate limits: a retry is a start, and a start given back stays one'],
    caughtByModel: true,
    harness: harnessOf(TokenRefunded),
  },
  {
    fault: 'that forgets what is used of a rate when limits change',
    caughtBy: ['rate limits: a rate said again, and another limit changed, refills nothing'],
    caughtByModel: true,
    harness: harnessOf(SayingRefills),
  },
  {
    fault: 'that rounds the interval of a rate down',
    caughtBy: [
      'rate limits: an interval is rounded up to whole microseconds',
      'rate limits: in no window more start than the rate allows, nor less',
    ],
    caughtByModel: true,
    harness: harnessOf(IntervalRoundedDown),
  },
  {
    fault: 'that lets one more start than the burst',
    caughtBy: [
      'rate limits: the rate of a tenant lets a burst start and then one each interval',
      'rate limits: in no window more start than the rate allows, nor less',
      'exact limits: claimers that race and crash pass no limit and lose no job',
    ],
    caughtByModel: true,
    harness: harnessOf(BurstAndOne),
  },
]
