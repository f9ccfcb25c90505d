import { complete, fail, release, retry, type ClaimedJob, type NewJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimRequest,
  claimSuspect,
  idsOf,
  LEASE_MS,
  maintainAll,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import { expectHint, withoutWakeUps } from '../expect-hint.ts'
import { enqueueAll, enqueueOne, ERROR, newJobs, only } from '../new-job.ts'
import { enqueueReplacing, KEEP, REPLACE, takeKey } from '../unique-jobs.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const orderingCase = caseNeeding('orderingKeys')

const LINE: Partial<NewJob> = { orderingKey: 'customer-1' }

/** What lets the next of a line begin, and that it does so once. */
export const orderingKeyFreeingCases: CaseGroup = {
  operation: 'ordering key freeing',
  cases: [
    orderingCase('whatever ends the head, the next can be claimed', async ({ store }) => {
      const ends = {
        complete: (job: ClaimedJob) => settleOne(store, complete(job)),
        discard: (job: ClaimedJob) => settleOne(store, complete(job, null, { discard: true })),
        fail: (job: ClaimedJob) => settleOne(store, fail(job, ERROR)),
        'cancel and release': async (job: ClaimedJob) => {
          await store.cancel([refOf(job)])
          return settleOne(store, release(job))
        },
        'cancel between attempts': async (job: ClaimedJob) => {
          await settleOne(store, retry(job, ERROR, 60_000))
          return store.cancel([refOf(job)])
        },
        'remove between attempts': async (job: ClaimedJob) => {
          await settleOne(store, retry(job, ERROR, 60_000))
          return store.remove([refOf(job)])
        },
      }
      for (const [how, end] of Object.entries(ends)) {
        const behind = (await enqueueAll(store, newJobs(2, how, LINE)))[1]!
        await end(await claimOne(store))
        const next = only(await claimJobs(store))
        expect(next.id, how).toBe(behind.id)
        await settleOne(store, complete(next))
      }
    }),

    orderingCase('the end of the head and the next come in one round trip', async ({ store }) => {
      const refs = await enqueueAll(store, newJobs(3, 'job', LINE))
      const settlements = [complete(await claimOne(store))]
      const { claimed } = await store.settle({ settlements, claim: claimRequest() })

      expect(idsOf(claimed?.jobs ?? [])).toEqual([refs[1]!.id])
    }),

    orderingCase('a cancelled head blocks as long as a worker holds it', async ({ store }) => {
      const [, behind] = await enqueueAll(store, newJobs(3, 'job', LINE))
      const head = await claimOne(store)
      await store.cancel([refOf(head)])
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: null })
      expect(await settleOne(store, complete(head))).toBe('cancelled')
      expect(idsOf(await claimJobs(store))).toEqual([behind!.id])
      expect(await settleOne(store, complete(head))).toBe('cancelled')

      expect(await claimJobs(store)).toEqual([])
    }),

    orderingCase(
      'a cancelled head whose worker is lost blocks until it is taken back',
      async (open) => {
        const { store } = open
        const [, behind] = await enqueueAll(store, newJobs(3, 'job', LINE))
        const head = await claimOne(store)
        await store.cancel([refOf(head)])
        await open.advance(LEASE_MS + 1)
        expect(await claimJobs(store)).toEqual([])
        await maintainAll(store)
        expect(idsOf(await claimJobs(store))).toEqual([behind!.id])
        await settleOne(store, complete(head))

        expect(await claimJobs(store)).toEqual([])
      },
    ),

    orderingCase('the expired lease of the head blocks, taken back or not', async (open) => {
      const { store } = open
      const [head] = await enqueueAll(store, newJobs(2, 'job', LINE))
      const job = await claimOne(store, { leaseMs: 1_000 })
      await open.advance(5_000)
      expect(await claimJobs(store)).toEqual([])
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 1 })
      expect(await claimJobs(store)).toEqual([])
      expect(await settleOne(store, complete(job))).toBe('lost')
      expect(await claimJobs(store)).toEqual([])

      expect((await claimSuspect(store)).id).toBe(head!.id)
    }),

    orderingCase('a settlement repeated does not let a second one pass', async ({ store }) => {
      const [, second, third] = await enqueueAll(store, newJobs(3, 'job', LINE))
      const head = await claimOne(store)
      await settleOne(store, complete(head))
      const next = await claimOne(store)
      expect(next.id).toBe(second!.id)
      expect(await settleOne(store, complete(head))).toBe('settled')
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(next))

      expect(idsOf(await claimJobs(store))).toEqual([third!.id])
    }),

    orderingCase('a stale lease lets nobody pass', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job', LINE))
      const first = await claimOne(store)
      await settleOne(store, release(first))
      const second = await claimOne(store)
      await settleOne(store, complete(first))
      await settleOne(store, complete({ ...second, token: `${second.token}x` }))

      expect(await claimJobs(store)).toEqual([])
    }),

    orderingCase(
      'cancelling or removing from the middle of a line closes the gap',
      async (open) => {
        const { store } = open
        const refs = await enqueueAll(store, newJobs(5, 'job', LINE))
        const head = await claimOne(store)
        await store.cancel([refs[1]!])
        await store.remove([refs[3]!])
        expect(await claimJobs(store)).toEqual([])
        await settleOne(store, complete(head))
        const order: string[] = []
        for (const job of await claimJobs(store)) {
          order.push(job.id)
          await settleOne(store, complete(job))
        }

        expect(order).toEqual(['job-2'])
        expect(idsOf(await claimJobs(store))).toEqual(['job-4'])
      },
    ),

    orderingCase('cancelling or removing a waiting head lets the next begin', async ({ store }) => {
      const refs = await enqueueAll(store, [
        ...newJobs(1, 'delayed', { ...LINE, delayMs: 60_000 }),
        ...newJobs(2, 'job', LINE),
      ])
      expect(await claimJobs(store)).toEqual([])
      await store.cancel([refs[0]!])
      await store.remove([refs[1]!])

      expect(idsOf(await claimJobs(store))).toEqual([refs[2]!.id])
    }),

    orderingCase("an operator's retry joins the tail", async ({ store }) => {
      const refs = await enqueueAll(store, newJobs(3, 'job', LINE))
      await settleOne(store, fail(await claimOne(store), ERROR))
      expect(await store.retry([refs[0]!])).toMatchObject([{ status: 'changed' }])
      await enqueueOne(store, { ...LINE, jobId: 'late' })
      const order: string[] = []
      for (let index = 0; index < 4; index += 1) {
        const job = only(await claimJobs(store))
        order.push(job.id)
        await settleOne(store, complete(job))
      }

      expect(order).toEqual(['job-1', 'job-2', 'job-0', 'late'])
    }),

    orderingCase('removing an ended job leaves the line as it is', async ({ store }) => {
      const refs = await enqueueAll(store, newJobs(3, 'job', LINE))
      await settleOne(store, complete(await claimOne(store)))
      await claimOne(store)
      await store.remove([refs[0]!])

      expect(await claimJobs(store)).toEqual([])
    }),

    orderingCase(
      'the end of the head hints at the next',
      async ({ store }) => {
        let head: ClaimedJob | null = null
        await expectHint(
          store,
          'ready',
          () => settleOne(store, complete(head!)),
          async () => {
            const rest = await claimEverything(store)
            await store.settle({ settlements: rest.map((job) => complete(job)) })
            await enqueueAll(store, newJobs(2, `${Math.random()}`, LINE))
            head = await claimOne(store)
          },
        )
      },
      { skip: withoutWakeUps },
    ),

    orderingCase(
      'the late settlement of a cancelled head hints at the next',
      async ({ store }) => {
        let head: ClaimedJob | null = null
        await expectHint(
          store,
          'ready',
          () => settleOne(store, release(head!)),
          async () => {
            const rest = await claimEverything(store)
            await store.settle({ settlements: rest.map((job) => complete(job)) })
            await enqueueAll(store, newJobs(2, `${Math.random()}`, LINE))
            head = await claimOne(store)
            await store.cancel([refOf(head)])
          },
        )
      },
      { skip: withoutWakeUps },
    ),

    caseNeeding('orderingKeys', 'uniqueKeys')(
      'a replaced job leaves its line for that of the new one, at its own place',
      async ({ store }) => {
        const moving = await takeKey(store, { unique: REPLACE, orderingKey: 'a' })
        const ofA = await enqueueOne(store, { orderingKey: 'a' })
        const ofB = await enqueueOne(store, { orderingKey: 'b' })
        const replaced = await enqueueReplacing(store, { orderingKey: 'b' })
        expect(replaced.keys?.ordering).toBe('b')
        const claimed = await claimJobs(store)
        expect(idsOf(claimed)).toEqual([moving.id, ofA.id])
        await store.settle({ settlements: claimed.map((job) => complete(job)) })

        expect(idsOf(await claimJobs(store))).toEqual([ofB.id])
      },
    ),

    caseNeeding('orderingKeys', 'uniqueKeys')(
      'a replaced job waits for the running job of its new line',
      async ({ store }) => {
        const moving = await takeKey(store, { unique: REPLACE, delayMs: 60_000 })
        await enqueueOne(store, LINE)
        const running = await claimOne(store)
        await enqueueReplacing(store, LINE)
        expect(await claimJobs(store)).toEqual([])
        await settleOne(store, complete(running))

        expect(idsOf(await claimJobs(store))).toEqual([moving.id])
      },
    ),

    caseNeeding('orderingKeys', 'uniqueKeys')(
      'a replaced job that keeps its line keeps its place in it',
      async ({ store }) => {
        const first = await takeKey(store, { ...LINE, unique: KEEP })
        await enqueueOne(store, LINE)
        await enqueueReplacing(store, { ...LINE, priority: -5 })

        expect(idsOf(await claimJobs(store))).toEqual([first.id])
      },
    ),
  ],
}
