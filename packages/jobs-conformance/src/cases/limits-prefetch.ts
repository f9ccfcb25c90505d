import { expect } from 'vitest'
import { claimJobs, claimRequest, idsOf } from '../claim-jobs.ts'
import { KINDS, LIMITER, ofTenant, sayLimits } from '../limit-scopes.ts'
import { enqueueAll, newJobs, OTHER_TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup, type StoreCase } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

/** What waits in a worker would hold places and tokens that others could use. */
export const limitsPrefetchCases: CaseGroup = {
  operation: 'limits and prefetch',
  cases: [
    ...KINDS.flatMap(({ kind, scope, given, kindCase }): StoreCase[] => [
      kindCase(`no job of a ${kind} with a concurrency is prefetched`, async ({ store }) => {
        await enqueueAll(store, newJobs(20, 'job', given))
        await sayLimits(store, scope, { concurrency: 10 })
        const { jobs, nextDueInMs } = await store.claim(claimRequest({ slots: 2, prefetch: 50 }))

        expect({ ids: idsOf(jobs), nextDueInMs }).toEqual({
          ids: ['job-0', 'job-1'],
          nextDueInMs: 0,
        })
      }),

      kindCase(`no job of a ${kind} with a rate is prefetched`, async ({ store }) => {
        await enqueueAll(store, newJobs(20, 'job', given))
        await sayLimits(store, scope, { rate: { limit: 100, periodMs: 1_000, burst: 100 } })

        expect(idsOf(await claimJobs(store, { slots: 2, prefetch: 50 }))).toEqual([
          'job-0',
          'job-1',
        ])
      }),
    ]),

    limitsCase('no job with a limiter is prefetched, though nothing limits it', async (open) => {
      await enqueueAll(open.store, newJobs(20, 'job', { limiter: LIMITER }))

      expect(idsOf(await claimJobs(open.store, { slots: 3, prefetch: 50 }))).toHaveLength(3)
      expect(await claimJobs(open.store, { slots: 0, prefetch: 50 })).toEqual([])
    }),

    limitsCase('beside what is limited, what is not may be prefetched', async ({ store }) => {
      await sayLimits(store, ofTenant(), { concurrency: 10 })
      await enqueueAll(store, newJobs(20, 'mine'))
      await enqueueAll(store, newJobs(20, 'theirs', { tenantId: OTHER_TENANT }))
      const claimed = await claimJobs(store, { slots: 4, prefetch: 10 })

      expect(claimed.length).toBeLessThanOrEqual(14)
      expect(new Set(claimed.slice(4).map(({ tenantId }) => tenantId))).not.toContain('acme')
      expect(claimed.slice(0, 4).filter(({ tenantId }) => tenantId === 'acme')).toHaveLength(2)
    }),

    limitsCase('a weight and a quota govern no job', async ({ store }) => {
      await enqueueAll(store, newJobs(20, 'job'))
      await sayLimits(store, ofTenant(), { weight: 3, backlog: 100 })
      const claimed = await claimJobs(store, { slots: 2, prefetch: 5 })

      expect(claimed.length).toBeGreaterThanOrEqual(2)
      expect(claimed.length).toBeLessThanOrEqual(7)
    }),
  ],
}
