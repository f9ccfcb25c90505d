import { complete, release, type Lease } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimJobs,
  claimOne,
  claimSuspect,
  leaseOf,
  maintainAll,
  read,
  settleOne,
  stateOf,
} from '../claim-jobs.ts'
import type { OpenStore } from '../harness.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, newJob, newJobs, only, OTHER_TENANT, QUEUE } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

async function extendOne(open: OpenStore, lease: Lease, leaseMs: number) {
  return only(await open.store.extend({ leases: [leaseOf(lease)], leaseMs }))
}

export const leasesCases: CaseGroup = {
  operation: 'extend',
  cases: [
    storeCase('an extended lease outlives the time it was taken for', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store, { leaseMs: 10_000 })
      for (let beat = 0; beat < 5; beat += 1) {
        await open.advance(6_000)
        expect(await extendOne(open, job, 10_000)).toBe('held')
        expect(await maintainAll(store)).toMatchObject({ reclaimed: 0 })
      }

      expect(await settleOne(store, complete(job))).toBe('settled')
    }),

    storeCase('an extended lease ends leaseMs after its extension', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store, { leaseMs: 5_000 })
      await open.advance(4_000)
      await extendOne(open, job, 20_000)
      await open.advance(19_999)
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 0 })

      await open.advance(2)
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 1 })
    }),

    storeCase('a heartbeat never shortens a lease', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store, { leaseMs: 60_000 })
      expect(await extendOne(open, job, 1_000)).toBe('held')

      await open.advance(59_999)
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 0 })
      expect(await settleOne(store, complete(job))).toBe('settled')
    }),

    storeCase('a heartbeat renews the leases it lists and no other of its worker', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job'))
      const jobs = await claimJobs(store, { leaseMs: 10_000 })
      const listed = only(jobs.filter((job) => job.id === 'job-1'))
      await open.advance(5_000)
      await extendOne(open, listed, 10_000)
      await open.advance(5_001)

      expect(await maintainAll(store)).toMatchObject({ reclaimed: 2 })
      expect(await stateOf(store, listed)).toBe('running')
      expect(await settleOne(store, complete(listed))).toBe('settled')
    }),

    storeCase('an expired lease that nobody took back is renewed', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store, { leaseMs: 5_000 })
      await open.advance(60_000)
      expect(await extendOne(open, job, 5_000)).toBe('held')

      await open.advance(4_999)
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 0 })
      expect(await settleOne(store, complete(job))).toBe('settled')
    }),

    storeCase('a lease that was taken back is lost for good', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = only(await loseWorker(open))
      expect(await extendOne(open, job, 60_000)).toBe('lost')
      expect(await read(store, job)).toMatchObject({ state: 'pending', lostLeases: 1 })

      // The next holder is neither disturbed nor helped by the heartbeat of the last one.
      const next = await claimSuspect(store)
      expect(await extendOne(open, job, 3_600_000)).toBe('lost')
      await open.advance(30_001)
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 1 })
      expect(await extendOne(open, next, 1_000)).toBe('lost')
    }),

    storeCase('a settled attempt has no lease to extend', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      const [first, second] = await claimJobs(store)
      if (first === undefined || second === undefined) throw new Error('expected two jobs')
      await store.settle({ settlements: [complete(first), release(second)] })

      expect(await store.extend({ leases: [first, second], leaseMs: 5_000 })).toEqual([
        'lost',
        'lost',
      ])
      expect(await stateOf(store, first)).toBe('completed')
      expect(await stateOf(store, second)).toBe('pending')
    }),

    storeCase('answers come in the order of the input, every kind mixed', async (open) => {
      const { store } = open
      await enqueueAll(store, [
        ...newJobs(3, 'job'),
        newJob({ tenantId: OTHER_TENANT, jobId: 'elsewhere' }),
      ])
      const jobs = await claimJobs(store)
      const byId = (id: string): Lease => leaseOf(only(jobs.filter((job) => job.id === id)))
      await store.cancel([byId('job-1')])
      await store.pause({ queue: QUEUE, tenantId: OTHER_TENANT })

      expect(
        await store.extend({
          leases: [
            byId('elsewhere'),
            { ...byId('job-0'), token: 'made-up' },
            byId('job-2'),
            byId('job-1'),
            { ...byId('job-0'), id: 'never-was' },
            byId('job-0'),
          ],
          leaseMs: 5_000,
        }),
      ).toEqual(['paused', 'lost', 'held', 'cancelled', 'lost', 'held'])
    }),

    storeCase(
      'a heartbeat tells that the queue or the tenant is paused, and renews',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        await enqueueOne(store, { tenantId: OTHER_TENANT })
        const jobs = await claimJobs(store, { leaseMs: 10_000 })
        const mine = only(jobs.filter((job) => job.tenantId !== OTHER_TENANT))
        const theirs = only(jobs.filter((job) => job.tenantId === OTHER_TENANT))
        const beat = () => store.extend({ leases: [mine, theirs], leaseMs: 10_000 })

        await store.pause({ queue: QUEUE, tenantId: OTHER_TENANT })
        expect(await beat()).toEqual(['held', 'paused'])
        await store.pause({ queue: QUEUE })
        expect(await beat()).toEqual(['paused', 'paused'])
        await open.advance(9_000)
        expect(await beat()).toEqual(['paused', 'paused'])
        await open.advance(9_000)
        expect(await maintainAll(store)).toMatchObject({ reclaimed: 0 })
        await store.resume({ queue: QUEUE })
        await store.resume({ queue: QUEUE, tenantId: OTHER_TENANT })
        expect(await beat()).toEqual(['held', 'held'])
      },
    ),

    storeCase('a heartbeat tells that the job was cancelled', async (open) => {
      const other = await open.another()
      await enqueueOne(open.store)
      const job = await claimOne(open.store)
      await other.cancel([job])

      expect(await extendOne(open, job, 5_000)).toBe('cancelled')
      expect(await extendOne(open, job, 5_000)).toBe('cancelled')
    }),

    storeCase('a token proves the ownership of its own job alone', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      await enqueueOne(store, { tenantId: OTHER_TENANT, jobId: 'job-0' })
      const jobs = await claimJobs(store, { leaseMs: 10_000 })
      const job = only(jobs.filter((each) => each.id === 'job-1'))
      const states = await store.extend({
        leases: [
          { ...leaseOf(job), id: 'job-0' },
          { ...leaseOf(job), tenantId: OTHER_TENANT },
          { ...leaseOf(job), tenantId: OTHER_TENANT, id: 'job-0' },
          { ...leaseOf(job), tenantId: null },
          { ...leaseOf(job), queue: 'mails' },
        ],
        leaseMs: 3_600_000,
      })
      await open.advance(10_001)

      expect(states).toEqual(['lost', 'lost', 'lost', 'lost', 'lost'])
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 3 })
    }),

    storeCase('any handle of the store can send the heartbeat', async (open) => {
      const other = await open.another()
      await enqueueOne(open.store)
      const job = await claimOne(open.store, { leaseMs: 5_000 })
      await open.advance(4_000)
      expect(await other.extend({ leases: [job], leaseMs: 5_000 })).toEqual(['held'])
      await open.advance(4_000)

      expect(await maintainAll(open.store)).toMatchObject({ reclaimed: 0 })
    }),

    storeCase('a heartbeat changes nothing about the job but its lease', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store)
      const { updatedAt: _, ...before } = await read(store, job)
      await open.advance(1_000)
      await extendOne(open, job, 60_000)
      const { updatedAt: __, ...after } = await read(store, job)

      expect(after).toEqual(before)
    }),

    storeCase('500 leases are extended in one call', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(500, 'job'))
      const jobs = await claimJobs(store, { slots: 500, leaseMs: 5_000 })
      expect(jobs).toHaveLength(500)
      await open.advance(4_000)
      const states = await store.extend({ leases: jobs.map(leaseOf), leaseMs: 5_000 })
      await open.advance(4_000)

      expect(states).toEqual(jobs.map(() => 'held'))
      expect(await maintainAll(store, 1_000)).toMatchObject({ reclaimed: 0 })
    }),

    storeCase('an empty heartbeat is answered with an empty list', async ({ store }) => {
      expect(await store.extend({ leases: [], leaseMs: 5_000 })).toEqual([])
    }),
  ],
}
