import {
  complete,
  release,
  retry,
  type ClaimedJob,
  type JobStore,
  type RateLimit,
  type Settlement,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimEverything, claimJobs, maintainAll } from '../claim-jobs.ts'
import { dice } from '../dice.ts'
import type { OpenStore } from '../harness.ts'
import { LIMITER, OF_QUEUE, ofLimiter, ofTenant } from '../limit-scopes.ts'
import { enqueueAll, ERROR, newJobs, OTHER_TENANT, QUEUE } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

const CLAIMERS = 8
const ROUNDS = 40

interface Guarded {
  readonly scope: { readonly tenantId?: string | null; readonly limiter?: string }
  readonly concurrency: number
  readonly rate: RateLimit
}

const GUARDED: readonly Guarded[] = [
  { scope: OF_QUEUE, concurrency: 9, rate: { limit: 30, periodMs: 1_000, burst: 12 } },
  { scope: ofTenant(), concurrency: 4, rate: { limit: 13, periodMs: 1_000, burst: 5 } },
  { scope: ofLimiter(), concurrency: 2, rate: { limit: 7, periodMs: 1_000, burst: 3 } },
]

function isWithin(job: ClaimedJob, { scope }: Guarded): boolean {
  if (scope.tenantId !== undefined && job.tenantId !== scope.tenantId) return false
  return scope.limiter === undefined || job.limiter === scope.limiter
}

/**
 * What the claimers know together. They drop a lease before they give it back and note it after they
 * got it, so that they never count one too many.
 */
class Witness {
  readonly held: Map<string, { readonly job: ClaimedJob; readonly expiresAt: number }> = new Map()
  readonly starts: { readonly job: ClaimedJob; readonly at: number }[] = []
  readonly completed: string[] = []

  note(job: ClaimedJob, at: number, leaseMs: number): void {
    this.held.set(job.token, { job, expiresAt: at + leaseMs })
    this.starts.push({ job, at })
    for (const guarded of GUARDED) {
      const leased = [...this.held.values()].filter((each) => isWithin(each.job, guarded)).length
      expect(leased, `leased in ${JSON.stringify(guarded.scope)}`).toBeLessThanOrEqual(
        guarded.concurrency,
      )
    }
  }

  dropExpired(now: number): void {
    for (const [token, { expiresAt }] of this.held) {
      if (expiresAt <= now) this.held.delete(token)
    }
  }

  expectRatesKept(): void {
    for (const guarded of GUARDED) {
      const { limit, periodMs, burst } = guarded.rate
      const starts = this.starts.filter(({ job }) => isWithin(job, guarded)).map(({ at }) => at)
      for (const [from, first] of starts.entries()) {
        for (const [index, last] of starts.slice(from).entries()) {
          const most = burst + Math.floor(((last - first) * limit) / periodMs)
          if (index + 1 > most) {
            throw new Error(
              `${index + 1} starts in ${last - first} ms in ${JSON.stringify(guarded.scope)}, over ${most}`,
            )
          }
        }
      }
    }
  }
}

/** A worker that now and then forgets all it holds. */
class Claimer {
  readonly #store: JobStore
  readonly #name: string
  readonly #witness: Witness
  readonly #throwDie: (sides: number) => number
  #mine: ClaimedJob[] = []

  constructor(store: JobStore, index: number, witness: Witness) {
    this.#store = store
    this.#name = `worker-${index}`
    this.#witness = witness
    this.#throwDie = dice(index + 1)
  }

  async step(now: number): Promise<void> {
    const leaseMs = 1_000 + 500 * this.#throwDie(3)
    const jobs = await claimJobs(this.#store, {
      slots: 1 + this.#throwDie(4),
      leaseMs,
      worker: this.#name,
      suspects: this.#throwDie(4) === 0,
    })
    for (const job of jobs) this.#witness.note(job, now, leaseMs)
    this.#mine.push(...jobs)
    if (this.#throwDie(7) === 0) this.#mine = []
    else await this.#settleSome()
  }

