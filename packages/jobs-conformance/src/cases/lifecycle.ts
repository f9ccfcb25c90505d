import { expect } from 'vitest'
import { claimOne, leaseOf, refOf } from '../claim-jobs.ts'
import { everyCall } from '../every-call.ts'
import { expectRefusal } from '../expect-refusal.ts'
import { enqueueAll, newJobs, QUEUE } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const lifecycleCases: CaseGroup = {
  operation: 'lifecycle',
  cases: [
    storeCase('an open store answers a ping', async (open) => {
      await open.store.ping()
      await (await open.another()).ping()
    }),

    storeCase('a store has a name', async ({ store }) => {
      expect(store.name).toMatch(/\S/)
    }),

    storeCase('a closed store refuses every call', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      const job = await claimOne(store)
      await store.close()
      for (const { operation, call } of everyCall(
        store,
        { ...refOf(job), id: 'job-1' },
        leaseOf(job),
      )) {
        await expectRefusal(call(store), 'JOBS_STORE_CLOSED').catch((cause: unknown) => {
          throw new Error(`${operation} on a closed store`, { cause })
        })
      }
    }),

    storeCase('closing a store twice is harmless', async ({ store }) => {
      await store.close()
      await store.close()
    }),

    storeCase('a call whose signal has aborted is refused and does nothing', async (open) => {
      const { store } = open
      const [, waiting] = await enqueueAll(store, newJobs(2, 'job'))
      if (waiting === undefined) throw new Error('expected two jobs')
      const job = await claimOne(store, { slots: 1, leaseMs: 5_000 })
      const refs = [waiting, refOf(job)]
      const before = await store.get(refs)
      for (const { operation, call } of everyCall(store, waiting, leaseOf(job))) {
        const refused = call(store, { signal: AbortSignal.abort() })
        await expectRefusal(refused, 'JOBS_STORE_TIMEOUT').catch((cause: unknown) => {
          throw new Error(`${operation} with an aborted signal`, { cause })
        })
      }

      expect(await store.get(refs)).toEqual(before)
      expect(await store.isPaused({ queue: QUEUE })).toBe(false)
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 1, running: 1 })
      // Neither did the refused heartbeat renew the lease.
      await open.advance(5_001)
      expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 1 })
    }),

    storeCase('a call whose signal never aborts goes through', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      const job = await claimOne(store)
      const { signal } = new AbortController()
      for (const { call } of everyCall(store, { ...refOf(job), id: 'job-1' }, leaseOf(job))) {
        await call(store, { signal })
      }
    }),
  ],
}
