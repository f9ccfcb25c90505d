import { complete, fail, release, retry, type JobCounts } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, maintainAll, refOf } from '../claim-jobs.ts'
import { enqueueAll, ERROR, newJobs, OTHER_TENANT, QUEUE } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

const NONE: JobCounts = {
  pending: 0,
  scheduled: 0,
  retrying: 0,
  running: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
}

export const countsCases: CaseGroup = {
  operation: 'counts',
  cases: [
    storeCase('every status is counted, also where it counts nothing', async ({ store }) => {
      expect(await store.counts({ queue: QUEUE })).toEqual(NONE)
      expect(await store.counts({ queue: QUEUE, tenantId: 'acme' })).toEqual(NONE)
    }),

    storeCase('each job is counted under its status and under no other', async (open) => {
      const { store } = open
      await enqueueAll(store, [
        ...newJobs(5, 'first', { priority: 1 }),
        ...newJobs(3, 'pending'),
        ...newJobs(2, 'scheduled', { delayMs: 5_000 }),
      ])
      const [first, second, third, fourth, fifth] = await claimJobs(store, { slots: 5 })
      if (!first || !second || !third || !fourth || !fifth) throw new Error('expected five jobs')
      await store.cancel([{ ...refOf(first), id: 'pending-2' }, refOf(fifth)])
      await store.settle({
        settlements: [
          complete(first),
          fail(second, ERROR),
          retry(third, ERROR, 5_000),
          release(fourth, 5_000),
        ],
      })
      expect(await store.counts({ queue: QUEUE })).toEqual({
        ...NONE,
        pending: 2,
        scheduled: 3,
        retrying: 1,
        completed: 1,
        failed: 1,
        cancelled: 2,
      })

      await open.advance(5_000)
      expect(await store.counts({ queue: QUEUE })).toEqual({
        ...NONE,
        pending: 5,
        retrying: 1,
        completed: 1,
        failed: 1,
        cancelled: 2,
      })
    }),

    storeCase('counts follow a job through lost leases, retries and removal', async (open) => {
      const { store } = open
      const [ref] = await enqueueAll(store, newJobs(1, 'job'))
      if (ref === undefined) throw new Error('expected a job')
      const counted = async () => await store.counts({ queue: QUEUE })
      await claimJobs(store, { leaseMs: 1_000 })
      expect(await counted()).toEqual({ ...NONE, running: 1 })
      await open.advance(1_001)
      await maintainAll(store)
      expect(await counted()).toEqual({ ...NONE, pending: 1 })
      const [suspect] = await claimJobs(store, { suspects: true })
      if (suspect === undefined) throw new Error('expected the suspect')
      await store.settle({ settlements: [fail(suspect, ERROR)] })
      expect(await counted()).toEqual({ ...NONE, failed: 1 })
      await store.retry([ref])
      expect(await counted()).toEqual({ ...NONE, pending: 1 })
      await store.remove([ref])
      expect(await counted()).toEqual(NONE)
    }),

    storeCase('counts are of one queue, and of one tenant where it is named', async ({ store }) => {
      await enqueueAll(store, [
        ...newJobs(3, 'job'),
        ...newJobs(2, 'job', { tenantId: OTHER_TENANT }),
        ...newJobs(1, 'job', { tenantId: null }),
        ...newJobs(4, 'job', { queue: 'mails' }),
      ])
      await store.cancel([{ queue: QUEUE, tenantId: OTHER_TENANT, id: 'job-0' }])
      const of = async (tenantId?: string | null) =>
        await store.counts(tenantId === undefined ? { queue: QUEUE } : { queue: QUEUE, tenantId })

      expect(await of()).toEqual({ ...NONE, pending: 5, cancelled: 1 })
      expect(await of('acme')).toEqual({ ...NONE, pending: 3 })
      expect(await of(OTHER_TENANT)).toEqual({ ...NONE, pending: 1, cancelled: 1 })
      expect(await of(null)).toEqual({ ...NONE, pending: 1 })
      expect(await of('unknown')).toEqual(NONE)
      expect(await store.counts({ queue: 'mails' })).toEqual({ ...NONE, pending: 4 })
    }),
  ],
}
