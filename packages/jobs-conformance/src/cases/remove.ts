import { complete, fail } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  read,
  refOf,
  settleOne,
  stateOf,
} from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import {
  enqueueAll,
  enqueueOne,
  ERROR,
  newJob,
  newJobs,
  only,
  OTHER_TENANT,
  QUEUE,
} from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const removeCases: CaseGroup = {
  operation: 'remove',
  cases: [
    storeCase('a removed waiting job is gone and never claimed', async (open) => {
      const { store } = open
      const refs = await enqueueAll(store, [
        newJob({ jobId: 'due' }),
        newJob({ jobId: 'scheduled', delayMs: 5_000 }),
      ])
      const before = await store.get(refs)
      const results = await store.remove(refs)
      await open.advance(60_000)

      expect(results).toEqual(before.map((job) => ({ status: 'changed', job })))
      expect(await store.get(refs)).toEqual([null, null])
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, scheduled: 0 })
      expect((await store.list({ queue: QUEUE, limit: 10 })).jobs).toEqual([])
      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('an ended job can be removed', async ({ store }) => {
      await enqueueAll(store, newJobs(3, 'job'))
      const [first, second, third] = await claimJobs(store)
      if (!first || !second || !third) throw new Error('expected three jobs')
      await store.cancel([refOf(third)])
      await store.settle({ settlements: [complete(first), fail(second, ERROR), complete(third)] })
      const refs = [first, second, third].map(refOf)
      const results = await store.remove(refs)

      expect(results).toMatchObject([
        { status: 'changed', job: { state: 'completed' } },
        { status: 'changed', job: { state: 'failed' } },
        { status: 'changed', job: { state: 'cancelled' } },
      ])
      expect(await store.get(refs)).toEqual([null, null, null])
    }),

    storeCase('a running job is not removed and its worker settles undisturbed', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store, { leaseMs: 5_000 })
      expect(await store.remove([refOf(job)])).toEqual([
        { status: 'unchanged', job: await read(store, job) },
      ])
      await open.advance(5_001)
      expect(await store.remove([refOf(job)])).toMatchObject([{ status: 'unchanged' }])

      expect(await settleOne(store, complete(job))).toBe('settled')
    }),

    storeCase('a suspect can be removed', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store)
      await loseWorker(open)

      expect(await store.remove([ref])).toMatchObject([{ status: 'changed' }])
      expect(await claimJobs(store, { suspects: true })).toEqual([])
    }),

    storeCase('a token of a removed job settles nothing of the next with its id', async (open) => {
      const { store } = open
      await enqueueOne(store, { jobId: 'invoice-7' })
      const old = await claimOne(store)
      await settleOne(store, fail(old, ERROR))
      await store.remove([refOf(old)])
      await enqueueOne(store, { jobId: 'invoice-7' })
      await claimOne(store)

      expect(await settleOne(store, complete(old))).not.toBe('cancelled')
      expect(await store.extend({ leases: [old], leaseMs: 5_000 })).toEqual(['lost'])
      expect(await read(store, old)).toMatchObject({ state: 'running', error: null, generation: 1 })
    }),

    storeCase("a new job under a removed one's id begins with nothing of it", async ({ store }) => {
      const ref = await enqueueOne(store, { jobId: 'invoice-7', metadata: '1', priority: 5 })
      const old = await claimOne(store)
      await store.report([{ lease: old, progress: '50', log: ['old'] }])
      await settleOne(store, fail(old, ERROR))
      await store.retry([ref])
      await store.remove([ref])
      await enqueueOne(store, { jobId: 'invoice-7' })

      expect(await read(store, ref)).toMatchObject({
        state: 'pending',
        metadata: null,
        priority: 0,
        attempts: 0,
        generation: 1,
        startedAt: null,
        error: null,
        progress: null,
        log: [],
      })
    }),

    storeCase('answers come in the order of the input, hits and misses mixed', async (open) => {
      const { store } = open
      const refs = await enqueueAll(store, newJobs(3, 'job'))
      await claimOne(store)
      const [running, second, third] = refs
      if (!running || !second || !third) throw new Error('expected three jobs')
      const results = await store.remove([
        third,
        { ...second, id: 'never-was' },
        running,
        { ...second, queue: 'mails' },
        second,
      ])

      expect(
        results.map((result) =>
          result.status === 'notFound' ? 'notFound' : `${result.status} ${result.job.id}`,
        ),
      ).toEqual(['changed job-2', 'notFound', 'unchanged job-0', 'notFound', 'changed job-1'])
      expect(await store.remove([third])).toEqual([{ status: 'notFound' }])
    }),

    storeCase("a tenant cannot remove another tenant's job", async ({ store }) => {
      const ref = await enqueueOne(store)
      const results = await store.remove([
        { ...ref, tenantId: OTHER_TENANT },
        { ...ref, tenantId: null },
      ])

      expect(results).toEqual([{ status: 'notFound' }, { status: 'notFound' }])
      expect(await stateOf(store, ref)).toBe('pending')
    }),

    storeCase('of removals racing claims each job is either gone or claimed', async (open) => {
      const { store } = open
      const other = await open.another()
      const refs = await enqueueAll(store, newJobs(60, 'job'))
      const [claimed, statuses] = await Promise.all([
        claimEverything(other, { slots: 5 }),
        Promise.all(refs.map(async (ref) => only(await store.remove([ref])).status)),
      ])
      const held = new Set(claimed.map((job) => job.id))
      const records = await store.get(refs)

      for (const [index, ref] of refs.entries()) {
        expect({ status: statuses[index], state: records[index]?.state ?? null }).toEqual(
          held.has(ref.id)
            ? { status: 'unchanged', state: 'running' }
            : { status: 'changed', state: null },
        )
      }
    }),

    storeCase('an empty removal is answered with an empty list', async ({ store }) => {
      expect(await store.remove([])).toEqual([])
    }),
  ],
}
