import { complete, fail, release, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  idsOf,
  leaseOf,
  read,
  refOf,
  settleOne,
  stateOf,
} from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, ERROR, newJob, newJobs, OTHER_TENANT } from '../new-job.ts'
import { listed } from '../listed.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const cancelCases: CaseGroup = {
  operation: 'cancel',
  cases: [
    storeCase('a cancelled waiting job ends and is never claimed', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store)
      await open.advance(500)
      const now = await open.now()
      const [result] = await store.cancel([ref])

      expect(result).toEqual({ status: 'changed', job: await read(store, ref) })
      expect(await read(store, ref)).toMatchObject({
        state: 'cancelled',
        endedAt: now,
        updatedAt: now,
        attempts: 0,
        startedAt: null,
      })
      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase(
      'what is claimed stays so where the job behind it was cancelled',
      async ({ store }) => {
        await enqueueAll(store, [
          newJob({ jobId: 'claimed' }),
          newJob({ jobId: 'cancelled' }),
          newJob({ jobId: 'low', priority: -1 }),
        ])
        const ref = refOf(await claimOne(store))
        await store.cancel([{ ...ref, id: 'cancelled' }])
        expect(await claimJobs(store, { slots: 0 })).toEqual([])
        await enqueueOne(store, { jobId: 'high', priority: 1 })

        expect(idsOf(await claimJobs(store))).toEqual(['high', 'low'])
      },
    ),

    storeCase('a cancelled job does not come when its time does', async (open) => {
      const { store } = open
      await enqueueAll(store, [
        newJob({ jobId: 'scheduled', delayMs: 5_000 }),
        newJob({ jobId: 'retrying' }),
        newJob({ jobId: 'snoozed' }),
      ])
      const [retrying, snoozed] = await claimJobs(store)
      if (retrying === undefined || snoozed === undefined) throw new Error('expected two jobs')
      await store.settle({ settlements: [retry(retrying, ERROR, 5_000), release(snoozed, 5_000)] })
      const results = await store.cancel([
        { ...refOf(retrying), id: 'scheduled' },
        refOf(retrying),
        refOf(snoozed),
      ])
      await open.advance(60_000)

      expect(results.map((result) => result.status)).toEqual(['changed', 'changed', 'changed'])
      expect(await claimJobs(store)).toEqual([])
      expect(await read(store, retrying)).toMatchObject({ state: 'cancelled', error: ERROR })
    }),

    storeCase('a running job is cancelled at once and its worker settles in vain', async (open) => {
      const { store } = open
      const other = await open.another()
      await enqueueAll(store, newJobs(4, 'job'))
      const jobs = await claimJobs(store)
      const refs = jobs.map(refOf)
      const results = await other.cancel(refs)
      expect(results.map((result) => result.status)).toEqual(Array(4).fill('changed'))
      const before = await store.get(refs)
      expect(before.map((record) => record?.state)).toEqual(Array(4).fill('cancelled'))

      await open.advance(1_000)
      const [first, second, third, fourth] = jobs
      if (!first || !second || !third || !fourth) throw new Error('expected four jobs')
      const settlements = [
        complete(first, '"late"'),
        retry(second, ERROR, 0),
        release(third),
        fail(fourth, ERROR),
      ]
      expect((await store.settle({ settlements })).results).toEqual(Array(4).fill('cancelled'))
      expect(await store.get(refs)).toEqual(before)
      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('a settlement of a cancelled job repeated answers the same', async ({ store }) => {
      await enqueueOne(store)
      const job = await claimOne(store)
      await store.cancel([refOf(job)])

      expect(await settleOne(store, complete(job))).toBe('cancelled')
      expect(await settleOne(store, complete(job))).toBe('cancelled')
      expect(await settleOne(store, fail(job, ERROR))).toBe('cancelled')
    }),

    storeCase('a discarding settlement does not delete a cancelled job', async ({ store }) => {
      await enqueueOne(store)
      const job = await claimOne(store)
      await store.cancel([refOf(job)])
      await settleOne(store, complete(job, null, { discard: true }))

      expect(await stateOf(store, job)).toBe('cancelled')
    }),

    storeCase('a cancelled job is held until its worker settles', async ({ store }) => {
      await enqueueOne(store)
      const job = await claimOne(store)
      const ref = refOf(job)
      await store.cancel([ref])
      expect(await store.remove([ref])).toMatchObject([{ status: 'unchanged' }])
      expect(await store.retry([ref])).toMatchObject([{ status: 'unchanged' }])

      await settleOne(store, release(job))
      expect(await store.extend({ leases: [leaseOf(job)], leaseMs: 5_000 })).not.toEqual(['held'])
      expect(await store.remove([ref])).toMatchObject([{ status: 'changed' }])
    }),

    storeCase('a job that has ended stays as it ended', async ({ store }) => {
      await enqueueAll(store, newJobs(3, 'job'))
      const [first, second, third] = await claimJobs(store)
      if (!first || !second || !third) throw new Error('expected three jobs')
      await store.settle({ settlements: [complete(first, '1'), fail(second, ERROR)] })
      await store.cancel([refOf(third)])
      const refs = [first, second, third].map(refOf)
      const before = await store.get(refs)
      const results = await store.cancel(refs)

      expect(results).toEqual(before.map((job) => ({ status: 'unchanged', job: listed(job!) })))
      expect(before.map((job) => job?.state)).toEqual(['completed', 'failed', 'cancelled'])
      expect(await store.get(refs)).toEqual(before)
    }),

    storeCase('answers come in the order of the input, hits and misses mixed', async (open) => {
      const { store } = open
      const refs = await enqueueAll(store, newJobs(3, 'job'))
      const [first, second, third] = refs
      if (!first || !second || !third) throw new Error('expected three jobs')
      await store.cancel([second])
      const results = await store.cancel([
        { ...first, id: 'never-was' },
        third,
        second,
        { ...first, queue: 'mails' },
        first,
      ])

      expect(
        results.map((result) =>
          result.status === 'notFound' ? 'notFound' : `${result.status} ${result.job.id}`,
        ),
      ).toEqual(['notFound', 'changed job-2', 'unchanged job-1', 'notFound', 'changed job-0'])
    }),

    storeCase("a tenant cannot cancel another tenant's job", async ({ store }) => {
      const ref = await enqueueOne(store)
      const results = await store.cancel([
        { ...ref, tenantId: OTHER_TENANT },
        { ...ref, tenantId: null },
      ])

      expect(results).toEqual([{ status: 'notFound' }, { status: 'notFound' }])
      expect((await claimOne(store)).id).toBe(ref.id)
    }),

    storeCase('a suspect can be cancelled', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store)
      await loseWorker(open)

      expect(await store.cancel([ref])).toMatchObject([{ status: 'changed' }])
      expect(await claimJobs(store, { suspects: true })).toEqual([])
      expect(await read(store, ref)).toMatchObject({ state: 'cancelled', lostLeases: 1 })
    }),

    storeCase(
      'of cancels racing claims every job ends cancelled, none runs unknown',
      async (open) => {
        const { store } = open
        const other = await open.another()
        const refs = await enqueueAll(store, newJobs(100, 'job'))
        const [claimed, ...cancelled] = await Promise.all([
          claimEverything(other, { slots: 9 }),
          ...Array.from({ length: 10 }, (_, index) =>
            store.cancel(refs.slice(index * 10, index * 10 + 10)),
          ),
        ])
        const states = (await store.get(refs)).map((record) => record?.state)
        const { results } = await store.settle({ settlements: claimed.map((job) => complete(job)) })

        expect(new Set(cancelled.flat().map((result) => result.status))).toEqual(
          new Set(['changed']),
        )
        expect(new Set(states)).toEqual(new Set(['cancelled']))
        expect(results).toEqual(claimed.map(() => 'cancelled'))
        expect(await claimJobs(store)).toEqual([])
      },
    ),

    storeCase(
      'of a cancel racing a settlement one wins, and the answers tell which',
      async (open) => {
        const other = await open.another()
        for (let round = 0; round < 10; round += 1) {
          await enqueueOne(open.store)
          const job = await claimOne(open.store)
          const [settled, cancelled] = await Promise.all([
            settleOne(open.store, complete(job)),
            other.cancel([refOf(job)]),
          ])
          const state = await stateOf(open.store, job)

          expect({ settled, cancel: cancelled[0]?.status, state }).toEqual(
            settled === 'settled'
              ? { settled, cancel: 'unchanged', state: 'completed' }
              : { settled: 'cancelled', cancel: 'changed', state: 'cancelled' },
          )
        }
      },
    ),

    storeCase('500 jobs are cancelled in one call', async ({ store }) => {
      const refs = await enqueueAll(store, newJobs(500, 'job'))
      const results = await store.cancel(refs)

      expect(idsOf(results.flatMap((result) => ('job' in result ? [result.job] : [])))).toEqual(
        idsOf(refs),
      )
      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('an empty cancel is answered with an empty list', async ({ store }) => {
      expect(await store.cancel([])).toEqual([])
    }),
  ],
}
