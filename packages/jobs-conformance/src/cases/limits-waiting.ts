import { complete } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, claimRequest, idsOf, settleOne } from '../claim-jobs.ts'
import {
  KINDS,
  LIMITED_KEY,
  LIMITER,
  ofKey,
  ofLimiter,
  ofTenant,
  sayLimits,
} from '../limit-scopes.ts'
import { enqueueAll, enqueueOne, newJobs, OTHER_TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup, type StoreCase } from '../store-case.ts'

const limitsCase = caseNeeding('limits')
const keysCase = caseNeeding('limits', 'concurrencyKeys', 'orderingKeys')

/** What a claim tells of jobs that a limit keeps back, so that nobody asks in vain. */
export const limitsWaitingCases: CaseGroup = {
  operation: 'waiting for limits',
  cases: [
    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(`a claim tells that only a release makes room in a full ${kind}`, async (open) => {
        const { store } = open
        await enqueueAll(store, newJobs(5, 'job', given))
        await sayLimits(store, scope, { concurrency: 2 })
        expect(await store.claim(claimRequest({ slots: 9 }))).toMatchObject({
          jobs: [{ id: 'job-0' }, { id: 'job-1' }],
          nextDueInMs: null,
          awaitsRelease: true,
        })
        expect(await store.claim(claimRequest())).toMatchObject({
          jobs: [],
          nextDueInMs: null,
          awaitsRelease: true,
        })
      }),
    ),

    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(`what was cancelled awaits no release of a full ${kind}`, async ({ store }) => {
        const refs = await enqueueAll(store, newJobs(3, 'job', given))
        await sayLimits(store, scope, { concurrency: 1 })
        await claimOne(store)
        await store.cancel(refs.slice(1))

        expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], awaitsRelease: false })
      }),
    ),

    keysCase('who was cancelled first in its line awaits no release of its key', async (open) => {
      const { store } = open
      await sayLimits(store, ofKey(), { concurrency: 1 })
      await enqueueOne(store, { concurrencyKey: LIMITED_KEY, concurrencyLimit: 1 })
      await claimOne(store)
      const ref = await enqueueOne(store, { orderingKey: LIMITED_KEY })
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], awaitsRelease: true })
      await store.cancel([ref])

      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], awaitsRelease: false })
    }),

    limitsCase('nothing awaits a release where nothing waits', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      await sayLimits(store, ofTenant(), { concurrency: 2 })

      expect(await store.claim(claimRequest())).toMatchObject({
        nextDueInMs: null,
        awaitsRelease: false,
      })
    }),

    limitsCase('what waits for its time awaits no release', async ({ store }) => {
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      await enqueueAll(store, newJobs(1, 'job'))
      await enqueueOne(store, { tenantId: OTHER_TENANT, delayMs: 5_000 })

      expect(await store.claim(claimRequest())).toMatchObject({
        jobs: [{ id: 'job-0' }],
        nextDueInMs: 5_000,
        awaitsRelease: false,
      })
    }),

    limitsCase('a pause beside a full scope awaits no release', async ({ store }) => {
      await enqueueAll(store, newJobs(3, 'job'))
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      await claimOne(store)
      await store.pause(ofTenant())

      expect(await store.claim(claimRequest())).toMatchObject({
        jobs: [],
        nextDueInMs: null,
        awaitsRelease: false,
      })
    }),

    limitsCase('a settlement with a claim tells it too', async ({ store }) => {
      await enqueueAll(store, newJobs(5, 'job'))
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      const settlements = [complete(await claimOne(store))]
      const { claimed } = await store.settle({ settlements, claim: claimRequest() })

      expect(claimed).toMatchObject({
        jobs: [{ id: 'job-1' }],
        nextDueInMs: null,
        awaitsRelease: true,
      })
    }),

    limitsCase('the first of several rates to let a job start is told of', async (open) => {
      const { store } = open
      const rate = (periodMs: number) => ({ rate: { limit: 1, periodMs, burst: 1 } })
      await sayLimits(store, ofTenant(), rate(5_000))
      await sayLimits(store, ofTenant(OTHER_TENANT), rate(3_000))
      await enqueueAll(store, newJobs(3, 'mine'))
      await enqueueAll(store, newJobs(3, 'theirs', { tenantId: OTHER_TENANT }))
      const first = await store.claim(claimRequest())
      expect({ found: first.jobs.length, next: first.nextDueInMs }).toEqual({
        found: 2,
        next: 3_000,
      })
      await open.advance(3_000)

      expect(await store.claim(claimRequest())).toMatchObject({
        jobs: [{ id: 'theirs-1' }],
        nextDueInMs: 2_000,
      })
    }),

    limitsCase('two rates that let start at one time do so again and again', async (open) => {
      const { store } = open
      for (const scope of [ofTenant(), ofLimiter()]) {
        await sayLimits(store, scope, { rate: { limit: 1, periodMs: 1_000, burst: 1 } })
      }
      const jobs = newJobs(6, 'job')
      await enqueueAll(
        store,
        jobs.map((job, n) => (n % 2 === 0 ? { ...job, limiter: LIMITER } : job)),
      )
      for (const [n, { jobId }] of jobs.entries()) {
        const found = await store.claim(claimRequest())
        expect(idsOf(found.jobs)).toEqual([jobId])
        expect(found.nextDueInMs).toBe(n < 5 ? 1_000 : null)
        await open.advance(1_000)
      }
    }),

    limitsCase('a delayed job of a spent rate is told of in time', async (open) => {
      const { store } = open
      await sayLimits(store, ofTenant(), { rate: { limit: 1, periodMs: 10_000, burst: 1 } })
      await enqueueOne(store)
      await claimOne(store)
      await enqueueOne(store, { delayMs: 4_000 })
      let waited = 0
      for (let turn = 0; turn < 3 && waited < 10_000; turn += 1) {
        const { jobs, nextDueInMs } = await store.claim(claimRequest())
        expect(jobs).toEqual([])
        expect(nextDueInMs).toBeGreaterThan(0)
        await open.advance(nextDueInMs!)
        waited += nextDueInMs!
      }

      expect(waited).toBe(10_000)
      expect(await claimJobs(store)).toHaveLength(1)
    }),

    limitsCase('what a claim may not take stays hidden from those that follow', async (open) => {
      // A blocked tenant that is asked again and again costs every claim.
      const { store } = open
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      await sayLimits(store, ofLimiter(OTHER_TENANT), { concurrency: 1 })
      await enqueueAll(store, newJobs(300, 'mine'))
      await enqueueAll(store, newJobs(300, 'theirs', { tenantId: OTHER_TENANT, limiter: LIMITER }))
      const first = await store.claim(claimRequest({ slots: 50 }))
      expect(first.jobs).toHaveLength(2)
      for (let turn = 0; turn < 5; turn += 1) {
        expect(await store.claim(claimRequest({ slots: 1 }))).toMatchObject({
          jobs: [],
          nextDueInMs: null,
          awaitsRelease: true,
        })
      }
      await settleOne(store, complete(first.jobs[0]!))

      expect(await store.claim(claimRequest())).toMatchObject({
        jobs: [{ tenantId: first.jobs[0]!.tenantId }],
        nextDueInMs: null,
        awaitsRelease: true,
      })
    }),
  ],
}
