import {
  EACH_TENANT,
  type CallOptions,
  type ClaimRequest,
  type ClaimResult,
  type LimitChange,
  type LimitScope,
  type LimitState,
  type NewJob,
} from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { whilePaused, whileSaying } from './other-limits.ts'
import { perStore } from './per-store.ts'
import { type SettleAnswer, type SettleRequest, StoreWrapper } from './store-wrapper.ts'

/** As a limiter that is known by its name alone. */
class SharedByTenants extends StoreWrapper {
  override setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    const shared = changes.flatMap((change) =>
      change.scope.limiter === undefined || change.scope.tenantId === EACH_TENANT
        ? [change]
        : [change, { ...change, scope: { ...change.scope, tenantId: EACH_TENANT } }],
    )
    return this.inner.setLimits(shared, options)
  }
}

/** Knows the limiters that jobs have named. */
abstract class LimitersKnown extends StoreWrapper {
  static readonly #known = perStore(() => new Map<string, LimitScope>())

  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    for (const { queue, tenantId, limiter } of jobs) {
      if (limiter === undefined) continue
      const scope = { queue, tenantId, limiter }
      LimitersKnown.#known(this.shared).set(JSON.stringify(scope), scope)
    }
    return this.inner.enqueue(jobs, options)
  }

  /** Those of a queue whose breaker stands so. */
  protected async limiters(queue: string, breaker: LimitState['breaker']): Promise<LimitScope[]> {
    const known = [...LimitersKnown.#known(this.shared).values()]
    const states = await this.inner.getLimits(known.filter((scope) => scope.queue === queue))
    return states.filter((state) => state.breaker === breaker).map(({ scope }) => scope)
  }
}

/** As a breaker that waits for a completion to close it, and lets nothing complete. */
class NeverTries extends LimitersKnown {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const cooled = await this.limiters(request.queue, 'probing')
    return whilePaused(this.inner, cooled, () => super.claim(request, options))
  }
}

/** As a breaker that is closed when its cooldown is over. */
class AllTry extends LimitersKnown {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const cooled = await this.limiters(request.queue, 'probing')
    return whileSaying(this.inner, cooled, { breaker: 'none' }, () => super.claim(request, options))
  }
}

/** As a count of failures that does not ask what failed. */
class EveryFailureCounts extends StoreWrapper {
  override settle(request: SettleRequest, options?: CallOptions): Promise<SettleAnswer> {
    const settlements = request.settlements.map((settlement) => {
      const { outcome } = settlement
      if (outcome.type !== 'fail') return settlement
      const error = { ...outcome.error, retryable: true }
      return { ...settlement, outcome: { ...outcome, error } }
    })
    return super.settle({ ...request, settlements }, options)
  }
}

/** As an insert of follow-ups that was written before there were limiters. */
class FollowUpsUnlimited extends StoreWrapper {
  override settle(request: SettleRequest, options?: CallOptions): Promise<SettleAnswer> {
    const settlements = request.settlements.map((settlement) => ({
      ...settlement,
      followUps: settlement.followUps.map((job) => {
        const { limiter: _, ...rest } = job
        return rest
      }),
    }))
    return super.settle({ ...request, settlements }, options)
  }
}

/** As a column that holds two seconds at most. */
class WaitsCutShort extends StoreWrapper {
  override async settle(request: SettleRequest, options?: CallOptions): Promise<SettleAnswer> {
    const settlements = request.settlements.map((settlement) => {
      const { outcome } = settlement
      if (outcome.type !== 'release' || outcome.pauseLimiterMs === undefined) return settlement
      const pauseLimiterMs = Math.min(outcome.pauseLimiterMs, 2_000)
      return { ...settlement, outcome: { ...outcome, pauseLimiterMs } }
    })
    return super.settle({ ...request, settlements }, options)
  }
}

export const limiters: readonly BrokenStore[] = [
  {
    fault: 'where tenants share a limiter of one name',
    caughtBy: ['limiters: each tenant has a limiter of its own'],
    caughtByModel: true,
    harness: harnessOf(SharedByTenants),
  },
  {
    fault: 'whose open breaker is never tried',
    caughtBy: [
      'breakers: so many failures in a row open it for the cooldown',
      'breakers: a try that completes closes it',
    ],
    caughtByModel: true,
    harness: harnessOf(NeverTries),
  },
  {
    fault: 'whose open breaker all jobs try at once',
    caughtBy: [
      'breakers: after the cooldown one job at a time may try',
      'breakers: a try whose worker is lost is followed by another',
    ],
    caughtByModel: true,
    harness: harnessOf(AllTry),
  },
  {
    fault: 'whose breaker opens by failures that no attempt could mend',
    caughtBy: ['breakers: what no attempt could mend and what is given back counts neither way'],
    caughtByModel: true,
    harness: harnessOf(EveryFailureCounts),
  },
  {
    fault: 'that loses the limiter of follow-ups',
    caughtBy: ['limiters: a follow-up has its own limiter'],
    caughtByModel: true,
    harness: harnessOf(FollowUpsUnlimited),
  },
  {
    fault: 'that does not wait as long as it was asked to',
    caughtBy: [
      'limiters: an outside that asks to wait is let wait, by all of its jobs',
      'limiters: of several times to wait the longest holds',
    ],
    caughtByModel: true,
    harness: harnessOf(WaitsCutShort),
  },
]
