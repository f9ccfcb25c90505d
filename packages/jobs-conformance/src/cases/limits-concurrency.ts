import { complete, fail, release, retry, type ClaimedJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimEverything, claimJobs, claimOne, idsOf, settleOne } from '../claim-jobs.ts'
import {
  KINDS,
  LIMITER,
  limitsOf,
  OF_QUEUE,
  ofKey,
  ofLimiter,
  ofTenant,
  sayLimits,
} from '../limit-scopes.ts'
import {
  enqueueAll,
  enqueueOne,
  ERROR,
  newJob,
  newJobs,
  only,
  OTHER_TENANT,
  QUEUE,
  TENANT,
} from '../new-job.ts'
import { caseNeeding, type CaseGroup, type StoreCase } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

/** How many jobs may be leased at a time, and what a full scope keeps back. */
export const limitsConcurrencyCases: CaseGroup = {
  operation: 'concurrency limits',
  cases: [
    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(
        `a ${kind} has as many leased as its concurrency, in one claim or several`,
        async (open) => {
          const other = await open.another()
          await enqueueAll(open.store, newJobs(10, 'job', given))
          await sayLimits(open.store, scope, { concurrency: 3 })
          expect(idsOf(await claimJobs(open.store, { slots: 2 }))).toEqual(['job-0', 'job-1'])
          const third = await claimJobs(other)
          expect(idsOf(third)).toEqual(['job-2'])
          expect(await claimJobs(open.store)).toEqual([])
          await settleOne(open.store, complete(only(third)))

          expect(idsOf(await claimJobs(other))).toEqual(['job-3'])
        },
      ),
    ),

    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(
        `a concurrency that a ${kind} is given later counts what runs already`,
        async ({ store }) => {
          await enqueueAll(store, newJobs(10, 'job', given))
          const [first, second] = await claimJobs(store, { slots: 3 })
          await sayLimits(store, scope, { concurrency: 2 })
          expect(await claimJobs(store)).toEqual([])
          expect((await limitsOf(store, scope)).leased).toBe(3)
          await settleOne(store, complete(first!))
          expect(await claimJobs(store)).toEqual([])
          await settleOne(store, complete(second!))

          expect(idsOf(await claimJobs(store))).toEqual(['job-3'])
        },
      ),
    ),

    limitsCase('what is leased beyond a lowered concurrency runs on', async ({ store }) => {
      await enqueueAll(store, newJobs(5, 'job'))
      await sayLimits(store, ofTenant(), { concurrency: 3 })
      const leased = await claimJobs(store)
      await sayLimits(store, ofTenant(), { concurrency: 1 })

      expect(await store.extend({ leases: leased, leaseMs: 60_000 })).toEqual([
        'held',
        'held',
        'held',
      ])
      const { results } = await store.settle({ settlements: leased.map((job) => complete(job)) })
      expect(results).toEqual(['settled', 'settled', 'settled'])
      expect(await claimJobs(store)).toHaveLength(1)
    }),

    limitsCase('a concurrency that comes while jobs run counts these', async ({ store }) => {
      await store.enqueue(Array.from({ length: 5 }, () => newJob()))
      const [first, ...others] = await claimJobs(store, { slots: 3 })
      await sayLimits(store, ofTenant(), { concurrency: 2 })
      const [state] = await store.getLimits([ofTenant()])
      expect(state).toMatchObject({ leased: 3 })
      await settleOne(store, complete(first!))
      expect(await claimJobs(store)).toEqual([])
      await store.settle({ settlements: others.map((job) => complete(job)) })
      expect(await claimJobs(store)).toHaveLength(2)
    }),

    limitsCase('a raised and a lifted concurrency hold from the next claim on', async (open) => {
      const { store } = open
      const other = await open.another()
      await enqueueAll(store, newJobs(20, 'job'))
      await sayLimits(store, ofTenant(), { concurrency: 2 })
      expect(await claimJobs(store)).toHaveLength(2)
      await sayLimits(store, ofTenant(), { concurrency: 5 })
      expect(await claimJobs(other)).toHaveLength(3)
      await sayLimits(store, ofTenant(), { concurrency: null })

      expect(await claimJobs(other)).toHaveLength(15)
    }),

    limitsCase('each end of an attempt frees one place and no more', async ({ store }) => {
      await enqueueAll(store, newJobs(20, 'job', { limiter: LIMITER }))
      await sayLimits(store, ofTenant(), { concurrency: 2 })
      const leased = [...(await claimJobs(store))]
      const ends = [
        (job: ClaimedJob) => complete(job),
        (job: ClaimedJob) => complete(job, null, { discard: true }),
        (job: ClaimedJob) => retry(job, ERROR, 60_000),
        (job: ClaimedJob) => release(job, 60_000),
        (job: ClaimedJob) => fail(job, ERROR),
      ]
      for (const end of ends) {
        const job = leased.shift()!
        expect(await settleOne(store, end(job))).toBe('settled')
        leased.push(only(await claimJobs(store)))
        // Repeated, as where the reply was lost; a job that was discarded is not known any more.
        expect(['settled', 'lost']).toContain(await settleOne(store, end(job)))
        expect(await settleOne(store, complete({ ...job, token: 'stale' }))).toBe('lost')
        expect(await claimJobs(store)).toEqual([])
      }
    }),

    limitsCase('a settlement frees the place for the claim that comes with it', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(5, 'job'))
      await sayLimits(store, OF_QUEUE, { concurrency: 2 })
      const settlements = (await claimJobs(store)).map((job) => complete(job))
      const claim = { queue: QUEUE, slots: 9, prefetch: 0, leaseMs: 9_000, worker: 'w' }
      const { claimed } = await store.settle({ settlements, claim: { ...claim, suspects: false } })

      expect(idsOf(claimed?.jobs ?? [])).toEqual(['job-2', 'job-3'])
    }),

    limitsCase('what an operator does to waiting jobs frees no place', async ({ store }) => {
      const refs = await enqueueAll(store, newJobs(6, 'job'))
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      await claimOne(store)
      await store.cancel([refs[1]!, refs[2]!])
      await store.remove([refs[2]!, refs[3]!])
      await store.retry([refs[1]!])

      expect(await claimJobs(store)).toEqual([])
    }),

    limitsCase('the concurrency of a queue is that of all its tenants together', async (open) => {
      const { store } = open
      for (const tenantId of [TENANT, OTHER_TENANT, null]) {
        await enqueueAll(store, newJobs(5, 'job', { tenantId }))
      }
      await enqueueAll(store, newJobs(5, 'mail', { queue: 'mails' }))
      await sayLimits(store, OF_QUEUE, { concurrency: 4 })

      expect(await claimEverything(store)).toHaveLength(4)
      expect(await claimEverything(store, { queue: 'mails' })).toHaveLength(5)
    }),

    limitsCase('the jobs without a tenant have a concurrency of their own', async ({ store }) => {
      await enqueueAll(store, newJobs(5, 'mine'))
      await enqueueAll(store, newJobs(5, 'nobodys', { tenantId: null }))
      await sayLimits(store, ofTenant(null), { concurrency: 1 })
      const claimed = await claimEverything(store)

      expect(claimed.filter(({ tenantId }) => tenantId === null)).toHaveLength(1)
      expect(claimed).toHaveLength(6)
    }),

    limitsCase('all scopes of a job have to have room', async ({ store }) => {
      const limits = [
        [OF_QUEUE, 6],
        [ofTenant(), 4],
        [ofLimiter(), 2],
      ] as const
      for (const [scope, concurrency] of limits) await sayLimits(store, scope, { concurrency })
      await enqueueAll(store, newJobs(10, 'limited', { limiter: LIMITER }))
      expect(await claimJobs(store)).toHaveLength(2)
      await enqueueAll(store, newJobs(10, 'plain'))
      expect(idsOf(await claimJobs(store))).toEqual(['plain-0', 'plain-1'])
      await enqueueAll(store, newJobs(10, 'other', { tenantId: OTHER_TENANT, limiter: LIMITER }))

      expect(idsOf(await claimJobs(store))).toEqual(['other-0', 'other-1'])
      expect(await Promise.all(limits.map(([scope]) => limitsOf(store, scope)))).toMatchObject([
        { leased: 6 },
        { leased: 4 },
        { leased: 2 },
      ])
    }),

    limitsCase('a job that one scope keeps back takes no place of another', async ({ store }) => {
      await sayLimits(store, ofTenant(), { concurrency: 2 })
      await sayLimits(store, ofLimiter(), { concurrency: 1 })
      await enqueueAll(store, newJobs(5, 'limited', { limiter: LIMITER, priority: 9 }))
      await enqueueAll(store, newJobs(5, 'plain'))

      expect(idsOf(await claimJobs(store))).toEqual(['limited-0', 'plain-0'])
    }),

    limitsCase('a full scope hides nothing that lies behind its jobs', async ({ store }) => {
      await sayLimits(store, ofTenant(), { concurrency: 4 })
      await sayLimits(store, ofLimiter(), { concurrency: 1 })
      await enqueueAll(store, newJobs(500, 'limited', { limiter: LIMITER, priority: 9 }))
      await enqueueOne(store, { jobId: 'plain' })
      await enqueueOne(store, { jobId: 'other-limiter', limiter: 'bank-api' })
      const first = idsOf(await claimEverything(store, { slots: 1 }))
      expect(first.toSorted()).toEqual(['limited-0', 'other-limiter', 'plain'])
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      await enqueueOne(store, { jobId: 'other-tenant', tenantId: OTHER_TENANT })

      expect(idsOf(await claimEverything(store, { slots: 1 }))).toEqual(['other-tenant'])
    }),

    limitsCase('a place that becomes free goes to the highest priority', async ({ store }) => {
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      await enqueueAll(store, newJobs(2, 'low'))
      const running = await claimOne(store)
      await enqueueAll(store, newJobs(2, 'high', { priority: 5 }))
      await settleOne(store, complete(running))
      const order: string[] = []
      for (let turn = 0; turn < 3; turn += 1) {
        const job = await claimOne(store)
        order.push(job.id)
        await settleOne(store, complete(job))
      }

      expect(order).toEqual(['high-0', 'high-1', 'low-1'])
    }),

    caseNeeding('limits', 'orderingKeys')(
      'an ordering key keeps its order within a limit, and a limit does not widen it',
      async ({ store }) => {
        await sayLimits(store, ofTenant(), { concurrency: 2 })
        await sayLimits(store, ofKey(), { concurrency: 5 })
        const line = newJobs(3, 'line', { orderingKey: 'shop-1' })
        await enqueueAll(store, [...line, ...newJobs(3, 'plain')])
        const [head, plain] = await claimJobs(store)
        expect([head!.id, plain!.id]).toEqual(['line-0', 'plain-0'])
        await settleOne(store, complete(plain!))
        const next = await claimOne(store)
        expect(next.id).toBe('plain-1')
        await store.settle({ settlements: [complete(head!), complete(next)] })

        expect(idsOf(await claimJobs(store))).toEqual(['line-1', 'plain-2'])
      },
    ),

    caseNeeding('limits', 'orderingKeys')(
      'the first of a line that a limiter keeps back keeps its line back, and nothing else',
      async ({ store }) => {
        await sayLimits(store, ofLimiter(), { concurrency: 1 })
        await enqueueOne(store, { jobId: 'busy', limiter: LIMITER })
        const busy = await claimOne(store)
        await enqueueAll(store, [
          newJob({ jobId: 'line-0', orderingKey: 'shop-1', limiter: LIMITER }),
          newJob({ jobId: 'line-1', orderingKey: 'shop-1' }),
          newJob({ jobId: 'plain' }),
        ])
        expect(idsOf(await claimJobs(store))).toEqual(['plain'])
        await settleOne(store, complete(busy))

        expect(idsOf(await claimJobs(store))).toEqual(['line-0'])
      },
    ),

    caseNeeding('limits', 'concurrencyKeys')(
      'of the limit of a concurrency key and that of its scope the lower holds',
      async ({ store }) => {
        const keyed = (concurrencyKey: string, concurrencyLimit: number) => ({
          concurrencyKey,
          concurrencyLimit,
        })
        await sayLimits(store, ofKey(TENANT, 'narrow'), { concurrency: 2 })
        await sayLimits(store, ofKey(TENANT, 'wide'), { concurrency: 9 })
        await enqueueAll(store, newJobs(5, 'narrow', keyed('narrow', 4)))
        await enqueueAll(store, newJobs(5, 'wide', keyed('wide', 3)))

        expect(idsOf(await claimJobs(store))).toEqual([
          'narrow-0',
          'narrow-1',
          'wide-0',
          'wide-1',
          'wide-2',
        ])
      },
    ),

    caseNeeding('limits', 'concurrencyKeys')(
      'a key of that name is limited in its own queue and tenant alone',
      async ({ store }) => {
        const given = { concurrencyKey: 'shop-1', concurrencyLimit: 9 }
        await sayLimits(store, ofKey(), { concurrency: 1 })
        await enqueueAll(store, newJobs(3, 'mine', given))
        await enqueueAll(store, newJobs(3, 'other-key', { ...given, concurrencyKey: 'shop-2' }))
        await enqueueAll(store, newJobs(3, 'theirs', { ...given, tenantId: OTHER_TENANT }))
        await enqueueAll(store, newJobs(3, 'mail', { ...given, queue: 'mails' }))

        expect(await claimEverything(store)).toHaveLength(7)
        expect(await claimEverything(store, { queue: 'mails' })).toHaveLength(3)
      },
    ),
  ],
}
