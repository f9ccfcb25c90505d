import type { JobFilter, JobStore, NewJob } from '@cgk/jobs-core'
import { complete } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimOne, settleOne } from '../claim-jobs.ts'
import { enqueueAll, newJob, newJobs, OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const uniqueCase = caseNeeding('uniqueKeys')

/** The ids of the jobs that a filter finds, sorted, page by page. */
async function find(store: JobStore, filter: Partial<JobFilter>): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<JobStore['list']>> = await store.list({
      queue: QUEUE,
      ...filter,
      limit: 3,
      ...(cursor === null ? {} : { cursor }),
    })
    ids.push(...page.jobs.map(({ id }) => id))
    cursor = page.nextCursor
  } while (cursor !== null)
  expect(new Set(ids).size, 'no job twice').toBe(ids.length)
  return ids.toSorted()
}

function withUnique(key: string, given: Partial<NewJob> = {}): NewJob {
  return newJob({ jobId: key, unique: { key, ifTaken: 'keep' }, ...given })
}

/** Jobs found by their keys, their schedule and more; by their group see `group history`. */
export const filtersCases: CaseGroup = {
  operation: 'filters',
  cases: [
    uniqueCase('a key prefix finds the jobs whose unique key begins so', async ({ store }) => {
      await enqueueAll(store, [
        withUnique('invoice-1'),
        withUnique('invoice-12'),
        withUnique('invoice-2'),
        withUnique('an-invoice-1'),
        withUnique('Invoice-1'),
        newJob({ jobId: 'invoice-without-key', payload: '"invoice-1"' }),
      ])

      expect(await find(store, { keyPrefix: 'invoice-1' })).toEqual(['invoice-1', 'invoice-12'])
      expect(await find(store, { keyPrefix: 'invoice-' })).toHaveLength(3)
      expect(await find(store, { keyPrefix: 'nothing' })).toEqual([])
    }),

    caseNeeding('orderingKeys')('a key prefix looks at ordering keys', async ({ store }) => {
      await enqueueAll(store, [
        ...newJobs(7, 'found', { orderingKey: 'customer-1' }),
        ...newJobs(7, 'other', { orderingKey: 'another' }),
      ])

      expect(await find(store, { keyPrefix: 'customer' })).toEqual(
        Array.from({ length: 7 }, (_, index) => `found-${index}`),
      )
    }),

    caseNeeding('concurrencyKeys')('a key prefix looks at concurrency keys', async ({ store }) => {
      const concurrencyLimit = 2
      await enqueueAll(store, [
        ...newJobs(4, 'found', { concurrencyKey: 'shop-1', concurrencyLimit }),
        ...newJobs(4, 'other', { concurrencyKey: 'another', concurrencyLimit }),
      ])

      expect(await find(store, { keyPrefix: 'shop-' })).toHaveLength(4)
    }),

    caseNeeding('uniqueKeys', 'orderingKeys')(
      'any one of the keys of a job is enough',
      async ({ store }) => {
        await enqueueAll(store, [
          withUnique('a-1', { orderingKey: 'b-1' }),
          withUnique('b-2', { orderingKey: 'a-2' }),
          withUnique('b-3', { orderingKey: 'b-4' }),
          withUnique('a-5', { orderingKey: 'a-5' }),
        ])

        expect(await find(store, { keyPrefix: 'a-' })).toEqual(['a-1', 'a-5', 'b-2'])
      },
    ),

    uniqueCase('no character of a key prefix means anything but itself', async ({ store }) => {
      const prefixes = ['%', '_', '\\', '*', '?', '[a]', '.', '^', '{', "'", ':', ' ', 'é', '🚀']
      await enqueueAll(store, [
        withUnique('plain'),
        ...prefixes.map((prefix) => withUnique(`${prefix}key`)),
      ])

      for (const prefix of prefixes) {
        expect(await find(store, { keyPrefix: prefix }), prefix).toEqual([`${prefix}key`])
      }
    }),

    uniqueCase('a key prefix finds jobs whatever became of them', async ({ store }) => {
      await enqueueAll(store, [
        withUnique('key-completed'),
        withUnique('key-cancelled', { delayMs: 5_000 }),
        withUnique('key-scheduled', { delayMs: 5_000 }),
      ])
      await settleOne(store, complete(await claimOne(store)))
      await store.cancel([{ queue: QUEUE, tenantId: TENANT, id: 'key-cancelled' }])

      expect(await find(store, { keyPrefix: 'key-' })).toEqual([
        'key-cancelled',
        'key-completed',
        'key-scheduled',
      ])
    }),

    uniqueCase('a key prefix goes with the other filters', async ({ store }) => {
      await enqueueAll(store, [
        withUnique('key-1', { name: 'a' }),
        withUnique('key-2', { name: 'b' }),
        withUnique('other', { name: 'a' }),
        withUnique('key-1', { name: 'a', tenantId: OTHER_TENANT }),
        withUnique('key-1', { name: 'a', queue: 'mails' }),
      ])
      const filter = { keyPrefix: 'key-', names: ['a'] }
      const { jobs } = await store.list({ queue: QUEUE, tenantId: TENANT, ...filter, limit: 10 })

      expect(jobs.map(({ id, tenantId }) => `${tenantId} ${id}`)).toEqual([`${TENANT} key-1`])
      const all = await store.list({ queue: QUEUE, ...filter, limit: 10 })
      expect(all.jobs).toHaveLength(2)
    }),

    uniqueCase('a replaced job is found by the keys it has now', async ({ store }) => {
      const unique = { key: 'key', ifTaken: 'replace' } as const
      await store.enqueue([newJob({ unique, name: 'old' }), newJob({ unique, name: 'new' })])

      const { jobs } = await store.list({ queue: QUEUE, keyPrefix: 'key', limit: 10 })
      expect(jobs.map(({ name }) => name)).toEqual(['new'])
    }),

    caseNeeding(
      'uniqueKeys',
      'groups',
      'schedules',
    )('no job without a key, group or schedule is found by one', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))

      for (const filter of [{ keyPrefix: 'job' }, { groupId: 'job' }, { scheduleId: 'job' }]) {
        expect(await find(store, filter)).toEqual([])
      }
    }),

    caseNeeding('schedules')('the jobs of schedules of one id are found by it', async (open) => {
      const { store } = open
      const tickAt = await open.now()
      const schedule = { id: 'nightly', tenantId: TENANT, createdAt: tickAt, tickAt }
      await enqueueAll(store, [
        ...newJobs(4, 'nightly', { schedule }),
        ...newJobs(1, 'by-hand', { schedule: { ...schedule, tickAt: null } }),
        ...newJobs(1, 'for-all', { schedule: { ...schedule, tenantId: null } }),
        ...newJobs(1, 'earlier', { schedule: { ...schedule, createdAt: 0 } }),
        ...newJobs(2, 'hourly', { schedule: { ...schedule, id: 'nightly-2' } }),
        ...newJobs(2, 'plain'),
        newJob({
          jobId: 'nightly-0',
          tenantId: OTHER_TENANT,
          schedule: { ...schedule, tenantId: OTHER_TENANT },
        }),
      ])

      expect(await find(store, { scheduleId: 'nightly', tenantId: TENANT })).toEqual([
        'by-hand-0',
        'earlier-0',
        'for-all-0',
        'nightly-0',
        'nightly-1',
        'nightly-2',
        'nightly-3',
      ])
    }),
  ],
}
