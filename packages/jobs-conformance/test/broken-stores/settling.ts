import type { CallOptions, JobRecord, Lease } from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import {
  type ExtendRequest,
  MisleadingStore,
  type SettleAnswer,
  type SettleRequest,
  type Shared,
  StoreWrapper,
  type Upkeep,
} from './store-wrapper.ts'

/** As an update by job id. */
class TokenIgnored extends StoreWrapper {
  override settle({ settlements, ...rest }: SettleRequest, options?: CallOptions) {
    const withCurrentTokens = settlements.map((settlement) => ({
      ...settlement,
      lease: { ...settlement.lease, token: this.#currentToken(settlement.lease) },
    }))
    return super.settle({ ...rest, settlements: withCurrentTokens }, options)
  }

  #currentToken({ queue, tenantId, id, token }: Lease): string {
    const last = this.shared.leases.findLast(
      (lease) => lease.queue === queue && lease.tenantId === tenantId && lease.id === id,
    )
    return last?.token ?? token
  }
}

/** As a write that is acknowledged before it is made. */
class SettlementsLost extends StoreWrapper {
  override async settle({ settlements, ...rest }: SettleRequest, options?: CallOptions) {
    const kept = settlements.filter(({ outcome }) => outcome.type !== 'complete')
    const answer = await super.settle({ ...rest, settlements: kept }, options)
    const results = settlements.map((settlement) => {
      const index = kept.indexOf(settlement)
      return index < 0 ? 'settled' : answer.results[index]!
    })
    return { ...answer, results }
  }
}

