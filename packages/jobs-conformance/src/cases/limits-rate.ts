import { complete, release, retry, type RateLimit } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimEverything, claimJobs, claimOne, claimRequest, settleOne } from '../claim-jobs.ts'
import type { OpenStore } from '../harness.ts'
import {
  KINDS,
  LIMITER,
  limitsOf,
  OF_QUEUE,
  ofLimiter,
  ofTenant,
  sayLimits,
} from '../limit-scopes.ts'
import { enqueueAll, enqueueOne, ERROR, newJobs, OTHER_TENANT, TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup, type StoreCase } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

const ONE_A_SECOND: RateLimit = { limit: 1, periodMs: 1_000, burst: 1 }

/** How many jobs begin at each of the steps of so many milliseconds, the first at once. */
async function startsAt(open: OpenStore, steps: number, stepMs: number): Promise<number[]> {
  const starts: number[] = []
  for (let step = 0; step < steps; step += 1) {
    if (step > 0) await open.advance(stepMs)
    starts.push((await claimEverything(open.store)).length)
  }
  return starts
}

/** How often jobs may start. */
export const limitsRateCases: CaseGroup = {
  operation: 'rate limits',
  cases: [
    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(
        `the rate of a ${kind} lets a burst start and then one each interval`,
        async (open) => {
          const { store } = open
          await enqueueAll(store, newJobs(20, 'job', given))
          await sayLimits(store, scope, { rate: { limit: 2, periodMs: 1_000, burst: 3 } })
          expect(await claimJobs(store, { slots: 2 })).toHaveLength(2)
          expect(await claimJobs(await open.another())).toHaveLength(1)
          expect(await claimJobs(store)).toEqual([])
          await open.advance(499)
          expect(await claimJobs(store)).toEqual([])

          expect(await startsAt(open, 5, 1)).toEqual([0, 1, 0, 0, 0])
          expect(await startsAt(open, 3, 500)).toEqual([0, 1, 1])
        },
      ),
    ),

    limitsCase('a rest restores the burst and nothing beyond it', async (open) => {
      await enqueueAll(open.store, newJobs(40, 'job'))
      await sayLimits(open.store, ofTenant(), { rate: { limit: 1, periodMs: 100, burst: 4 } })
      expect(await startsAt(open, 2, 200)).toEqual([4, 2])
      await open.advance(60_000)

      expect(await startsAt(open, 4, 50)).toEqual([4, 0, 1, 0])
    }),

    limitsCase('an interval is rounded up to whole microseconds', async (open) => {
      // 333,334 µs: the third falls due at 666.668 ms, and so in the millisecond that begins at 667.
      const { store } = open
      await enqueueAll(store, newJobs(9, 'job'))
      await sayLimits(store, ofTenant(), { rate: { limit: 3, periodMs: 1_000, burst: 2 } })
      expect(await claimJobs(store)).toHaveLength(2)
      await open.advance(333)
      expect(await claimJobs(store)).toEqual([])
      expect(await startsAt(open, 2, 1)).toEqual([0, 1])
      await open.advance(332)
      expect(await startsAt(open, 2, 1)).toEqual([0, 1])
      await open.advance(332)

      expect(await startsAt(open, 3, 1)).toEqual([0, 0, 1])
    }),

    limitsCase('in no window more start than the rate allows, nor less', async (open) => {
      const { store } = open
      const [limit, periodMs, burst] = [7, 100, 3]
      await enqueueAll(store, newJobs(60, 'job'))
      await sayLimits(store, ofTenant(), { rate: { limit, periodMs, burst } })
      const starts = (await startsAt(open, 401, 1)).flatMap((count, at) =>
        Array.from({ length: count }, () => at),
      )
      for (const [from, first] of starts.entries()) {
        for (const [index, last] of starts.slice(from).entries()) {
          const most = burst + Math.floor(((last - first) * limit) / periodMs)
          expect(index + 1, `starts from ${first} to ${last} ms`).toBeLessThanOrEqual(most)
        }
      }

      // Rounding up takes less than a millisecond of the 400.
      expect(starts).toHaveLength(burst + Math.floor((399 * limit) / periodMs))
    }),

    limitsCase('a thousand in a millisecond is a rate, and one in ten days too', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2_100, 'job'))
      await sayLimits(store, OF_QUEUE, { rate: { limit: 1_000, periodMs: 1, burst: 1 } })
      expect(await claimEverything(store)).toHaveLength(1)
      await open.advance(60_000)
      expect(await claimEverything(store), 'the burst is one, however long the rest').toHaveLength(
        1,
      )
      await sayLimits(store, OF_QUEUE, { rate: { limit: 1_000, periodMs: 1, burst: 1_000 } })
      await open.advance(1)
      expect(await claimEverything(store, { slots: 3_000 })).toHaveLength(1_000)
      await sayLimits(store, OF_QUEUE, { rate: { limit: 1, periodMs: 864_000_000, burst: 1 } })
      await open.advance(1)
      expect(await claimEverything(store)).toHaveLength(1)
      await open.advance(863_999_999)
      expect(await claimEverything(store)).toEqual([])
      await open.advance(1)

      expect(await claimEverything(store)).toHaveLength(1)
    }),

    limitsCase('a retry is a start, and a start given back stays one', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(9, 'job'))
      await sayLimits(store, ofTenant(), { rate: { limit: 1, periodMs: 1_000, burst: 3 } })
      await settleOne(store, release(await claimOne(store)))
      await settleOne(store, retry(await claimOne(store), ERROR, 0))
      await settleOne(store, complete(await claimOne(store)))
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1_000)
      await settleOne(store, release(await claimOne(store)))

      expect(await claimJobs(store)).toEqual([])
    }),

    limitsCase('a lease taken back gives no token back', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job'))
      await sayLimits(store, ofTenant(), { rate: { ...ONE_A_SECOND, periodMs: 60_000 } })
      await claimOne(store, { leaseMs: 1_000 })
      await open.advance(1_001)
      expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 1 })

      expect(await claimJobs(store)).toEqual([])
      expect(await claimJobs(store, { suspects: true })).toEqual([])
    }),

    limitsCase('a job that another scope keeps back spends no token', async ({ store }) => {
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      await sayLimits(store, ofLimiter(), { rate: { limit: 1, periodMs: 60_000, burst: 2 } })
      await sayLimits(store, OF_QUEUE, { rate: { limit: 1, periodMs: 60_000, burst: 3 } })
      await enqueueAll(store, newJobs(9, 'job', { limiter: LIMITER }))
      const first = await claimOne(store)
      for (let turn = 0; turn < 5; turn += 1) expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(first))
      await settleOne(store, complete(await claimOne(store)))
      // The limiter's two are spent; one is left to the queue.
      for (let turn = 0; turn < 5; turn += 1) expect(await claimJobs(store)).toEqual([])
      await enqueueAll(store, newJobs(3, 'other', { tenantId: OTHER_TENANT }))

      expect(await claimJobs(store)).toHaveLength(1)
      expect(await claimJobs(store)).toEqual([])
    }),

    limitsCase('a spent rate keeps back its own scope alone', async ({ store }) => {
      await sayLimits(store, ofLimiter(), { rate: ONE_A_SECOND })
      await enqueueAll(store, newJobs(5, 'limited', { limiter: LIMITER, priority: 9 }))
      await enqueueAll(store, newJobs(5, 'plain'))
      await enqueueAll(store, newJobs(5, 'other', { limiter: LIMITER, tenantId: OTHER_TENANT }))

      expect(await claimEverything(store)).toHaveLength(11)
    }),

    limitsCase('the rate of a queue is that of all its tenants together', async (open) => {
      const { store } = open
      for (const tenantId of [TENANT, OTHER_TENANT, null]) {
        await enqueueAll(store, newJobs(5, 'job', { tenantId }))
      }
      await sayLimits(store, OF_QUEUE, { rate: { limit: 2, periodMs: 1_000, burst: 2 } })

      expect(await startsAt(open, 4, 500)).toEqual([2, 1, 1, 1])
    }),

    limitsCase('a new rate holds from the next claim on', async (open) => {
      const { store } = open
      const other = await open.another()
      await enqueueAll(store, newJobs(30, 'job'))
      await sayLimits(store, ofTenant(), { rate: { limit: 1, periodMs: 3_600_000, burst: 1 } })
      expect(await claimJobs(store)).toHaveLength(1)
      await sayLimits(store, ofTenant(), { rate: { limit: 10, periodMs: 1_000, burst: 1 } })
      await open.advance(100)
      expect(await claimJobs(other), 'no longer wait than the new interval').toHaveLength(1)
      await sayLimits(store, ofTenant(), { rate: { limit: 1, periodMs: 1_000, burst: 1 } })
      await open.advance(1_000)
      expect(await startsAt(open, 3, 500)).toEqual([1, 0, 1])
      await sayLimits(store, ofTenant(), { rate: 'none' })

      expect(await claimJobs(other)).toHaveLength(26)
    }),

    limitsCase('a rate said again, and another limit changed, refills nothing', async (open) => {
      const { store } = open
      const rate: RateLimit = { limit: 1, periodMs: 60_000, burst: 2 }
      await enqueueAll(store, newJobs(9, 'job'))
      await sayLimits(store, ofTenant(), { rate })
      expect(await claimJobs(store)).toHaveLength(2)
      await sayLimits(store, ofTenant(), { rate: { ...rate } })
      await sayLimits(store, ofTenant(), { weight: 2, concurrency: 50 })
      await sayLimits(store, ofTenant(), { rate: { ...rate } }, 'directory')

      expect(await claimJobs(await open.another())).toEqual([])
    }),

    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(`a claim tells when the rate of a ${kind} lets the next start`, async (open) => {
        const { store } = open
        await enqueueAll(store, newJobs(4, 'job', given))
        await sayLimits(store, scope, { rate: { limit: 1, periodMs: 1_000, burst: 1 } })
        expect(await store.claim(claimRequest({ slots: 9 }))).toMatchObject({
          jobs: [{ id: 'job-0' }],
          nextDueInMs: 1_000,
          awaitsRelease: false,
        })
        await open.advance(400)
        expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: 600 })
        expect((await limitsOf(store, scope)).opensInMs).toBe(600)
        await open.advance(600)
        expect((await limitsOf(store, scope)).opensInMs).toBe(0)

        expect(await claimJobs(store)).toHaveLength(1)
      }),
    ),

    limitsCase(
      'what a rate keeps back is told of in whole milliseconds, late rather than early',
      async (open) => {
        const { store } = open
        await enqueueAll(store, newJobs(4, 'job'))
        await sayLimits(store, ofTenant(), { rate: { limit: 3, periodMs: 1_000, burst: 1 } })
        const { nextDueInMs } = await store.claim(claimRequest())
        expect(nextDueInMs).toBe(334)
        await open.advance(334)

        expect(await claimJobs(store)).toHaveLength(1)
      },
    ),

    limitsCase('each scope of a job keeps its own account', async (open) => {
      const { store } = open
      await sayLimits(store, ofTenant(), { rate: { limit: 1, periodMs: 100, burst: 1 } })
      await sayLimits(store, ofLimiter(), { rate: { limit: 1, periodMs: 250, burst: 1 } })
      await enqueueAll(store, newJobs(9, 'job', { limiter: LIMITER }))
      expect(await startsAt(open, 6, 50)).toEqual([1, 0, 0, 0, 0, 1])
      await enqueueOne(store, { jobId: 'plain' })

      expect(await startsAt(open, 3, 50)).toEqual([0, 0, 1])
    }),
  ],
}
