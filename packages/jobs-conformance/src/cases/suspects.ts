import { complete, fail, release, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimJobs,
  claimOne,
  claimRequest,
  claimSuspect,
  idsOf,
  maintainAll,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import {
  enqueueAll,
  enqueueOne,
  ERROR,
  newJobs,
  only,
  OTHER_TENANT,
  QUEUE,
  TENANT,
} from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const suspectsCases: CaseGroup = {
  operation: 'suspects',
  cases: [
    storeCase(
      'an ordinary claim leaves suspects where they are and tells of them',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        await loseWorker(open)
        expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: true })

        await enqueueAll(store, newJobs(2, 'clean'))
        const result = await store.claim(claimRequest())
        expect(idsOf(result.jobs)).toEqual(['clean-0', 'clean-1'])
        expect(result.hasSuspects).toBe(true)
      },
    ),

    storeCase('a suspect is handed out for a slot, never to be prefetched', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(1, 'suspect'))
      await loseWorker(open)

      const result = await store.claim(claimRequest({ slots: 0, prefetch: 5, suspects: true }))
      expect(result).toMatchObject({ jobs: [], hasSuspects: true })
      expect(await claimJobs(store, { suspects: true })).toHaveLength(1)
    }),

    storeCase('suspects are handed out one at a time, whatever the slots', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'suspect'))
      await loseWorker(open)
      const order: string[] = []
      for (const more of [true, true, false]) {
        const result = await store.claim(claimRequest({ slots: 50, prefetch: 50, suspects: true }))
        order.push(...idsOf(result.jobs))
        expect(result.jobs).toHaveLength(1)
        expect(result.hasSuspects).toBe(more)
      }

      expect(order).toEqual(['suspect-0', 'suspect-1', 'suspect-2'])
      expect(await claimJobs(store, { suspects: true })).toEqual([])
    }),

    storeCase('a claim for suspects takes no job that is none', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'clean'))
      expect(await store.claim(claimRequest({ suspects: true }))).toMatchObject({
        jobs: [],
        hasSuspects: false,
      })

      await loseWorker(open, { slots: 1 })
      expect(idsOf(await claimJobs(store, { suspects: true }))).toEqual(['clean-0'])
      expect(await claimJobs(store, { suspects: true })).toEqual([])
    }),

    storeCase('a claimed suspect is told of no more', async (open) => {
      const { store } = open
      await enqueueOne(store)
      await loseWorker(open)
      await claimSuspect(store)

      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: false })
    }),

    storeCase('a suspect given back stays one, also when it waits for its time', async (open) => {
      const { store } = open
      await enqueueOne(store, { jobId: 'job' })
      await loseWorker(open)
      await settleOne(store, release(await claimSuspect(store)))
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: true })
      await settleOne(store, release(await claimSuspect(store), 1_000))
      expect(await claimJobs(store, { suspects: true })).toEqual([])
      await open.advance(1_000)
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: true })
      expect((await claimSuspect(store)).id).toBe('job')
    }),

    storeCase('an attempt that failed clears the suspicion', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      await loseWorker(open)
      await settleOne(store, retry(await claimSuspect(store), ERROR, 0))
      await settleOne(store, retry(await claimSuspect(store), ERROR, 0))
      expect(await claimJobs(store, { suspects: true })).toEqual([])

      const jobs = await claimJobs(store)
      expect(new Set(idsOf(jobs))).toEqual(new Set(['job-0', 'job-1']))
      expect(jobs.map((job) => job.lostLeases)).toEqual([1, 1])
    }),

    storeCase("an operator's retry clears the suspicion", async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      await loseWorker(open)
      const first = await claimSuspect(store)
      await settleOne(store, fail(first, ERROR))
      await store.cancel([{ ...refOf(first), id: 'job-1' }])
      await store.retry([refOf(first), { ...refOf(first), id: 'job-1' }])

      expect(await store.claim(claimRequest({ suspects: true }))).toMatchObject({
        jobs: [],
        hasSuspects: false,
      })
      expect(idsOf(await claimJobs(store))).toEqual(['job-0', 'job-1'])
    }),

    storeCase('a suspect lost again stays one', async (open) => {
      const { store } = open
      await enqueueOne(store)
      await loseWorker(open)
      await loseWorker(open, { suspects: true })
      expect(await claimJobs(store)).toEqual([])

      expect((await claimSuspect(store)).lostLeases).toBe(2)
    }),

    storeCase('a heartbeat does not clear the suspicion', async (open) => {
      const { store } = open
      await enqueueOne(store)
      await loseWorker(open)
      const job = await claimSuspect(store)
      await store.extend({ leases: [job], leaseMs: 60_000 })
      await store.report([{ lease: job, progress: '1' }])
      await open.advance(60_001)
      await store.maintain({ limit: 10 })

      expect(await claimJobs(store)).toEqual([])
      expect((await claimSuspect(store)).id).toBe(job.id)
    }),

    storeCase("a suspect that is paused, cancelled or removed is no claim's", async (open) => {
      const { store } = open
      await enqueueOne(store, { jobId: 'paused', tenantId: OTHER_TENANT })
      await enqueueAll(store, newJobs(2, 'job'))
      const ref = { queue: QUEUE, tenantId: TENANT }
      await loseWorker(open)
      await store.pause({ queue: QUEUE, tenantId: OTHER_TENANT })
      await store.cancel([{ ...ref, id: 'job-0' }])
      await store.remove([{ ...ref, id: 'job-1' }])

      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: false })
      expect(await claimJobs(store, { suspects: true })).toEqual([])
      await store.resume({ queue: QUEUE, tenantId: OTHER_TENANT })
      expect((await claimSuspect(store)).id).toBe('paused')
    }),

    storeCase('suspects of every tenant are found', async (open) => {
      const { store } = open
      const tenants = [TENANT, OTHER_TENANT, null]
      for (const tenantId of tenants) await enqueueOne(store, { tenantId })
      await loseWorker(open)
      const found = new Set<string | null>()
      for (let turn = 0; turn < 3; turn += 1) found.add((await claimSuspect(store)).tenantId)

      expect(found).toEqual(new Set(tenants))
    }),

    storeCase(
      'suspects of one tenant come by priority, then in order of admission',
      async (open) => {
        // They are lost in an order that is neither: the last of the lowest priority first.
        const { store } = open
        await enqueueAll(store, [...newJobs(2, 'low'), ...newJobs(2, 'high', { priority: 1 })])
        for (const leaseMs of [40_000, 30_000, 20_000, 10_000]) await claimOne(store, { leaseMs })
        for (let round = 0; round < 4; round += 1) {
          await open.advance(10_001)
          expect(await maintainAll(store)).toMatchObject({ reclaimed: 1 })
        }
        const order: string[] = []
        for (let turn = 0; turn < 4; turn += 1) order.push((await claimSuspect(store)).id)

        expect(order).toEqual(['high-0', 'high-1', 'low-0', 'low-1'])
      },
    ),

    storeCase('suspects are sought in the queue of the claim alone', async (open) => {
      const { store } = open
      await enqueueOne(store, { queue: 'mails' })
      await loseWorker(open, { queue: 'mails' })

      expect(await store.claim(claimRequest({ suspects: true }))).toMatchObject({
        jobs: [],
        hasSuspects: false,
      })
      expect(await claimJobs(store, { queue: 'mails', suspects: true })).toHaveLength(1)
    }),

    storeCase('handles racing for one suspect get it once', async (open) => {
      const other = await open.another()
      const ref = await enqueueOne(open.store)
      await loseWorker(open)
      const claims = await Promise.all(
        [open.store, other, open.store, other].map((handle) =>
          claimJobs(handle, { suspects: true }),
        ),
      )

      expect(idsOf(claims.flat())).toEqual([ref.id])
    }),

    storeCase('the innocent neighbour of a crash loses no attempt', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      await loseWorker(open)
      await loseWorker(open, { suspects: true })
      const innocent = await claimSuspect(store)
      const clean = innocent.id === 'job-1' ? innocent : await claimSuspect(store)

      expect(clean).toMatchObject({ id: 'job-1', attempts: 1, lostLeases: 1 })
      expect(await settleOne(store, complete(clean))).toBe('settled')
    }),

    storeCase(
      'a job whose worker was lost after a claim for suspects is not mixed in',
      async (open) => {
        const { store } = open
        await enqueueOne(store, { jobId: 'poison' })
        await loseWorker(open)
        await enqueueAll(store, newJobs(2, 'clean'))
        const held = await claimOne(store)
        await loseWorker(open, { suspects: true, leaseMs: 1_000 })
        const ordinary = await claimJobs(store)

        expect(held.id).toBe('clean-0')
        expect(idsOf(ordinary)).toEqual(['clean-1'])
        expect(only(await claimJobs(store, { suspects: true })).id).toBe('poison')
      },
    ),
  ],
}