/** As follow-ups enqueued by a call of their own. */
class FollowUpsAnyway extends StoreWrapper {
  override async settle({ settlements, claim }: SettleRequest, options?: CallOptions) {
    const { results } = await super.settle({ settlements }, options)
    for (const [index, { followUps }] of settlements.entries()) {
      if (results[index] !== 'settled') await this.inner.enqueue(followUps, options)
    }
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

/** As a settlement that is idempotent but for its follow-ups. */
class FollowUpsTwice extends StoreWrapper {
  override async settle(
    { settlements, claim }: SettleRequest,
    options?: CallOptions,
  ): Promise<SettleAnswer> {
    const repeated = settlements.filter(({ lease }) => this.shared.settled.has(lease.token))
    const { results } = await super.settle({ settlements }, options)
    for (const { followUps } of repeated) await this.inner.enqueue(followUps, options)
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

/** As a fence that drops the token with the lease. */
class RepeatsRefused extends StoreWrapper {
  override async settle(request: SettleRequest, options?: CallOptions): Promise<SettleAnswer> {
    const repeated = request.settlements.map(({ lease }) => this.shared.settled.has(lease.token))
    const answer = await super.settle(request, options)
    return { ...answer, results: answer.results.map((r, index) => (repeated[index] ? 'lost' : r)) }
  }
}

/** As a batch that stops at the first stale token. */
class BatchStops extends StoreWrapper {
  override async settle({ settlements, claim }: SettleRequest, options?: CallOptions) {
    const results: SettleAnswer['results'][number][] = []
    for (const settlement of settlements) {
      const isStopped = results.includes('lost')
      const answer = isStopped ? null : await super.settle({ settlements: [settlement] }, options)
      results.push(answer?.results[0] ?? 'lost')
    }
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

/** As a release that is a retry with another name. */
class ReleaseSpends extends MisleadingStore {
  protected show<T extends JobRecord>(record: T): T {
    const claimed = record.state === 'running' ? 1 : 0
    return { ...record, attempts: record.attempts + (record.releases > claimed ? 1 : 0) }
  }
}

/** As a sweep that puts jobs back as if nothing had happened. */
class CrashesUncounted extends MisleadingStore {
  protected show<T extends JobRecord>(record: T): T {
    return { ...record, lostLeases: 0 }
  }
}

/** As a sweep that leaves the attempt of a crash spent. */
class CrashesSpendAttempts extends MisleadingStore {
  protected show<T extends JobRecord>(record: T): T {
    return { ...record, attempts: record.attempts + record.lostLeases }
  }
}

/** As a heartbeat that writes without looking. */
class LostLeasesRenewed extends StoreWrapper {
  override async extend(request: ExtendRequest, options?: CallOptions) {
    const states = await this.inner.extend(request, options)
    return states.map((state, index) => {
      const isKnown = this.shared.leases.some(({ token }) => token === request.leases[index]?.token)
      return state === 'lost' && isKnown ? 'held' : state
    })
  }
}

/** As one heartbeat row a worker. */
class WholeWorkerRenewed extends StoreWrapper {
  override async extend(request: ExtendRequest, options?: CallOptions) {
    await this.inner.extend({ ...request, leases: this.shared.leases }, options)
    return this.inner.extend(request, options)
  }
}

/**
 * As a heartbeat that sets the lease to its length. Beneath, every lease ends at once, and upkeep
 * first renews those that should not have.
 */
class LeasesShortened extends StoreWrapper {
  static readonly #ends = new WeakMap<Shared, Map<string, number>>()

  override async claim(...[request, options]: Parameters<StoreWrapper['claim']>) {
    const result = await super.claim({ ...request, leaseMs: 1 }, options)
    const endsAt = (await this.shared.now()) + request.leaseMs
    for (const job of result.jobs) this.#known.set(job.token, endsAt)
    return result
  }

  override async extend(request: ExtendRequest, options?: CallOptions) {
    const states = await this.inner.extend({ ...request, leaseMs: 1 }, options)
    const endsAt = (await this.shared.now()) + request.leaseMs
    for (const [index, { token }] of request.leases.entries()) {
      if (states[index] !== 'lost') this.#known.set(token, endsAt)
    }
    return states
  }

  override async maintain(request: { limit: number }, options?: CallOptions): Promise<Upkeep> {
    const now = await this.shared.now()
    const current = this.shared.leases.filter(({ token }) => (this.#known.get(token) ?? 0) > now)
    await this.inner.extend({ leases: current, leaseMs: 1 }, options)
    return this.inner.maintain(request, options)
  }

  get #known(): Map<string, number> {
    let known = LeasesShortened.#ends.get(this.shared)
    if (known === undefined) LeasesShortened.#ends.set(this.shared, (known = new Map()))
    return known
  }
}

export const settling: readonly BrokenStore[] = [
  {
    fault: 'that settles whatever the token',
    caughtBy: [
      'settle: a made-up token settles nothing',
      'settle: a worker whose lease was taken back cannot settle for the next one',
      'settle: the token of an attempt that was given back is dead',
    ],
    caughtByModel: true,
    harness: harnessOf(TokenIgnored),
  },
  {
    fault: 'that acknowledges settlements and loses them',
    caughtBy: [
      'settle: a completed job keeps its result byte for byte and when it ended',
      'settle: what one handle settled every handle reads',
    ],
    caughtByModel: true,
    harness: harnessOf(SettlementsLost),
  },
  {
    fault: 'that enqueues the follow-ups of refused settlements',
    caughtBy: ['settle: a refused settlement enqueues none of its follow-ups'],
    caughtByModel: true,
    harness: harnessOf(FollowUpsAnyway),
  },
  {
    fault: 'that enqueues follow-ups again with a repeated settlement',
    caughtBy: ['settle: a settlement repeated enqueues its follow-ups once'],
    caughtByModel: true,
    harness: harnessOf(FollowUpsTwice),
  },
  {
    fault: 'that refuses a repeated settlement',
    caughtBy: ['settle: a settlement repeated answers the same and changes nothing'],
    caughtByModel: true,
    harness: harnessOf(RepeatsRefused),
  },
  {
    fault: 'where one stale token stops a batch of settlements',
    caughtBy: ['settle: a refused settlement does not stop the others of its batch'],
    caughtByModel: true,
    harness: harnessOf(BatchStops),
  },
  {
    fault: 'that spends attempts given back',
    caughtBy: [
      'settle: an attempt given back is not spent, and the job waits as long as told',
      'claim: each attempt counts one more, each attempt given back does not',
    ],
    caughtByModel: true,
    harness: harnessOf(ReleaseSpends),
  },
  {
    fault: 'that does not count crashes',
    caughtBy: ['reclaim: a lost lease gives the attempt back and is counted apart'],
    caughtByModel: true,
    harness: harnessOf(CrashesUncounted),
  },
  {
    fault: 'that spends an attempt on every crash',
    caughtBy: [
      'reclaim: every lost lease is counted, spent attempts stay spent',
      'suspects: the innocent neighbour of a crash loses no attempt',
    ],
    caughtByModel: true,
    harness: harnessOf(CrashesSpendAttempts),
  },
  {
    fault: 'that renews leases it has taken back',
    caughtBy: ['extend: a lease that was taken back is lost for good'],
    caughtByModel: true,
    harness: harnessOf(LostLeasesRenewed),
  },
  {
    fault: 'that renews every lease with one',
    caughtBy: ['extend: a heartbeat renews the leases it lists and no other of its worker'],
    caughtByModel: true,
    harness: harnessOf(WholeWorkerRenewed),
  },
  {
    fault: 'whose heartbeats shorten leases',
    caughtBy: ['extend: a heartbeat never shortens a lease'],
    caughtByModel: true,
    harness: harnessOf(LeasesShortened),
  },
]
