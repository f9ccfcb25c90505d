import { complete, release } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimJobs,
  claimOne,
  claimRequest,
  claimSuspect,
  idsOf,
  LEASE_MS,
  maintainAll,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import { KINDS, limitsOf, ofTenant, sayLimits } from '../limit-scopes.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, newJobs } from '../new-job.ts'
import { caseNeeding, type CaseGroup, type StoreCase } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

/** Which leases a concurrency counts: all, until each is settled or taken back. */
export const limitsCountingCases: CaseGroup = {
  operation: 'what limits count',
  cases: [
    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(`an expired lease counts in its ${kind} until it is taken back`, async (open) => {
        const { store } = open
        await enqueueAll(store, newJobs(4, 'job', given))
        await sayLimits(store, scope, { concurrency: 1 })
        const job = await claimOne(store)
        await open.advance(LEASE_MS + 1)
        expect(await claimJobs(store)).toEqual([])
        expect((await limitsOf(store, scope)).leased).toBe(1)
        await maintainAll(store)
        expect((await limitsOf(store, scope)).leased).toBe(0)
        expect(idsOf(await claimJobs(store))).toEqual(['job-1'])
        expect(await settleOne(store, complete(job))).toBe('lost')

        expect(await claimJobs(store)).toEqual([])
      }),
    ),

    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(
        `a cancelled job counts in its ${kind} as long as a worker holds it`,
        async ({ store }) => {
          await enqueueAll(store, newJobs(4, 'job', given))
          await sayLimits(store, scope, { concurrency: 1 })
          const job = await claimOne(store)
          await store.cancel([refOf(job)])
          expect(await claimJobs(store)).toEqual([])
          expect((await limitsOf(store, scope)).leased).toBe(1)
          expect(await settleOne(store, complete(job))).toBe('cancelled')
          expect(idsOf(await claimJobs(store))).toEqual(['job-1'])
          expect(await settleOne(store, release(job))).toBe('cancelled')

          expect(await claimJobs(store)).toEqual([])
        },
      ),
    ),

    limitsCase('the expired lease of a cancelled job counts as long', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job'))
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      const job = await claimOne(store)
      await store.cancel([refOf(job)])
      await open.advance(LEASE_MS + 1)
      expect(await claimJobs(store)).toEqual([])
      await maintainAll(store)
      expect(idsOf(await claimJobs(store))).toEqual(['job-1'])
      await settleOne(store, complete(job))
      await maintainAll(store)

      expect(await claimJobs(store)).toEqual([])
    }),

    limitsCase('a lease that a heartbeat renewed counts on, once', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job'))
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      const job = await claimOne(store)
      await open.advance(LEASE_MS + 1)
      await store.extend({ leases: [job], leaseMs: 60_000 })
      await maintainAll(store)
      expect(await claimJobs(store)).toEqual([])
      expect((await limitsOf(store, ofTenant())).leased).toBe(1)
      await settleOne(store, complete(job))

      expect(idsOf(await claimJobs(store))).toEqual(['job-1'])
    }),

    limitsCase('a suspect that runs counts', async (open) => {
      const { store } = open
      await enqueueOne(store)
      await loseWorker(open)
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      const suspect = await claimSuspect(store)
      await enqueueOne(store, { jobId: 'clean' })
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(suspect))

      expect(idsOf(await claimJobs(store))).toEqual(['clean'])
    }),

    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(`a suspect waits for room in its ${kind}`, async (open) => {
        const { store } = open
        await enqueueOne(store, { ...given, jobId: 'suspect' })
        await loseWorker(open)
        await enqueueOne(store, { ...given, jobId: 'clean' })
        await sayLimits(store, scope, { concurrency: 1 })
        const clean = await claimOne(store)
        expect(await store.claim(claimRequest({ suspects: true }))).toMatchObject({
          jobs: [],
          hasSuspects: false,
        })
        expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: false })
        await settleOne(store, complete(clean))
        expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: true })

        expect((await claimSuspect(store)).id).toBe('suspect')
      }),
    ),

    ...KINDS.map(({ kind, scope, given, kindCase }): StoreCase =>
      kindCase(`a suspect waits for the rate of its ${kind}, and spends of it`, async (open) => {
        const { store } = open
        await enqueueAll(store, newJobs(2, 'suspect', given))
        await loseWorker(open)
        await enqueueAll(store, newJobs(2, 'clean', given))
        await sayLimits(store, scope, { rate: { limit: 1, periodMs: 1_000, burst: 1 } })
        expect((await claimSuspect(store)).id).toBe('suspect-0')
        expect(await claimJobs(store)).toEqual([])
        await open.advance(1_000)
        expect(await claimJobs(store)).toHaveLength(1)
        expect(await store.claim(claimRequest({ suspects: true }))).toMatchObject({
          jobs: [],
          hasSuspects: false,
        })
        await open.advance(1_000)

        expect((await claimSuspect(store)).id).toBe('suspect-1')
      }),
    ),
  ],
}
