import { complete, pauseLimiter, release } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimRequest,
  idsOf,
  read,
  settleOne,
} from '../claim-jobs.ts'
import { LIMITER, limitsOf, ofLimiter, ofTenant, sayLimits } from '../limit-scopes.ts'
import { enqueueAll, enqueueOne, newJob, newJobs, OTHER_TENANT, TENANT } from '../new-job.ts'
import { enqueueReplacing, REPLACE } from '../unique-jobs.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const limitsCase = caseNeeding('limits')
const keyCase = caseNeeding('limits', 'concurrencyKeys')

const limited = { limiter: LIMITER }

/** What jobs of several names share, and what happens when the outside asks to wait. */
export const limitersCases: CaseGroup = {
  operation: 'limiters',
  cases: [
    limitsCase('jobs of several names share a limiter', async ({ store }) => {
      await sayLimits(store, ofLimiter(), { concurrency: 2 })
      await enqueueAll(
        store,
        ['sync', 'export', 'import'].map((name) => newJob({ ...limited, name })),
      )

      expect((await claimEverything(store)).map(({ name }) => name)).toEqual(['sync', 'export'])
    }),

    limitsCase('each tenant has a limiter of its own', async ({ store }) => {
      await sayLimits(store, ofLimiter(), { concurrency: 1 })
      for (const tenantId of [TENANT, OTHER_TENANT, null]) {
        await enqueueAll(store, newJobs(3, 'job', { ...limited, tenantId }))
      }

      expect(await claimEverything(store)).toHaveLength(1 + 3 + 3)
    }),

    limitsCase('a job shows its limiter', async ({ store }) => {
      const [first, second] = await enqueueAll(store, [newJob(limited), newJob()])
      expect((await read(store, first!)).limiter).toBe(LIMITER)
      expect((await read(store, second!)).limiter).toBeNull()
      const claimed = await claimJobs(store)

      expect(claimed.map(({ limiter }) => limiter)).toEqual([LIMITER, null])
    }),

    limitsCase('a follow-up has its own limiter', async ({ store }) => {
      await sayLimits(store, ofLimiter(), { concurrency: 1 })
      await enqueueOne(store)
      const followUps = newJobs(3, 'next', limited)
      await settleOne(store, complete(await claimOne(store), null, { followUps }))

      expect(idsOf(await claimJobs(store))).toEqual(['next-0'])
    }),

    caseNeeding('limits', 'uniqueKeys')(
      'a replaced job has the limiter of its successor',
      async ({ store }) => {
        await sayLimits(store, ofLimiter(), { concurrency: 1 })
        await enqueueOne(store, { ...limited, jobId: 'running' })
        await claimOne(store)
        const moving = await enqueueOne(store, { ...limited, unique: REPLACE })
        expect(await claimJobs(store)).toEqual([])
        expect((await enqueueReplacing(store)).limiter).toBeNull()
        expect(idsOf(await claimJobs(store))).toEqual([moving.id])
      },
    ),

    limitsCase('an outside that asks to wait is let wait, by all of its jobs', async (open) => {
      const { store } = open
      const other = await open.another()
      await enqueueAll(store, newJobs(3, 'job', limited))
      const job = await claimOne(store)
      expect(await settleOne(store, pauseLimiter(job, 5_000))).toBe('settled')
      expect(await read(store, job)).toMatchObject({ state: 'pending', attempts: 0, releases: 1 })
      expect(await other.claim(claimRequest())).toMatchObject({
        jobs: [],
        nextDueInMs: 5_000,
        awaitsRelease: false,
      })
      expect((await limitsOf(other, ofLimiter())).opensInMs).toBe(5_000)
      await open.advance(4_999)
      expect(await claimJobs(other)).toEqual([])
      await open.advance(1)

      expect(await claimJobs(other)).toHaveLength(3)
    }),

    limitsCase('other jobs and other tenants do not wait for it', async ({ store }) => {
      await enqueueOne(store, limited)
      await settleOne(store, pauseLimiter(await claimOne(store), 5_000))
      await enqueueOne(store, { jobId: 'plain' })
      await enqueueOne(store, { jobId: 'bank', limiter: 'bank-api' })
      await enqueueOne(store, { ...limited, jobId: 'theirs', tenantId: OTHER_TENANT })
      await enqueueOne(store, { ...limited, jobId: 'nobodys', tenantId: null })

      expect(idsOf(await claimEverything(store)).toSorted()).toEqual([
        'bank',
        'nobodys',
        'plain',
        'theirs',
      ])
    }),

    keyCase(
      'a job that waits for it keeps back no other of its concurrency key',
      async ({ store }) => {
        const keyed = { concurrencyKey: 'shop-1', concurrencyLimit: 2 }
        await enqueueAll(store, newJobs(3, 'slow', { ...keyed, ...limited, priority: 1 }))
        await settleOne(store, pauseLimiter(await claimOne(store), 60_000))
        await enqueueAll(store, newJobs(3, 'job', keyed))

        expect(idsOf(await claimEverything(store))).toEqual(['job-0', 'job-1'])
      },
    ),

    keyCase(
      'whoever waits for it, no job passes its own limit of a concurrency key',
      async ({ store }) => {
        const keyed = (concurrencyLimit: number) => ({ concurrencyKey: 'shop-1', concurrencyLimit })
        await enqueueAll(store, newJobs(2, 'slow', { ...keyed(2), ...limited, priority: 1 }))
        await sayLimits(store, ofLimiter(), { concurrency: 1 })
        await claimOne(store)
        await enqueueAll(store, newJobs(1, 'job', keyed(1)))

        expect(await claimJobs(store)).toEqual([])
      },
    ),

    limitsCase('of several times to wait the longest holds', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job', limited))
      const [first, second, third] = await claimJobs(store)
      await settleOne(store, pauseLimiter(first!, 2_000))
      await settleOne(store, pauseLimiter(second!, 5_000))
      await settleOne(store, pauseLimiter(third!, 1_000))
      await open.advance(4_999)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1)

      expect(await claimJobs(store)).toHaveLength(3)
    }),

    limitsCase('what runs meanwhile ends as it ends, and shortens nothing', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(4, 'job', limited))
      const [first, second] = await claimJobs(store, { slots: 2 })
      await settleOne(store, pauseLimiter(first!, 5_000))
      expect(await settleOne(store, complete(second!))).toBe('settled')
      expect(await claimJobs(store)).toEqual([])
      await store.resume(ofLimiter())
      expect(await claimJobs(store), 'an operator lifts what operators paused').toEqual([])
      await open.advance(5_000)

      expect(await claimJobs(store)).toHaveLength(3)
    }),

    limitsCase('a stale settlement pauses no limiter', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job', limited))
      const job = await claimOne(store)
      await settleOne(store, release(job))
      expect(await settleOne(store, pauseLimiter({ ...job, token: 'stale' }, 5_000))).toBe('lost')
      const again = await claimOne(store)
      await store.cancel([again])
      expect(await settleOne(store, pauseLimiter(again, 5_000))).toBe('cancelled')

      expect(idsOf(await claimJobs(store))).toEqual(['job-1'])
    }),

    limitsCase('a settlement repeated prolongs no wait', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job', limited))
      const job = await claimOne(store)
      await settleOne(store, pauseLimiter(job, 5_000))
      await open.advance(4_000)
      expect(await settleOne(store, pauseLimiter(job, 5_000))).toBe('settled')
      await open.advance(1_000)

      expect(await claimJobs(store)).toHaveLength(2)
    }),

    limitsCase('without a limiter the attempt is given back and nothing waits', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      const job = await claimOne(store)
      expect(await settleOne(store, pauseLimiter(job, 5_000))).toBe('settled')
      expect(await read(store, job)).toMatchObject({ attempts: 0, releases: 1 })

      expect(await claimJobs(store)).toHaveLength(2)
    }),

    limitsCase('a wait is not a pause of the limiter', async ({ store }) => {
      await enqueueOne(store, limited)
      await settleOne(store, pauseLimiter(await claimOne(store), 5_000))

      expect(await store.isPaused(ofLimiter())).toBe(false)
      expect(await limitsOf(store, ofLimiter())).toMatchObject({
        effective: { paused: false },
        breaker: 'closed',
      })
    }),

    limitsCase('a limiter and its tenant keep their own counts', async ({ store }) => {
      await sayLimits(store, ofTenant(), { concurrency: 3 })
      await sayLimits(store, ofLimiter(), { concurrency: 2 })
      await enqueueAll(store, newJobs(5, 'job', limited))
      await enqueueAll(store, newJobs(5, 'plain'))
      const claimed = await claimJobs(store)
      expect(idsOf(claimed)).toEqual(['job-0', 'job-1', 'plain-0'])
      await settleOne(store, complete(claimed[2]!))
      expect(idsOf(await claimJobs(store))).toEqual(['plain-1'])
      await settleOne(store, complete(claimed[0]!))

      expect(idsOf(await claimJobs(store))).toEqual(['job-2'])
    }),
  ],
}
