import { complete, release, type NewJob } from '@cgk/jobs-core'
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
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, newJobs } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const concurrencyCase = caseNeeding('concurrencyKeys')

function limited(concurrencyLimit: number): Partial<NewJob> {
  return { concurrencyKey: 'shop-1', concurrencyLimit }
}

/** Which leases a concurrency key counts, and that each is counted once. */
export const concurrencyKeyCountingCases: CaseGroup = {
  operation: 'concurrency key counting',
  cases: [
    concurrencyCase('a cancelled job counts as long as a worker holds it', async ({ store }) => {
      await enqueueAll(store, newJobs(4, 'job', limited(1)))
      const job = await claimOne(store)
      await store.cancel([refOf(job)])
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: null })
      expect(await settleOne(store, complete(job))).toBe('cancelled')
      expect(idsOf(await claimJobs(store))).toEqual(['job-1'])
      expect(await settleOne(store, release(job))).toBe('cancelled')

      expect(await claimJobs(store)).toEqual([])
    }),

    concurrencyCase('an expired lease counts until it is taken back', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job', limited(1)))
      const job = await claimOne(store)
      await open.advance(LEASE_MS + 1)
      expect(await claimJobs(store)).toEqual([])
      await maintainAll(store)
      expect(idsOf(await claimJobs(store))).toEqual(['job-1'])
      expect(await settleOne(store, complete(job))).toBe('lost')

      expect(await claimJobs(store)).toEqual([])
    }),

    concurrencyCase('the expired lease of a cancelled job counts as long', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job', limited(1)))
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

    concurrencyCase('a suspect that runs counts', async (open) => {
      const { store } = open
      await enqueueOne(store, limited(1))
      await loseWorker(open)
      const suspect = await claimSuspect(store)
      await enqueueOne(store, { ...limited(1), jobId: 'clean' })
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(suspect))

      expect(idsOf(await claimJobs(store))).toEqual(['clean'])
    }),

    concurrencyCase(
      'a suspect waits for a place and is told of when there is one',
      async (open) => {
        const { store } = open
        const lost = await enqueueOne(store, limited(1))
        await loseWorker(open)
        await enqueueOne(store, { ...limited(9), priority: 5, jobId: 'clean' })
        const clean = await claimOne(store)
        expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: false })
        const refused = await store.claim(claimRequest({ suspects: true }))
        expect(refused).toMatchObject({ jobs: [], hasSuspects: false })
        await settleOne(store, complete(clean))
        expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: true })

        expect((await claimSuspect(store)).id).toBe(lost.id)
      },
    ),

    concurrencyCase('of two suspects with one place one is claimed', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job', limited(2)))
      await loseWorker(open)
      await enqueueOne(store, limited(2))
      await claimOne(store)
      const first = await store.claim(claimRequest({ slots: 1, suspects: true }))
      const second = await store.claim(claimRequest({ slots: 1, suspects: true }))

      expect(idsOf(first.jobs)).toEqual(['job-0'])
      expect(first.hasSuspects).toBe(false)
      expect(second).toMatchObject({ jobs: [], hasSuspects: false })
    }),

    concurrencyCase('a settlement repeated frees no second place', async ({ store }) => {
      await enqueueAll(store, newJobs(4, 'job', limited(1)))
      const job = await claimOne(store)
      await settleOne(store, complete(job))
      expect(idsOf(await claimJobs(store))).toEqual(['job-1'])
      expect(await settleOne(store, complete(job))).toBe('settled')

      expect(await claimJobs(store)).toEqual([])
    }),

    concurrencyCase('a stale lease frees no place', async ({ store }) => {
      await enqueueAll(store, newJobs(3, 'job', limited(1)))
      const stale = await claimOne(store)
      await settleOne(store, release(stale))
      const job = await claimOne(store)
      await settleOne(store, complete(stale))
      await settleOne(store, complete({ ...job, token: `${job.token}x` }))

      expect(await claimJobs(store)).toEqual([])
    }),

    concurrencyCase(
      'what an operator does to waiting or ended jobs frees no place',
      async (open) => {
        const { store } = open
        const refs = await enqueueAll(store, newJobs(6, 'job', limited(1)))
        await settleOne(store, complete(await claimOne(store)))
        await claimOne(store)
        await store.cancel([refs[0]!, refs[2]!])
        await store.remove([refs[0]!, refs[2]!, refs[3]!])

        expect(await claimJobs(store)).toEqual([])
      },
    ),

    concurrencyCase(
      'a job that is retried by an operator counts once it runs',
      async ({ store }) => {
        const ref = await enqueueOne(store, limited(1))
        await store.cancel([ref])
        await enqueueOne(store, { ...limited(1), jobId: 'other' })
        await store.retry([ref])
        expect(idsOf(await claimJobs(store))).toEqual(['other'])

        expect(await claimJobs(store)).toEqual([])
      },
    ),
  ],
}
