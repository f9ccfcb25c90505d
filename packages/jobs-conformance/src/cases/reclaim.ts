import { complete, retry, type ClaimedJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimSuspect,
  idsOf,
  leaseOf,
  maintainAll,
  read,
  refOf,
  settleOne,
  stateOf,
} from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, ERROR, newJobs, only, OTHER_TENANT, shuffled } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const reclaimCases: CaseGroup = {
  operation: 'reclaim',
  cases: [
    storeCase('a lost lease gives the attempt back and is counted apart', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store, { leaseMs: 5_000 })
      await open.advance(5_001)
      expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 1, pruned: 0 })

      expect(await read(store, job)).toMatchObject({
        state: 'pending',
        attempts: 0,
        lostLeases: 1,
        releases: 0,
        generation: 1,
        endedAt: null,
        error: null,
      })
    }),

    storeCase('every lost lease is counted, spent attempts stay spent', async (open) => {
      const { store } = open
      await enqueueOne(store)
      await settleOne(store, retry(await claimOne(store), ERROR, 0))
      await loseWorker(open)
      await loseWorker(open, { suspects: true })
      await loseWorker(open, { suspects: true })
      const job = await claimSuspect(store)

      expect(job).toMatchObject({ attempts: 2, lostLeases: 3, releases: 0, error: ERROR })
    }),

    storeCase('a lease that has not expired is left alone', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store, { leaseMs: 5_000 })
      await open.advance(4_999)

      expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 0, pruned: 0 })
      expect(await stateOf(store, job)).toBe('running')
    }),

    storeCase('upkeep finds nothing to do in an empty store', async ({ store }) => {
      expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 0, pruned: 0 })
    }),

    storeCase('a job taken back is due at once', async (open) => {
      const { store } = open
      await enqueueOne(store, { delayMs: 1_000 })
      await open.advance(1_000)
      const job = only(await loseWorker(open))

      expect((await claimSuspect(store)).id).toBe(job.id)
    }),

    storeCase('one round of upkeep takes back no more than its limit', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(5, 'job'))
      const jobs = await claimJobs(store, { leaseMs: 5_000 })
      await open.advance(5_001)
      const rounds: number[] = []
      for (let round = 0; round < 4; round += 1) {
        const done = await store.maintain({ limit: 2 })
        rounds.push(done.reclaimed)
        const left = 5 - rounds.reduce((sum, count) => sum + count, 0)
        if (left > 0) expect(done.nextInMs, 'more is to be done now').toBe(0)
      }

      expect(Math.max(...rounds)).toBeLessThanOrEqual(2)
      expect(rounds.reduce((sum, count) => sum + count, 0)).toBe(5)
      const records = await store.get(jobs.map(refOf))
      expect(records.map((record) => record?.lostLeases)).toEqual([1, 1, 1, 1, 1])
    }),

    storeCase('upkeep run whenever the store asks for it takes back every lease', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job'))
      for (const leaseMs of [5_000, 20_000, 60_000]) await claimOne(store, { leaseMs })
      const start = await open.now()
      let reclaimed = 0
      while (reclaimed < 3) {
        const done = await store.maintain({ limit: 10 })
        reclaimed += done.reclaimed
        if (reclaimed === 3) break
        if (done.nextInMs === null) throw new Error('the store forgot that leases run')
        await open.advance(done.nextInMs + 1)
        expect((await open.now()) - start, 'leases end in time').toBeLessThan(61_000)
      }

      expect(await claimJobs(store)).toEqual([])
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 0 })
    }),

    storeCase(
      'each of many leases ends at its time, but those settled or extended',
      async (open) => {
        const { store } = open
        await enqueueAll(store, newJobs(120, 'job'))
        const lengths = shuffled(120)
        const jobs: ClaimedJob[] = []
        for (const length of lengths) {
          jobs.push(await claimOne(store, { leaseMs: (length + 1) * 10 }))
        }
        const kept = jobs.filter((_, index) => index % 3 === 0)
        await store.settle({ settlements: kept.map((job) => complete(job)) })
        const extended = jobs.filter((_, index) => index % 3 === 1)
        await store.extend({ leases: extended.map(leaseOf), leaseMs: 1_255 })
        const ends = lengths.filter((_, index) => index % 3 === 2)
        await open.advance(5)
        for (let from = 0; from < 120; from += 10) {
          await open.advance(100)
          const due = ends.filter((length) => length >= from && length < from + 10)
          expect(await maintainAll(store, 3)).toEqual({ reclaimed: due.length, pruned: 0 })
        }
        await open.advance(100)

        expect(await maintainAll(store)).toEqual({ reclaimed: extended.length, pruned: 0 })
      },
    ),

    storeCase('upkeep of any number of processes takes each lease back once', async (open) => {
      const handles = [open.store, await open.another()]
      await enqueueAll(open.store, newJobs(60, 'job'))
      const jobs = await claimEverything(open.store, { leaseMs: 5_000 })
      await open.advance(5_001)
      const done = await Promise.all(
        Array.from({ length: 6 }, (_, index) => maintainAll(handles[index % 2] ?? open.store, 7)),
      )
      const records = await open.store.get(jobs.map(refOf))

      expect(done.reduce((sum, { reclaimed }) => sum + reclaimed, 0)).toBe(60)
      expect(new Set(records.map((record) => record?.lostLeases))).toEqual(new Set([1]))
      expect(new Set(records.map((record) => record?.attempts))).toEqual(new Set([0]))
    }),

    storeCase(
      'of a settlement racing upkeep one wins, and the answers tell which',
      async (open) => {
        const other = await open.another()
        for (let round = 0; round < 10; round += 1) {
          await enqueueOne(open.store)
          const job = await claimOne(open.store, { leaseMs: 5_000 })
          await open.advance(5_001)
          const [settled, { reclaimed }] = await Promise.all([
            settleOne(open.store, complete(job)),
            other.maintain({ limit: 10 }),
          ])
          const record = await read(open.store, job)

          expect({
            settled,
            reclaimed,
            state: record.state,
            lostLeases: record.lostLeases,
          }).toEqual(
            settled === 'settled'
              ? { settled, reclaimed: 0, state: 'completed', lostLeases: 0 }
              : { settled: 'lost', reclaimed: 1, state: 'pending', lostLeases: 1 },
          )
          await open.store.remove([refOf(job)])
        }
      },
    ),

    storeCase('of a heartbeat racing upkeep one wins, and the answers tell which', async (open) => {
      const other = await open.another()
      for (let round = 0; round < 10; round += 1) {
        await enqueueOne(open.store)
        const job = await claimOne(open.store, { leaseMs: 5_000 })
        await open.advance(5_001)
        const [extended, { reclaimed }] = await Promise.all([
          open.store.extend({ leases: [leaseOf(job)], leaseMs: 60_000 }),
          other.maintain({ limit: 10 }),
        ])
        const won = extended[0] === 'held'

        expect(extended).toEqual([won ? 'held' : 'lost'])
        expect(reclaimed).toBe(won ? 0 : 1)
        expect(await stateOf(open.store, job)).toBe(won ? 'running' : 'pending')
        if (won) await settleOne(open.store, complete(job))
        await open.store.remove([refOf(job)])
      }
    }),

    storeCase('leases of every tenant and queue are taken back', async (open) => {
      const { store } = open
      await enqueueOne(store, { tenantId: OTHER_TENANT })
      await enqueueOne(store, { tenantId: null })
      await enqueueOne(store, { queue: 'mails' })
      const jobs = [...(await claimJobs(store)), ...(await claimJobs(store, { queue: 'mails' }))]
      await open.advance(60_000)

      expect(await maintainAll(store)).toMatchObject({ reclaimed: 3 })
      const records = await store.get(jobs.map(refOf))
      expect(records.map((record) => record?.lostLeases)).toEqual([1, 1, 1])
    }),

    storeCase('jobs taken back keep their place in their priority', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job'))
      const jobs = await loseWorker(open)
      const order: string[] = []
      for (let turn = 0; turn < 3; turn += 1) order.push((await claimSuspect(store)).id)

      expect(order).toEqual(idsOf(jobs))
    }),

    storeCase(
      'a cancelled job whose worker is lost is free once the lease has expired',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        const job = await claimOne(store, { leaseMs: 5_000 })
        await store.cancel([refOf(job)])
        await open.advance(5_001)
        await maintainAll(store)

        expect(await stateOf(store, job)).toBe('cancelled')
        expect(await settleOne(store, complete(job))).not.toBe('settled')
        expect(await store.retry([refOf(job)])).toMatchObject([{ status: 'changed' }])
        expect(await claimOne(store)).toMatchObject({ attempts: 1, lostLeases: 0, generation: 2 })
      },
    ),
  ],
}
