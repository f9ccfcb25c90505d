import { expect } from 'vitest'
import { claimRequest } from '../claim-jobs.ts'
import { serve } from '../fair-shares.ts'
import { ofTenant, sayLimits } from '../limit-scopes.ts'
import { enqueueAll, enqueueOne, newJob, newJobs } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

const CALL = 10_000
const ROUNDS = 10

/** How long one tenant's job waits behind the backlog of another. */
export const fairBacklogsCases: CaseGroup = {
  operation: 'fair backlogs',
  cases: [
    limitsCase(
      'behind whatever backlog a job waits for at most one job of each other tenant',
      async (open, { largestBacklog = 1_000_000 }) => {
        const { store } = open
        await sayLimits(store, ofTenant('noisy'), { weight: 8 })
        for (let left = largestBacklog; left > 0; left -= CALL) {
          const jobs = Array.from({ length: Math.min(left, CALL) }, () =>
            newJob({ tenantId: 'noisy', priority: 9 }),
          )
          await store.enqueue(jobs)
        }
        await enqueueAll(store, newJobs(200, 'other', { tenantId: 'other' }))
        const handles = [store, await open.another()]
        const rivals = new Set(['noisy', 'other'])
        await serve(handles, 50)
        for (let round = 0; round < ROUNDS; round += 1) {
          const { id } = await enqueueOne(handles[round % 2]!, { tenantId: 'quiet' })
          const before: (string | null)[] = []
          for (const job of await serve(handles, 1 + rivals.size)) {
            if (job.id === id) break
            before.push(job.tenantId)
          }
          expect(before.length, 'jobs before that of the quiet tenant').toBeLessThanOrEqual(
            rivals.size,
          )
          expect(new Set(before).size, 'one of each tenant').toBe(before.length)
          // So long that the quiet tenant is not one that was served of late.
          await serve(handles, 8, () => 4)
        }
      },
      { timeoutMs: 900_000 },
    ),

    limitsCase(
      'what is prefetched beside a tenant that may not be delays no third',
      async ({ store }) => {
        await sayLimits(store, ofTenant('limited'), { concurrency: 1_000 })
        await enqueueAll(store, newJobs(300, 'limited', { tenantId: 'limited' }))
        await enqueueAll(store, newJobs(300, 'free', { tenantId: 'free' }))
        for (let turn = 0; turn < 4; turn += 1) {
          await store.claim(claimRequest({ slots: 2, prefetch: 30 }))
        }
        await enqueueOne(store, { jobId: 'late', tenantId: 'late' })

        const next = await serve([store], 3)
        expect(next.map(({ id }) => id)).toContain('late')
      },
    ),

    limitsCase(
      'a claim goes on behind a heavier tenant whose last job it took',
      async ({ store }) => {
        await sayLimits(store, ofTenant('heavy'), { weight: 3 })
        for (const tenantId of ['one', 'two']) {
          await enqueueAll(store, newJobs(3, tenantId, { tenantId }))
        }
        await enqueueAll(store, newJobs(2, 'heavy', { tenantId: 'heavy' }))

        const { jobs } = await store.claim(claimRequest({ slots: 16 }))
        const turns = ['one', 'two', 'heavy', 'heavy', 'one', 'two', 'one', 'two']
        expect(jobs.map(({ tenantId }) => tenantId)).toEqual(turns)
      },
    ),
  ],
}
