import { expect } from 'vitest'
import { claimOne, read, refOf } from '../claim-jobs.ts'
import { enqueueAll, enqueueOne, newJobs, OTHER_TENANT, QUEUE } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const getCases: CaseGroup = {
  operation: 'get',
  cases: [
    storeCase('records come in the order of the input, null where there is none', async (open) => {
      const { store } = open
      const refs = await enqueueAll(store, newJobs(3, 'job'))
      const [first, second, third] = refs
      if (!first || !second || !third) throw new Error('expected three jobs')
      await store.remove([second])
      const records = await store.get([
        third,
        { ...first, id: 'never-was' },
        first,
        second,
        { ...first, queue: 'mails' },
        third,
      ])

      expect(records.map((record) => record?.id ?? null)).toEqual([
        'job-2',
        null,
        'job-0',
        null,
        null,
        'job-2',
      ])
    }),

    storeCase("a tenant cannot read another tenant's job", async ({ store }) => {
      const mine = await enqueueOne(store)
      const nobodys = await enqueueOne(store, { tenantId: null })

      expect(
        await store.get([
          { ...mine, tenantId: OTHER_TENANT },
          { ...mine, tenantId: null },
          { ...nobodys, tenantId: OTHER_TENANT },
          { ...nobodys, tenantId: 'null' },
        ]),
      ).toEqual([null, null, null, null])
    }),

    storeCase('a record names the job it was asked for', async ({ store }) => {
      const refs = await enqueueAll(store, [
        ...newJobs(2, 'job'),
        ...newJobs(2, 'job', { tenantId: OTHER_TENANT }),
        ...newJobs(2, 'job', { tenantId: null }),
        ...newJobs(2, 'job', { queue: 'mails' }),
      ])
      const records = await store.get(refs)

      expect(records.map((record) => (record === null ? null : refOf(record)))).toEqual(refs)
    }),

    storeCase('what a caller does to a record does nothing to the job', async ({ store }) => {
      const ref = await enqueueOne(store)
      const job = await claimOne(store)
      await store.report([{ lease: job, log: ['line'] }])
      const taken = await read(store, ref)
      const copy = structuredClone(taken)
      try {
        Object.assign(taken, { state: 'completed', attempts: 99 })
        ;(taken.log as string[]).push('never logged')
      } catch {
        // A store may hand out frozen records.
      }

      expect(await read(store, ref)).toEqual(copy)
    }),

    storeCase('1,000 jobs are read in one call', async ({ store }) => {
      const refs = await enqueueAll(store, newJobs(1_000, 'job'))
      const records = await store.get(refs.toReversed())

      expect(records.map((record) => record?.id)).toEqual(refs.toReversed().map((ref) => ref.id))
    }),

    storeCase('an empty get is answered with an empty list', async ({ store }) => {
      expect(await store.get([])).toEqual([])
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0 })
    }),
  ],
}
