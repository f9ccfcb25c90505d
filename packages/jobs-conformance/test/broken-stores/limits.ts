import {
  EACH_TENANT,
  type CallOptions,
  type ClaimRequest,
  type ClaimResult,
  type LimitChange,
  type LimitScope,
  type LeaseState,
  type TenantStanding,
  type WakeUp,
} from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { saidIn, whilePaused, whileSaying } from './other-limits.ts'
import { perStore } from './per-store.ts'
import { type ExtendRequest, StoreWrapper } from './store-wrapper.ts'

/** As a count in one statement and the leases in the next, with no lock before the first. */
class CountedBeforeLock extends StoreWrapper {
  static readonly #caps = perStore(() => new Map<string, number>())

  override setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    const rest = changes.map((change) => {
      const { scope, limits } = change
      if (scope.tenantId !== undefined || limits.concurrency === undefined) return change
      const caps = CountedBeforeLock.#caps(this.shared)
      if (typeof limits.concurrency === 'number') caps.set(scope.queue, limits.concurrency)
      else caps.delete(scope.queue)
      const { concurrency: _, ...others } = limits
      return { ...change, limits: others }
    })
    return this.inner.setLimits(rest, options)
  }

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const cap = CountedBeforeLock.#caps(this.shared).get(request.queue)
    if (cap === undefined) return super.claim(request, options)
    const [state] = await this.inner.getLimits([{ queue: request.queue }], options)
    const slots = Math.min(request.slots, Math.max(0, cap - state!.leased))
    return super.claim({ ...request, slots, prefetch: 0 }, options)
  }
}

/** As a counter that goes up with a claim and down with a settlement, and with nothing else. */
class LeakedByCrash extends StoreWrapper {
  static readonly #leaks = perStore(() => new Map<string, { scope: LimitScope; count: number }>())

  override async maintain(request: { readonly limit: number }, options?: CallOptions) {
    const before = await this.inner.get(this.shared.leases)
    const done = await this.inner.maintain(request, options)
    const after = await this.inner.get(this.shared.leases)
    const leaks = LeakedByCrash.#leaks(this.shared)
    for (const [index, job] of after.entries()) {
      if (job === null || job.lostLeases === before[index]?.lostLeases) continue
      const scope = { queue: job.queue, tenantId: job.tenantId }
      const leak = leaks.get(JSON.stringify(scope)) ?? { scope, count: 0 }
      leaks.set(JSON.stringify(scope), { scope, count: leak.count + 1 })
    }
    return done
  }

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const leaks = [...LeakedByCrash.#leaks(this.shared).values()]
    const states = await this.inner.getLimits(leaks.map(({ scope }) => scope))
    const full = leaks.filter(({ count }, index) => {
      const { effective, leased } = states[index]!
      return effective.concurrency !== undefined && leased + count >= effective.concurrency
    })
    const scopes = full.map(({ scope }) => scope)
    return whilePaused(this.inner, scopes, () => super.claim(request, options))
  }
}

/** As a handle that read the limits when it connected. */
class LimitsUnseen extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const said = await saidIn(this.inner, request.queue)
    if (this.handle === 0 || said.length === 0) return super.claim(request, options)
    const scopes = said.map(({ scope }) => scope)
    const nothing = { concurrency: null, rate: null }
    return whileSaying(this.inner, scopes, nothing, () => super.claim(request, options))
  }
}

/** As a claim for suspects that was written before there were limits. */
class SuspectsUnlimited extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    if (!request.suspects) return super.claim(request, options)
    const scopes = (await saidIn(this.inner, request.queue)).map(({ scope }) => scope)
    const nothing = { concurrency: 'none', rate: 'none' } as const
    return whileSaying(this.inner, scopes, nothing, () => super.claim(request, options))
  }
}

/** As suspects that are held in a table of their own, which the count forgot. */
class SuspectsUncounted extends StoreWrapper {
  static readonly #suspects = perStore(() => new Map<string, { scope: LimitScope }>())

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const suspects = SuspectsUncounted.#suspects(this.shared)
    if (request.suspects) {
      const result = await super.claim(request, options)
      for (const { token, queue, tenantId } of result.jobs) {
        suspects.set(token, { scope: { queue, tenantId } })
      }
      return result
    }
    const held = [...suspects].filter(([token]) => !this.shared.settled.has(token))
    const [first] = held
    if (first === undefined) return super.claim(request, options)
    const { scope } = first[1]
    const [state] = await this.inner.getLimits([scope])
    const concurrency = state!.effective.concurrency
    if (concurrency === undefined) return super.claim(request, options)
    return whileSaying(this.inner, [scope], { concurrency: concurrency + held.length }, () =>
      super.claim(request, options),
    )
  }
}

/** As slots and prefetch added up before the claim. */
class PrefetchGoverned extends StoreWrapper {
  override claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    if (request.suspects) return super.claim(request, options)
    const slots = request.slots + request.prefetch
    return super.claim({ ...request, slots, prefetch: 0 }, options)
  }
}

