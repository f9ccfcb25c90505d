import { complete, release, retry, type NewJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimRequest,
  claimSuspect,
  idsOf,
  read,
  refOf,
  settleOne,
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
  TENANT,
} from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const orderingCase = caseNeeding('orderingKeys')

const LINE: Partial<NewJob> = { orderingKey: 'customer-1' }

/** The order of a line, and what its head does to those behind it. */
export const orderingKeysCases: CaseGroup = {
  operation: 'ordering keys',
  cases: [
    orderingCase(
      'what comes due at one time keeps its order, with a key or without',
      async (open) => {
        const { store } = open
        const refs = await enqueueAll(
          store,
          [LINE, {}, { orderingKey: 'customer-2' }, {}].map((given) =>
            newJob({ ...given, delayMs: 500 }),
          ),
        )
        expect(await claimJobs(store)).toEqual([])
        await open.advance(10_000)

        const inOrder = []
        for (const _ of refs) inOrder.push((await claimOne(store)).id)
        expect(inOrder).toEqual(refs.map(({ id }) => id))
      },
    ),

    orderingCase('one at a time, in the order of their enqueue', async ({ store }) => {
      const refs = await enqueueAll(store, [
        ...newJobs(3, 'batch', LINE),
        newJob({ ...LINE, jobId: 'late' }),
      ])
      const order: string[] = []
      for (const _ of refs) {
        const job = only(await claimJobs(store))
        order.push(job.id)
        expect(await claimJobs(store)).toEqual([])
        await settleOne(store, complete(job))
      }

      expect(order).toEqual(idsOf(refs))
    }),

    orderingCase('a job shows its key', async ({ store }) => {
      const ref = await enqueueOne(store, LINE)

      expect((await read(store, ref)).keys).toEqual({
        unique: null,
        ordering: 'customer-1',
        concurrency: null,
        concurrencyLimit: null,
      })
      expect((await claimOne(store)).keys?.ordering).toBe('customer-1')
    }),

    orderingCase('priority does not change the order of a line', async ({ store }) => {
      for (const priority of [1, 5, 9]) {
        await enqueueOne(store, { ...LINE, jobId: `priority-${priority}`, priority })
      }
      const order: string[] = []
      for (let index = 0; index < 3; index += 1) {
        const job = only(await claimJobs(store))
        order.push(job.id)
        await settleOne(store, complete(job))
      }

      expect(order).toEqual(['priority-1', 'priority-5', 'priority-9'])
    }),

    orderingCase('nor does it where the jobs come in one call', async ({ store }) => {
      const refs = await enqueueAll(
        store,
        [1, 9, 1].map((priority) => newJob({ ...LINE, priority })),
      )
      const order: string[] = []
      for (const _ of refs) {
        const job = only(await claimJobs(store))
        order.push(job.id)
        await settleOne(store, complete(job))
      }

      expect(order).toEqual(idsOf(refs))
    }),

    orderingCase('the head ranks among the others by its own priority', async ({ store }) => {
      const head = await enqueueOne(store, { ...LINE, priority: 1 })
      const behind = await enqueueOne(store, { ...LINE, priority: 9 })
      const plain = await enqueueOne(store, { priority: 5 })
      expect((await claimOne(store)).id).toBe(plain.id)
      const first = await claimOne(store)
      expect(first.id).toBe(head.id)
      const other = await enqueueOne(store, { priority: 5 })
      await settleOne(store, complete(first))

      expect(idsOf(await claimEverything(store, { slots: 1 }))).toEqual([behind.id, other.id])
    }),

    orderingCase('among equals the head ranks by its own admission', async ({ store }) => {
      const head = await enqueueOne(store, LINE)
      const plain = await enqueueOne(store)
      const behind = await enqueueOne(store, LINE)
      const last = await enqueueOne(store)
      const claimed = await claimJobs(store)
      expect(idsOf(claimed)).toEqual([head.id, plain.id, last.id])
      const later = await enqueueOne(store)
      await settleOne(store, complete(claimed[0]!))

      expect(idsOf(await claimEverything(store))).toEqual([behind.id, later.id])
    }),

    orderingCase('one claim hands out one job of each line, however many slots', async (open) => {
      const { store } = open
      for (let index = 0; index < 3; index += 1) {
        for (const key of ['a', 'b', 'c']) {
          await enqueueOne(store, { jobId: `${key}-${index}`, orderingKey: key })
        }
        await enqueueOne(store, { jobId: `plain-${index}` })
      }

      expect(idsOf(await claimEverything(store))).toEqual([
        'a-0',
        'b-0',
        'c-0',
        'plain-0',
        'plain-1',
        'plain-2',
      ])
    }),

    orderingCase('a long blocked line does not hide the jobs behind it', async ({ store }) => {
      await enqueueAll(store, newJobs(500, 'line', LINE))
      await claimOne(store)
      await enqueueOne(store, { jobId: 'plain' })
      await enqueueOne(store, { jobId: 'other-line', orderingKey: 'customer-2' })
      await enqueueOne(store, { jobId: 'other-tenant', tenantId: OTHER_TENANT })

      expect(idsOf(await claimEverything(store, { slots: 1 })).toSorted()).toEqual([
        'other-line',
        'other-tenant',
        'plain',
      ])
    }),

    orderingCase('a line belongs to its own queue and tenant alone', async ({ store }) => {
      const owners = [
        { queue: QUEUE, tenantId: TENANT },
        { queue: QUEUE, tenantId: OTHER_TENANT },
        { queue: QUEUE, tenantId: null },
        { queue: 'mails', tenantId: TENANT },
      ]
      for (const owner of owners) await enqueueAll(store, newJobs(2, 'job', { ...LINE, ...owner }))
      const claimed = await claimEverything(store)
      const mails = await claimEverything(store, { queue: 'mails' })

      expect(claimed.map(({ id }) => id)).toEqual(['job-0', 'job-0', 'job-0'])
      expect(new Set(claimed.map(({ tenantId }) => tenantId)).size).toBe(3)
      expect(idsOf(mails)).toEqual(['job-0'])
    }),

    orderingCase('a delayed head blocks until its time', async (open) => {
      const { store } = open
      const head = await enqueueOne(store, { ...LINE, delayMs: 10_000 })
      const behind = await enqueueOne(store, LINE)
      await enqueueOne(store, { ...LINE, delayMs: 1_000 })
      const result = await store.claim(claimRequest())
      expect({ ids: idsOf(result.jobs), next: result.nextDueInMs }).toEqual({
        ids: [],
        next: 10_000,
      })
      await open.advance(9_999)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1)
      const job = only(await claimJobs(store))
      expect(job.id).toBe(head.id)
      await settleOne(store, complete(job))

      expect(idsOf(await claimJobs(store))).toEqual([behind.id])
    }),

    orderingCase('a delayed job behind the head waits for both', async (open) => {
      const { store } = open
      await enqueueOne(store, LINE)
      const delayed = await enqueueOne(store, { ...LINE, delayMs: 10_000 })
      const last = await enqueueOne(store, LINE)
      const job = await claimOne(store, { leaseMs: 600_000 })
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: null })
      await open.advance(4_000)
      await settleOne(store, complete(job))
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: 6_000 })
      await open.advance(6_000)
      const second = only(await claimJobs(store))
      await settleOne(store, complete(second))

      expect(second.id).toBe(delayed.id)
      expect(idsOf(await claimJobs(store))).toEqual([last.id])
    }),

    orderingCase('a job due in the past waits for its turn as the others', async (open) => {
      const { store } = open
      const head = await enqueueOne(store, LINE)
      await enqueueOne(store, { ...LINE, runAt: (await open.now()) - 60_000, priority: 9 })

      expect(idsOf(await claimJobs(store))).toEqual([head.id])
    }),

    orderingCase('a job that waits for another attempt keeps its place', async (open) => {
      const { store } = open
      const [head, behind] = await enqueueAll(store, newJobs(2, 'job', LINE))
      await settleOne(store, retry(await claimOne(store), ERROR, 5_000))
      const result = await store.claim(claimRequest())
      expect({ jobs: result.jobs, next: result.nextDueInMs }).toEqual({ jobs: [], next: 5_000 })
      await open.advance(5_000)
      const again = only(await claimJobs(store))
      expect(again.id).toBe(head!.id)
      await settleOne(store, complete(again))

      expect(idsOf(await claimJobs(store))).toEqual([behind!.id])
    }),

    orderingCase('a job that was given back keeps its place', async (open) => {
      const { store } = open
      const [head, behind] = await enqueueAll(store, newJobs(2, 'job', LINE))
      await settleOne(store, release(await claimOne(store)))
      const second = only(await claimJobs(store))
      expect(second.id).toBe(head!.id)
      await settleOne(store, release(second, 5_000))
      expect(await claimJobs(store)).toEqual([])
      await open.advance(5_000)
      const third = only(await claimJobs(store))
      expect(third.id).toBe(head!.id)
      await settleOne(store, complete(third))

      expect(idsOf(await claimJobs(store))).toEqual([behind!.id])
    }),

    orderingCase(
      'a suspect at the head blocks until it is claimed alone and ends',
      async (open) => {
        const { store } = open
        const [head, behind] = await enqueueAll(store, newJobs(2, 'job', LINE))
        await loseWorker(open)
        expect(await store.claim(claimRequest())).toMatchObject({
          jobs: [],
          nextDueInMs: null,
          hasSuspects: true,
        })
        const suspect = await claimSuspect(store)
        expect(suspect.id).toBe(head!.id)
        expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: false })
        await settleOne(store, complete(suspect))

        expect(idsOf(await claimJobs(store))).toEqual([behind!.id])
      },
    ),

    orderingCase('jobs of a line go into slots and never into prefetch', async ({ store }) => {
      for (const key of ['a', 'b', 'c']) await enqueueOne(store, { jobId: key, orderingKey: key })
      const first = await store.claim(claimRequest({ slots: 1, prefetch: 50 }))
      expect({ ids: idsOf(first.jobs), next: first.nextDueInMs }).toEqual({ ids: ['a'], next: 0 })
      await enqueueAll(store, newJobs(2, 'plain'))
      const second = await store.claim(claimRequest({ slots: 1, prefetch: 50 }))
      const [begins, ...waiting] = idsOf(second.jobs)
      expect(begins).toBe('b')
      expect(['plain-0', 'plain-1']).toEqual(expect.arrayContaining(waiting))

      expect(idsOf(await claimEverything(store))).toContain('c')
    }),

    orderingCase('claims racing from several handles lease one of a line', async (open) => {
      const handles = [open.store, await open.another()]
      const order: string[] = []
      const refs = await enqueueAll(open.store, newJobs(20, 'job', LINE))
      for (const _ of refs) {
        const claimed = await Promise.all(
          Array.from({ length: 4 }, (_each, index) => claimJobs(handles[index % 2]!)),
        )
        const job = only(claimed.flat())
        order.push(job.id)
        expect(await settleOne(handles[order.length % 2]!, complete(job))).toBe('settled')
      }

      expect(order).toEqual(idsOf(refs))
    }),

    orderingCase('a paused line stays in order', async ({ store }) => {
      const refs = await enqueueAll(store, newJobs(3, 'job', LINE))
      const job = await claimOne(store)
      await store.pause({ queue: QUEUE, tenantId: TENANT })
      await settleOne(store, complete(job))
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: null })
      await store.resume({ queue: QUEUE, tenantId: TENANT })

      expect(idsOf(await claimJobs(store))).toEqual([refs[1]!.id])
      expect(refOf(job)).toEqual(refs[0])
    }),

    orderingCase('follow-ups join the tail', async ({ store }) => {
      const [, waiting] = await enqueueAll(store, newJobs(2, 'job', LINE))
      const followUps = newJobs(2, 'next', { ...LINE, priority: 9 })
      const parent = await claimOne(store)
      const { claimed } = await store.settle({
        settlements: [complete(parent, null, { followUps })],
        claim: claimRequest(),
      })
      const second = only(claimed?.jobs ?? [])
      await settleOne(store, complete(second))

      expect(second.id).toBe(waiting!.id)
      expect(idsOf(await claimJobs(store))).toEqual(['next-0'])
    }),
  ],
}
