import type {
  CallOptions,
  ClaimedJob,
  ClaimRequest,
  ClaimResult,
  LimitChange,
  TenantStanding,
} from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { whilePaused } from './other-limits.ts'
import { perStore } from './per-store.ts'
import { StoreWrapper } from './store-wrapper.ts'

/** When each tenant's next turn is, and when the last one was, in virtual time. */
class Turns {
  readonly next: Map<string | null, number> = new Map()
  waiting: ReadonlySet<string | null> = new Set()
  present = 0
}

/** A store with an order of tenants of its own: it lets the store beneath see one at a time. */
abstract class OwnTurns extends StoreWrapper {
  static readonly #turns = perStore(() => new Map<string, Turns>())

  /** The turn of a tenant that has come (back). */
  protected abstract turnOf(next: number, present: number): number

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    if (request.suspects) return super.claim(request, options)
    const jobs: ClaimedJob[] = []
    while (jobs.length < request.slots) {
      const job = await this.#claimNext(request)
      if (job === undefined) break
      jobs.push(job)
    }
    const rest = await super.claim({ ...request, slots: 0, prefetch: 0 }, options)
    return { ...rest, jobs }
  }

  async #claimNext(request: ClaimRequest): Promise<ClaimedJob | undefined> {
    const { queue } = request
    const all = OwnTurns.#turns(this.shared)
    const turns = all.get(queue) ?? new Turns()
    all.set(queue, turns)
    const { tenants } = await this.inner.listTenants({ queue, limit: 1_000 })
    const waiting = tenants.filter(isEligible)
    for (const { tenantId } of waiting) {
      if (turns.waiting.has(tenantId)) continue
      turns.next.set(tenantId, this.turnOf(turns.next.get(tenantId) ?? 0, turns.present))
    }
    turns.waiting = new Set(waiting.map(({ tenantId }) => tenantId))
    const inTurn = waiting.toSorted(
      (a, b) => turns.next.get(a.tenantId)! - turns.next.get(b.tenantId)!,
    )
    for (const { tenantId } of inTurn) {
      const others = waiting.filter((other) => other.tenantId !== tenantId)
      const scopes = others.map((other) => ({ queue, tenantId: other.tenantId }))
      const { jobs } = await whilePaused(this.inner, scopes, () =>
        super.claim({ ...request, slots: 1, prefetch: 0 }),
      )
      if (jobs.length === 0) continue
      const [state] = await this.inner.getLimits([{ queue, tenantId }])
      turns.present = turns.next.get(tenantId)!
      turns.next.set(tenantId, turns.present + 1 / (state?.effective.weight ?? 1))
      return jobs[0]
    }
    return undefined
  }
}

function isEligible({ waiting, paused }: TenantStanding): boolean {
  return waiting > 0 && !paused
}

/** As an order by what each tenant has had so far. */
class CreditKept extends OwnTurns {
  protected turnOf(next: number): number {
    return next
  }
}

/** As `ORDER BY virtual_time, tenant`. */
class TiesByName extends OwnTurns {
  protected turnOf(next: number, present: number): number {
    return Math.max(next, present)
  }
}

/** As tenants in turn. */
class WeightsIgnored extends StoreWrapper {
  override setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    const unweighted = changes.map((change) => {
      const { weight: _, ...limits } = change.limits
      return { ...change, limits }
    })
    return this.inner.setLimits(unweighted, options)
  }
}

/** As one tenant's jobs to a claim, for the locality of it. */
class OneTenantAClaim extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    if (request.suspects || request.slots < 2) return super.claim(request, options)
    const first = await super.claim({ ...request, slots: 1, prefetch: 0 }, options)
    const [job] = first.jobs
    if (job === undefined) return first
    const { tenants } = await this.inner.listTenants({ queue: request.queue, limit: 1_000 })
    const others = tenants.filter(({ tenantId }) => tenantId !== job.tenantId)
    const scopes = others.map(({ tenantId }) => ({ queue: request.queue, tenantId }))
    const own = await whilePaused(this.inner, scopes, () =>
      super.claim({ ...request, slots: request.slots - 1, prefetch: 0 }, options),
    )
    const jobs = [...first.jobs, ...own.jobs]
    const rest = await super.claim(
      { ...request, slots: request.slots - jobs.length, prefetch: 0 },
      options,
    )
    return { ...rest, jobs: [...jobs, ...rest.jobs] }
  }
}

/** As a queue that is worked off where it is longest. */
class LongestFirst extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const { queue, slots, suspects } = request
    const { tenants } = await this.inner.listTenants({ queue, limit: 1_000 })
    const [, ...others] = tenants.filter(isEligible).toSorted((a, b) => b.waiting - a.waiting)
    const scopes = others.map(({ tenantId }) => ({ queue, tenantId }))
    if (suspects || scopes.length === 0) return super.claim(request, options)
    const first = await whilePaused(this.inner, scopes, () => super.claim(request, options))
    const left = slots - first.jobs.length
    if (left <= 0) return { ...first, nextDueInMs: 0 }
    const rest = await super.claim({ ...request, slots: left, prefetch: 0 }, options)
    return { ...rest, jobs: [...first.jobs, ...rest.jobs] }
  }
}

export const fairShares: readonly BrokenStore[] = [
  {
    fault: 'where who was idle has turns to catch up on',
    caughtBy: [
      'fair shares: nobody saves up turns while idle, nor loses any',
      'fair shares: nobody saves up turns while paused, nor loses any',
    ],
    caughtByModel: false,
    harness: harnessOf(CreditKept),
  },
  {
    fault: 'where among equals the name decides',
    caughtBy: [
      'fair shares: equal turns go in the order in which the tenants came',
      'fair shares: one call that brings several tenants brings them in its order',
    ],
    caughtByModel: false,
    harness: harnessOf(TiesByName),
  },
  {
    fault: 'that gives all tenants the same',
    caughtBy: [
      'fair shares: claimed one by one, shares keep to weights of 1, 2 and 5 all along',
      'fair shares: claimed in calls of many sizes, shares keep to weights of 1, 2 and 5 all along',
      'fair shares: a weight holds from the next claim on, in every handle',
    ],
    caughtByModel: true,
    harness: harnessOf(WeightsIgnored),
  },
  {
    fault: 'that serves the longest backlog first',
    caughtBy: [
      'fair backlogs: behind whatever backlog a job waits for at most one job of each other tenant',
      'fair shares: claimed one by one, shares keep to weights of 1, 2 and 5 all along',
    ],
    caughtByModel: true,
    harness: harnessOf(LongestFirst),
  },
  {
    fault: 'that fills a claim with the jobs of one tenant',
    caughtBy: [
      'fair shares: claimed in calls of many sizes, shares keep to weights of 1, 2 and 5 all along',
      'fair shares: priority counts within a tenant alone',
    ],
    caughtByModel: true,
    harness: harnessOf(OneTenantAClaim),
  },
]