/** As a lane that stays among those a claim looks at, though it has nothing to give. */
class BlockedPolled extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const result = await super.claim(request, options)
    return result.awaitsRelease ? { ...result, nextDueInMs: 0 } : result
  }
}

/** As a batch that is picked first, and of which limits then leave less. */
class PickedThenLimited extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const { queue, slots, suspects } = request
    if (suspects || slots < 2) return super.claim(request, options)
    const { tenants } = await this.inner.listTenants({ queue, limit: 1_000 })
    const scopes = tenants
      .filter(({ waiting }) => waiting > 0)
      .map(({ tenantId }) => ({ queue, tenantId }))
    const states = await this.inner.getLimits(scopes)
    const picked = states.filter(({ leased, effective }) => leased >= effective.concurrency!).length
    return super.claim({ ...request, slots: Math.max(1, slots - picked) }, options)
  }
}

/** As a hint that was thought of where jobs change, and not where limits do. */
class ChangedSilently extends StoreWrapper {
  static readonly #silent = perStore(() => ({ calls: 0 }))

  override async setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    const silent = ChangedSilently.#silent(this.shared)
    silent.calls += 1
    try {
      await this.inner.setLimits(changes, options)
    } finally {
      silent.calls -= 1
    }
  }

  override subscribe(listener: (wakeUp: WakeUp) => void): () => void {
    return super.subscribe((wakeUp) => {
      if (ChangedSilently.#silent(this.shared).calls === 0) listener(wakeUp)
    })
  }
}

/** As defaults that are merged over what they should be defaults of. */
class EachTenantWins extends StoreWrapper {
  override async setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    const kept: LimitChange[] = []
    for (const change of changes) {
      const { scope, limits } = change
      const each = { ...scope, tenantId: EACH_TENANT }
      const [state] =
        scope.tenantId === undefined || scope.tenantId === EACH_TENANT
          ? []
          : await this.inner.getLimits([each])
      const said = { ...state?.directory, ...state?.operator }
      const left = Object.entries(limits).filter(([name]) => !(name in said))
      kept.push({ ...change, limits: Object.fromEntries(left) })
    }
    return this.inner.setLimits(kept, options)
  }
}

/** As one flag for what an operator and what the directory says. */
class ResumeWakesAll extends StoreWrapper {
  override async resume(scope: LimitScope, options?: CallOptions): Promise<void> {
    await this.inner.resume(scope, options)
    const limits = { paused: null }
    if (scope.tenantId === undefined) return
    await this.inner.setLimits([{ scope, source: 'directory', limits }], options)
  }
}

/** As pauses in a table of queues and tenants. */
class NarrowPausesLost extends StoreWrapper {
  override async pause(scope: LimitScope, options?: CallOptions): Promise<void> {
    if (scope.limiter === undefined && scope.key === undefined) {
      await this.inner.pause(scope, options)
    }
  }
}

/** As a directory that writes the flag which operators write. */
class DirectoryWakesAll extends StoreWrapper {
  override async setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    await this.inner.setLimits(changes, options)
    const woken = changes.filter(({ limits: { paused } }) => paused === false)
    for (const { scope } of woken) await this.inner.resume(scope, options)
  }
}

/** As a count of the jobs whose state is `running`. */
class HeldUntold extends StoreWrapper {
  override async listTenants(...[request, options]: Parameters<StoreWrapper['listTenants']>) {
    const page = await this.inner.listTenants(request, options)
    const tenants: TenantStanding[] = []
    for (const tenant of page.tenants) {
      const { tenantId } = tenant
      const { running } = await this.inner.counts({ queue: request.queue, tenantId })
      if (running + tenant.waiting > 0) tenants.push({ ...tenant, leased: running })
    }
    return { ...page, tenants }
  }
}

/** As a heartbeat that knows the pauses of queues and tenants. */
class PauseUntold extends StoreWrapper {
  override async extend(request: ExtendRequest, options?: CallOptions) {
    const states = await this.inner.extend(request, options)
    const told: LeaseState[] = []
    for (const [index, { queue, tenantId }] of request.leases.entries()) {
      const state = states[index]!
      const isWide =
        (await this.inner.isPaused({ queue })) || (await this.inner.isPaused({ queue, tenantId }))
      told.push(state === 'paused' && !isWide ? 'held' : state)
    }
    return told
  }
}

/** As a limit of the whole queue that each handle counts for itself. */
class CountedPerHandle extends StoreWrapper {
  static readonly #held = perStore(() => new Map<number, Set<string>>())

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const scope = { queue: request.queue }
    const [state] = await this.inner.getLimits([scope])
    const cap = state?.effective.concurrency
    if (cap === undefined) return super.claim(request, options)
    const mine = heldBy(CountedPerHandle.#held(this.shared), this.handle)
    const open = [...mine].filter((token) => !this.shared.settled.has(token)).length
    const slots = Math.min(request.slots, Math.max(0, cap - open))
    const result = await whileSaying(this.inner, [scope], { concurrency: 'none' }, () =>
      super.claim({ ...request, slots, prefetch: 0 }, options),
    )
    for (const { token } of result.jobs) mine.add(token)
    return result
  }
}

