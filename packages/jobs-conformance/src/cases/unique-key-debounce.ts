import { complete, retry, type NewJob, type UniqueKey } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimRequest,
  idsOf,
  read,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueOne, ERROR, newJob } from '../new-job.ts'
import { enqueueAny, enqueueReplacing, holderOf, KEY, takeKey } from '../unique-jobs.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const uniqueCase = caseNeeding('uniqueKeys')

const WAIT_MS = 1_000
const MAX_WAIT_MS = 2_500

/** A job that is to run a second after the last of its kind. */
function debounced(maxWaitMs?: number): Partial<NewJob> {
  const unique: UniqueKey = {
    key: KEY,
    ifTaken: 'debounce',
    ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
  }
  return { unique, delayMs: WAIT_MS }
}

/** When each duplicate puts a job, and when it runs. */
export const uniqueKeyDebounceCases: CaseGroup = {
  operation: 'unique key debounce',
  cases: [
    uniqueCase('the first waits its time', async (open) => {
      const { store } = open
      const ref = await takeKey(store, debounced())
      expect((await read(store, ref)).runAt).toBe((await open.now()) + WAIT_MS)
      await open.advance(WAIT_MS - 1)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1)

      expect(idsOf(await claimEverything(store))).toEqual([ref.id])
    }),

    uniqueCase('each duplicate begins the wait anew, without an end', async (open) => {
      const { store } = open
      const ref = await takeKey(store, debounced())
      for (let index = 0; index < 20; index += 1) {
        await open.advance(WAIT_MS - 1)
        const payload = `${index}`
        const replaced = await enqueueReplacing(store, { ...debounced(), payload })
        expect(replaced).toMatchObject({
          id: ref.id,
          payload,
          runAt: (await open.now()) + WAIT_MS,
        })
        expect(await claimJobs(store)).toEqual([])
      }
      await open.advance(WAIT_MS)

      const claimed = await claimEverything(store)
      expect(claimed.map(({ id, payload }) => [id, payload])).toEqual([[ref.id, '19']])
    }),

    uniqueCase('the longest wait counts from the first of a burst', async (open) => {
      const { store } = open
      const first = await open.now()
      await takeKey(store, debounced(MAX_WAIT_MS))
      const times = []
      for (let index = 0; index < 4; index += 1) {
        await open.advance(600)
        const { runAt } = await enqueueReplacing(store, debounced(MAX_WAIT_MS))
        times.push(runAt - first)
      }
      expect(times).toEqual([1_600, 2_200, 2_500, 2_500])
      await open.advance(99)
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: 1 })
      await open.advance(1)

      expect(await claimEverything(store)).toHaveLength(1)
    }),

    uniqueCase('the longest wait bounds the first as well', async (open) => {
      const { store } = open
      const ref = await takeKey(store, debounced(400))

      expect((await read(store, ref)).runAt).toBe((await open.now()) + 400)
    }),

    uniqueCase('a duplicate after the longest wait leaves a waiting job due', async (open) => {
      const { store } = open
      const ref = await takeKey(store, debounced(MAX_WAIT_MS))
      await open.advance(MAX_WAIT_MS + 500)
      await enqueueReplacing(store, { ...debounced(MAX_WAIT_MS), payload: '"last"' })

      expect(await claimOne(store)).toMatchObject({ id: ref.id, payload: '"last"' })
    }),

    uniqueCase('a duplicate while the job runs waits as its successor', async (open) => {
      const { store } = open
      await takeKey(store, debounced(MAX_WAIT_MS))
      await open.advance(WAIT_MS)
      const holder = await claimOne(store)
      await open.advance(5_000)
      const first = await open.now()
      const successor = await takeKey(store, debounced(MAX_WAIT_MS))
      const times = [(await read(store, successor)).runAt - first]
      for (let index = 0; index < 3; index += 1) {
        await open.advance(900)
        const replaced = await enqueueReplacing(store, debounced(MAX_WAIT_MS))
        expect(replaced.id).toBe(successor.id)
        times.push(replaced.runAt - first)
      }
      expect(times).toEqual([1_000, 1_900, 2_500, 2_500])
      await open.advance(10_000)
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(holder))

      expect((await claimOne(store)).id).toBe(successor.id)
    }),

    uniqueCase('after a run a new burst begins', async (open) => {
      const { store } = open
      await takeKey(store, debounced(MAX_WAIT_MS))
      await open.advance(WAIT_MS)
      await settleOne(store, complete(await claimOne(store)))
      await open.advance(1_000)
      const first = await open.now()
      const ref = await takeKey(store, debounced(MAX_WAIT_MS))
      await open.advance(900)
      const { runAt } = await enqueueReplacing(store, debounced(MAX_WAIT_MS))

      expect((await read(store, ref)).runAt).toBe(runAt)
      expect(runAt).toBe(first + 1_900)
    }),

    uniqueCase('between the attempts of a job a new burst begins', async (open) => {
      const { store } = open
      const holder = await takeKey(store, debounced(MAX_WAIT_MS))
      await open.advance(WAIT_MS)
      await settleOne(store, retry(await claimOne(store), ERROR, 600_000))
      await open.advance(60_000)
      const first = await open.now()
      const times = []
      for (let index = 0; index < 4; index += 1) {
        const replaced = await enqueueReplacing(store, debounced(MAX_WAIT_MS))
        expect(replaced).toMatchObject({ id: holder.id, attempts: 0, error: null })
        times.push(replaced.runAt - first)
        await open.advance(900)
      }

      expect(times).toEqual([1_000, 1_900, 2_500, 2_500])
    }),

    uniqueCase('after a lost lease a new burst begins', async (open) => {
      const { store } = open
      const holder = await takeKey(store, debounced(MAX_WAIT_MS))
      await open.advance(WAIT_MS)
      await loseWorker(open)
      const first = await open.now()
      const replaced = await enqueueReplacing(store, debounced(MAX_WAIT_MS))

      expect(replaced).toMatchObject({ id: holder.id, runAt: first + WAIT_MS })
    }),

    uniqueCase('a burst that a successor began goes on when it has the key', async (open) => {
      const { store } = open
      await takeKey(store, debounced(MAX_WAIT_MS))
      await open.advance(WAIT_MS)
      const holder = await claimOne(store)
      const first = await open.now()
      const successor = await takeKey(store, debounced(MAX_WAIT_MS))
      await open.advance(900)
      await settleOne(store, complete(holder))
      await open.advance(50)
      const times = []
      for (let index = 0; index < 3; index += 1) {
        const replaced = await enqueueReplacing(store, debounced(MAX_WAIT_MS))
        expect(replaced.id).toBe(successor.id)
        times.push(replaced.runAt - first)
        await open.advance(800)
      }

      expect(times).toEqual([1_950, 2_500, 2_500])
    }),

    uniqueCase('each duplicate waits its own time', async (open) => {
      const { store } = open
      await takeKey(store, { ...debounced(), delayMs: 60_000 })
      const { runAt } = await enqueueReplacing(store, { ...debounced(), delayMs: 10 })

      expect(runAt).toBe((await open.now()) + 10)
    }),

    uniqueCase('duplicates of one call are one burst', async (open) => {
      const { store } = open
      const job = newJob(debounced(MAX_WAIT_MS))
      const results = await store.enqueue([job, { ...job, payload: '2' }, { ...job, payload: '3' }])
      const runAt = (await open.now()) + WAIT_MS

      expect(results).toMatchObject([
        { status: 'enqueued', runAt },
        { status: 'replaced', job: { runAt, payload: '2' } },
        { status: 'replaced', job: { runAt, payload: '3' } },
      ])
    }),

    uniqueCase('a follow-up is debounced as any job', async (open) => {
      const { store } = open
      const ref = await takeKey(store, debounced(MAX_WAIT_MS))
      await open.advance(500)
      await enqueueOne(store)
      const followUps = [newJob({ ...debounced(MAX_WAIT_MS), payload: '"last"' })]
      await settleOne(store, complete(await claimOne(store), null, { followUps }))

      expect(await read(store, ref)).toMatchObject({
        payload: '"last"',
        runAt: (await open.now()) + WAIT_MS,
      })
    }),

    uniqueCase('`keep` finds a debounced job and leaves its time', async (open) => {
      const { store } = open
      const ref = await takeKey(store, debounced())
      const { runAt } = await read(store, ref)
      await open.advance(500)

      expect(await holderOf(store)).toMatchObject({ ...refOf(ref), runAt })
    }),

    uniqueCase('handles debouncing at once make one job', async (open) => {
      const handles = [open.store, await open.another()]
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          enqueueAny(handles[index % 2]!, debounced(MAX_WAIT_MS)),
        ),
      )
      await open.advance(WAIT_MS)

      expect(results.filter(({ status }) => status === 'enqueued')).toHaveLength(1)
      expect(await claimEverything(open.store)).toHaveLength(1)
    }),
  ],
}