  async #settleSome(): Promise<void> {
    const ending = this.#mine.splice(0, this.#throwDie(this.#mine.length + 1))
    for (const { token } of ending) this.#witness.held.delete(token)
    const settlements = ending.map((job): Settlement => {
      const end = this.#throwDie(6)
      return end === 0 ? release(job) : end === 1 ? retry(job, ERROR, 0) : complete(job)
    })
    const { results } = await this.#store.settle({ settlements })
    for (const [index, result] of results.entries()) {
      const { lease, outcome } = settlements[index]!
      if (result === 'settled' && outcome.type === 'complete') {
        this.#witness.completed.push(JSON.stringify([lease.tenantId, lease.id]))
      }
    }
  }
}

/** Limits hold whoever claims, whenever, and whatever becomes of them. */
export const exactLimitsCases: CaseGroup = {
  operation: 'exact limits',
  cases: [
    limitsCase('claimers that race and crash pass no limit and lose no job', async (open) => {
      const witness = new Witness()
      const total = await prepare(open)
      const handles = [open.store, await open.another(), await open.another()]
      const claimers = Array.from(
        { length: CLAIMERS },
        (_, index) => new Claimer(handles[index % handles.length]!, index, witness),
      )
      const throwDie = dice(99)
      for (let round = 0; round < ROUNDS; round += 1) {
        const now = await open.now()
        const steps = claimers.map((claimer) => claimer.step(now))
        if (throwDie(3) === 0) {
          witness.dropExpired(now)
          steps.push(open.store.maintain({ limit: 100 }).then(() => {}))
        }
        await Promise.all(steps)
        await open.advance(throwDie(5) === 0 ? 1_000 : throwDie(150))
      }
      witness.expectRatesKept()
      expect(witness.starts.length, 'jobs begun').toBeGreaterThan(ROUNDS)

      await drain(open, witness)
      expect(new Set(witness.completed).size).toBe(total)
      expect(witness.completed).toHaveLength(total)
      expect(await open.store.counts({ queue: QUEUE })).toMatchObject({
        pending: 0,
        scheduled: 0,
        retrying: 0,
        running: 0,
        failed: 0,
      })
    }),
  ],
}

/** Gives the store its limits and its jobs, and says how many these are. */
async function prepare({ store }: OpenStore): Promise<number> {
  await store.setLimits([
    ...GUARDED.map(({ scope, concurrency, rate }) => ({
      scope: { queue: QUEUE, ...scope },
      source: 'operator' as const,
      limits: { concurrency, rate },
    })),
    { scope: ofLimiter(), source: 'directory', limits: { breaker: 'none' } },
  ])
  const refs = [
    ...(await enqueueAll(store, newJobs(150, 'limited', { limiter: LIMITER, priority: 1 }))),
    ...(await enqueueAll(store, newJobs(150, 'plain'))),
    ...(await enqueueAll(store, newJobs(150, 'theirs', { tenantId: OTHER_TENANT }))),
    ...(await enqueueAll(store, newJobs(50, 'nobodys', { tenantId: null }))),
  ]
  return refs.length
}

/** Lifts all limits, takes back what the crashed still hold, and completes all that is left. */
async function drain(open: OpenStore, { completed }: Witness): Promise<void> {
  const { store } = open
  await open.advance(60_000)
  await maintainAll(store)
  await store.setLimits(
    GUARDED.map(({ scope }) => ({
      scope: { queue: QUEUE, ...scope },
      source: 'operator',
      limits: { concurrency: null, rate: null },
    })),
  )
  for (const suspects of [false, true]) {
    const jobs = await claimEverything(store, { suspects })
    const { results } = await store.settle({ settlements: jobs.map((job) => complete(job)) })
    expect(new Set(results)).not.toContain('lost')
    completed.push(...jobs.map(({ tenantId, id }) => JSON.stringify([tenantId, id])))
  }
}
