import { complete, EACH_TENANT } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimEverything, claimJobs, claimOne, claimRequest, idsOf } from '../claim-jobs.ts'
import { KINDS, LIMITER, limitsOf, ofKey, ofLimiter, ofTenant, sayLimits } from '../limit-scopes.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, newJobs, OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup, type StoreCase } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

/** Pauses of every scope, by operators and by the directory. */
export const limitsPausesCases: CaseGroup = {
  operation: 'pauses of scopes',
  cases: [
    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(`a paused ${kind} gives no job in any handle, and then all`, async (open) => {
        const { store } = open
        const other = await open.another()
        await enqueueAll(store, newJobs(3, 'job', given))
        await store.pause(scope)
        expect(await other.isPaused(scope)).toBe(true)
        expect((await limitsOf(other, scope)).effective.paused).toBe(true)
        expect(await other.claim(claimRequest())).toMatchObject({
          jobs: [],
          nextDueInMs: null,
          awaitsRelease: false,
        })
        await other.resume(scope)
        expect(await store.isPaused(scope)).toBe(false)

        expect(await claimJobs(store)).toHaveLength(3)
      }),
    ),

    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(`a heartbeat tells that the ${kind} is paused`, async ({ store }) => {
        await enqueueOne(store, given)
        const lease = await claimOne(store)
        const states = async () => store.extend({ leases: [lease], leaseMs: 60_000 })
        expect(await states()).toEqual(['held'])
        await store.pause(scope)
        expect(await states()).toEqual(['paused'])
        await store.resume(scope)
        expect(await states()).toEqual(['held'])
        await sayLimits(store, scope, { paused: true }, 'directory')
        expect(await states()).toEqual(['paused'])

        expect((await store.settle({ settlements: [complete(lease)] })).results).toEqual([
          'settled',
        ])
      }),
    ),

    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(`a suspect waits while its ${kind} is paused`, async (open) => {
        const { store } = open
        await enqueueOne(store, given)
        await loseWorker(open)
        await store.pause(scope)
        expect(await store.claim(claimRequest({ suspects: true }))).toMatchObject({
          jobs: [],
          hasSuspects: false,
        })
        await store.resume(scope)

        expect(await claimJobs(store, { suspects: true })).toHaveLength(1)
      }),
    ),

    limitsCase(
      "a paused limiter leaves the tenant's other jobs and other tenants",
      async (open) => {
        const { store } = open
        await store.pause(ofLimiter())
        await enqueueAll(store, newJobs(3, 'limited', { limiter: LIMITER, priority: 9 }))
        await enqueueOne(store, { jobId: 'plain' })
        await enqueueOne(store, { jobId: 'bank', limiter: 'bank-api' })
        await enqueueOne(store, { jobId: 'theirs', limiter: LIMITER, tenantId: OTHER_TENANT })

        expect(idsOf(await claimEverything(store)).toSorted()).toEqual(['bank', 'plain', 'theirs'])
        expect(await store.isPaused(ofTenant())).toBe(false)
      },
    ),

    caseNeeding('limits', 'orderingKeys')(
      'a paused ordering key keeps its line and nothing else',
      async ({ store }) => {
        await store.pause(ofKey())
        await enqueueAll(store, newJobs(3, 'line', { orderingKey: 'shop-1' }))
        await enqueueAll(store, newJobs(1, 'other-line', { orderingKey: 'shop-2' }))
        await enqueueOne(store, { jobId: 'plain' })
        expect(idsOf(await claimJobs(store))).toEqual(['other-line-0', 'plain'])
        await store.resume(ofKey())

        expect(idsOf(await claimJobs(store))).toEqual(['line-0'])
      },
    ),

    limitsCase('a tenant that the directory suspends waits until it is active', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'mine'))
      await enqueueAll(store, newJobs(2, 'theirs', { tenantId: OTHER_TENANT }))
      await sayLimits(store, ofTenant(), { paused: true }, 'directory')
      expect(await store.isPaused(ofTenant())).toBe(true)
      expect(idsOf(await claimJobs(await open.another()))).toEqual(['theirs-0', 'theirs-1'])
      await sayLimits(store, ofTenant(), { paused: false }, 'directory')

      expect(idsOf(await claimJobs(store))).toEqual(['mine-0', 'mine-1'])
    }),

    limitsCase('a resume wakes no tenant that the directory suspends', async ({ store }) => {
      await enqueueOne(store)
      await sayLimits(store, ofTenant(), { paused: true }, 'directory')
      await store.pause(ofTenant())
      await store.resume(ofTenant())
      expect(await claimJobs(store)).toEqual([])
      expect(await store.isPaused(ofTenant())).toBe(true)
      await sayLimits(store, ofTenant(), { paused: null }, 'directory')

      expect(await claimJobs(store)).toHaveLength(1)
    }),

    limitsCase('the directory wakes no tenant that an operator paused', async ({ store }) => {
      await enqueueOne(store)
      await store.pause(ofTenant())
      await sayLimits(store, ofTenant(), { paused: false }, 'directory')
      expect(await claimJobs(store)).toEqual([])
      expect(await store.isPaused(ofTenant())).toBe(true)
      await store.resume(ofTenant())

      expect(await claimJobs(store)).toHaveLength(1)
    }),

    limitsCase(
      'tenants that the directory does not know are held, those it knows are not',
      async (open) => {
        const { store } = open
        await store.setLimits([
          { scope: ofTenant(EACH_TENANT), source: 'directory', limits: { paused: true } },
          { scope: ofTenant(), source: 'directory', limits: { paused: false } },
        ])
        for (const tenantId of [TENANT, OTHER_TENANT, null]) {
          await enqueueOne(store, { jobId: `of-${tenantId}`, tenantId })
        }
        expect(idsOf(await claimEverything(store))).toEqual([`of-${TENANT}`])
        expect(await store.isPaused(ofTenant())).toBe(false)
        expect(await store.isPaused(ofTenant(OTHER_TENANT))).toBe(true)
        await store.resume(ofTenant(OTHER_TENANT))
        expect(await claimJobs(store)).toEqual([])
        await sayLimits(store, ofTenant(OTHER_TENANT), { paused: false }, 'directory')
        expect(idsOf(await claimJobs(store))).toEqual([`of-${OTHER_TENANT}`])
        await sayLimits(store, ofTenant(null), { paused: false }, 'directory')

        expect(idsOf(await claimJobs(store))).toEqual(['of-null'])
      },
    ),

    limitsCase('an operator pauses and resumes each tenant at once', async ({ store }) => {
      const each = ofTenant(EACH_TENANT)
      await enqueueOne(store)
      await enqueueOne(store, { tenantId: null })
      await store.pause(each)
      expect(await store.isPaused(ofTenant())).toBe(true)
      expect(await store.isPaused(each)).toBe(true)
      expect(await store.isPaused({ queue: QUEUE })).toBe(false)
      expect(await claimJobs(store)).toEqual([])
      await store.resume(ofTenant())
      expect(await claimJobs(store), 'a resume lifts the pause of that very scope').toEqual([])
      await store.resume(each)

      expect(await claimJobs(store)).toHaveLength(2)
    }),

    limitsCase("each tenant's limiter can be paused at once", async ({ store }) => {
      await store.pause(ofLimiter(EACH_TENANT))
      for (const tenantId of [TENANT, OTHER_TENANT]) {
        await enqueueOne(store, { tenantId, limiter: LIMITER })
        await enqueueOne(store, { tenantId, jobId: `plain-${tenantId}` })
      }
      expect(await store.isPaused(ofLimiter(OTHER_TENANT))).toBe(true)
      expect(await claimEverything(store)).toHaveLength(2)
      await store.resume(ofLimiter(EACH_TENANT))

      expect(await claimEverything(store)).toHaveLength(2)
    }),

    limitsCase('a pause of what a job is within does not show in its own scopes', async (open) => {
      const { store } = open
      await store.pause(ofTenant())
      const limited = await limitsOf(store, ofLimiter())
      expect(await store.isPaused(ofLimiter())).toBe(false)

      expect(limited.effective.paused).toBe(false)
    }),
  ],
}