function heldBy(held: Map<number, Set<string>>, handle: number): Set<string> {
  const mine = held.get(handle) ?? new Set()
  held.set(handle, mine)
  return mine
}

export const limits: readonly BrokenStore[] = [
  {
    fault: 'that counts before it takes its lock',
    caughtBy: ['exact limits: claimers that race and crash pass no limit and lose no job'],
    caughtByModel: false,
    harness: harnessOf(CountedBeforeLock),
  },
  {
    fault: 'whose count a crash leaves too high for ever',
    caughtBy: ['what limits count: an expired lease counts in its tenant until it is taken back'],
    caughtByModel: true,
    harness: harnessOf(LeakedByCrash),
  },
  {
    fault: 'with a handle that does not see the limits',
    caughtBy: ['limits: what a handle says holds in every other from the next claim on'],
    caughtByModel: true,
    harness: harnessOf(LimitsUnseen),
  },
  {
    fault: 'that limits each handle by itself',
    caughtBy: [
      'concurrency limits: a queue has as many leased as its concurrency, in one claim or several',
    ],
    caughtByModel: true,
    harness: harnessOf(CountedPerHandle),
  },
  {
    fault: 'that hands out suspects whatever the limits',
    caughtBy: [
      'what limits count: a suspect waits for room in its tenant',
      'what limits count: a suspect waits for the rate of its limiter, and spends of it',
    ],
    caughtByModel: true,
    harness: harnessOf(SuspectsUnlimited),
  },
  {
    fault: 'that does not count suspects that run',
    caughtBy: ['what limits count: a suspect that runs counts'],
    caughtByModel: false,
    harness: harnessOf(SuspectsUncounted),
  },
  {
    fault: 'that prefetches what limits govern',
    caughtBy: [
      'limits and prefetch: no job of a tenant with a concurrency is prefetched',
      'limits and prefetch: no job of a queue with a rate is prefetched',
      'limits and prefetch: no job with a limiter is prefetched, though nothing limits it',
    ],
    caughtByModel: true,
    harness: harnessOf(PrefetchGoverned),
  },
  {
    fault: 'that looks again and again at a tenant that is at its limit',
    caughtBy: [
      'waiting for limits: a claim tells that only a release makes room in a full tenant',
      'waiting for limits: what a claim may not take stays hidden from those that follow',
    ],
    caughtByModel: true,
    harness: harnessOf(BlockedPolled),
  },
  {
    fault: 'that leaves slots idle for what it may not claim',
    caughtBy: ['full slots: a claim returns as many as its slots, or all that may start'],
    caughtByModel: true,
    harness: harnessOf(PickedThenLimited),
  },
  {
    fault: 'that changes limits without a hint',
    caughtBy: [
      'hints of limits: a limit of a tenant that is raised or lifted is hinted at',
      'hints of limits: a tenant that the directory suspends or wakes is hinted at',
    ],
    caughtByModel: false,
    harness: harnessOf(ChangedSilently),
  },
  {
    fault: 'where what is said of each tenant overrides what is said of one',
    caughtBy: [
      'limits: of a concurrency applies what the operator, then the directory says of the very scope, then of each tenant',
      "limits: 'none' lifts what a weaker voice says, and nothing else",
      'pauses of scopes: tenants that the directory does not know are held, those it knows are not',
    ],
    caughtByModel: true,
    harness: harnessOf(EachTenantWins),
  },
  {
    fault: 'where a resume wakes a suspended tenant',
    caughtBy: ['pauses of scopes: a resume wakes no tenant that the directory suspends'],
    caughtByModel: true,
    harness: harnessOf(ResumeWakesAll),
  },
  {
    fault: 'that pauses no limiter and no key',
    caughtBy: [
      'pauses of scopes: a paused limiter gives no job in any handle, and then all',
      'pauses of scopes: a suspect waits while its key is paused',
      "pauses of scopes: each tenant's limiter can be paused at once",
    ],
    caughtByModel: true,
    harness: harnessOf(NarrowPausesLost),
  },
  {
    fault: 'where the directory wakes whom operators paused',
    caughtBy: ['pauses of scopes: the directory wakes no tenant that an operator paused'],
    caughtByModel: true,
    harness: harnessOf(DirectoryWakesAll),
  },
  {
    fault: 'that shows no cancelled job as leased',
    caughtBy: ['tenants: cancelled jobs that are held and expired leases are leased'],
    caughtByModel: true,
    harness: harnessOf(HeldUntold),
  },
  {
    fault: 'whose heartbeats do not tell of paused limiters and keys',
    caughtBy: [
      'pauses of scopes: a heartbeat tells that the limiter is paused',
      'pauses of scopes: a heartbeat tells that the key is paused',
    ],
    caughtByModel: true,
    harness: harnessOf(PauseUntold),
  },
]
