import { complete, fail, release, type JobRef, type NewJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, maintainAll, refOf, settleOne, stateOf } from '../claim-jobs.ts'
import type { HistoryOptions, OpenStore } from '../harness.ts'
import { enqueueAll, enqueueOne, ERROR, newJobs, only, QUEUE } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

const MINUTE_MS = 60_000
const PLENTY = 1_000

/** Completed jobs for a minute, failed ones for ten, cancelled ones for a hundred. */
const BY_AGE: HistoryOptions = {
  completed: { maxAgeMs: MINUTE_MS, maxCount: PLENTY },
  failed: { maxAgeMs: 10 * MINUTE_MS, maxCount: PLENTY },
  cancelled: { maxAgeMs: 100 * MINUTE_MS, maxCount: PLENTY },
}

const BY_COUNT: HistoryOptions = {
  completed: { maxAgeMs: 1_000 * MINUTE_MS, maxCount: 3 },
  failed: { maxAgeMs: 1_000 * MINUTE_MS, maxCount: 2 },
  cancelled: { maxAgeMs: 1_000 * MINUTE_MS, maxCount: 1 },
}

/** Enqueues one job and ends it at once. */
async function endJob(open: OpenStore, id: string, how: 'complete' | 'fail' | 'cancel') {
  const { store } = open
  const ref = await enqueueOne(store, { jobId: id })
  if (how === 'cancel') {
    await store.cancel([ref])
  } else {
    const job = only((await claimJobs(store)).filter((each) => each.id === id))
    await settleOne(store, how === 'complete' ? complete(job) : fail(job, ERROR))
  }
  return ref
}

export const historyCases: CaseGroup = {
  operation: 'history',
  cases: [
    storeCase(
      'ended jobs are kept for the age of their status and then deleted',
      async (open) => {
        const { store } = open
        const refs = [
          await endJob(open, 'completed', 'complete'),
          await endJob(open, 'failed', 'fail'),
          await endJob(open, 'cancelled', 'cancel'),
        ]
        const states = async () => (await store.get(refs)).map((record) => record?.state ?? null)

        // A store may keep history longer than asked for, up to twice the age; never shorter.
        await open.advance(MINUTE_MS - 1)
        expect(await maintainAll(store)).toEqual({ reclaimed: 0, pruned: 0 })
        await open.advance(MINUTE_MS + 1)
        expect(await maintainAll(store)).toEqual({ reclaimed: 0, pruned: 1 })
        expect(await states()).toEqual([null, 'failed', 'cancelled'])
        await open.advance(18 * MINUTE_MS)
        expect(await maintainAll(store)).toEqual({ reclaimed: 0, pruned: 1 })
        expect(await states()).toEqual([null, null, 'cancelled'])
        await open.advance(180 * MINUTE_MS)
        expect(await maintainAll(store)).toEqual({ reclaimed: 0, pruned: 1 })
        expect(await states()).toEqual([null, null, null])
      },
      { history: BY_AGE },
    ),

    storeCase(
      'the age of history counts from the end of the job',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        await open.advance(5 * MINUTE_MS)
        const job = await claimOne(store, { leaseMs: 100 * MINUTE_MS })
        await open.advance(5 * MINUTE_MS)
        await settleOne(store, complete(job))
        await open.advance(MINUTE_MS - 1)

        expect(await maintainAll(store)).toEqual({ reclaimed: 0, pruned: 0 })
        expect(await stateOf(store, job)).toBe('completed')
      },
      { history: BY_AGE },
    ),

    storeCase(
      'of each status the newest are kept, up to its count',
      async (open) => {
        const { store } = open
        const refs = []
        for (const how of ['complete', 'fail', 'cancel'] as const) {
          for (let n = 0; n < 5; n += 1) {
            refs.push(await endJob(open, `${how}-${n}`, how))
            await open.advance(1_000)
          }
        }
        await maintainAll(store)
        const kept = (await store.get(refs)).flatMap((record) => record?.id ?? [])

        expect(kept).toEqual([
          'complete-2',
          'complete-3',
          'complete-4',
          'fail-3',
          'fail-4',
          'cancel-4',
        ])
        expect(await store.counts({ queue: QUEUE })).toMatchObject({
          completed: 3,
          failed: 2,
          cancelled: 1,
        })
      },
      { history: BY_COUNT },
    ),

    storeCase(
      'live jobs are never deleted, however old',
      async (open) => {
        const { store } = open
        await enqueueAll(store, newJobs(4, 'job'))
        const [first, second] = await claimJobs(store, { slots: 2, leaseMs: 10_000 * MINUTE_MS })
        if (first === undefined || second === undefined) throw new Error('expected two jobs')
        await settleOne(store, release(second, 9_000 * MINUTE_MS))
        await open.advance(5_000 * MINUTE_MS)

        expect(await maintainAll(store)).toEqual({ reclaimed: 0, pruned: 0 })
        expect(await store.counts({ queue: QUEUE })).toMatchObject({
          pending: 2,
          scheduled: 1,
          running: 1,
        })
        expect(await settleOne(store, complete(first))).toBe('settled')
      },
      { history: { ...BY_AGE, completed: { maxAgeMs: 1, maxCount: 0 } } },
    ),

    storeCase(
      'a job an operator retried is not deleted for its former end',
      async (open) => {
        const { store } = open
        const ref = await endJob(open, 'failed', 'fail')
        await store.retry([ref])
        await open.advance(1_000 * MINUTE_MS)

        expect(await maintainAll(store)).toEqual({ reclaimed: 0, pruned: 0 })
        expect((await claimOne(store)).id).toBe('failed')
      },
      { history: BY_AGE },
    ),

    storeCase(
      'a job of each status deleted by age frees its id',
      async (open) => {
        const { store } = open
        const ref = await endJob(open, 'invoice-7', 'complete')
        await open.advance(3 * MINUTE_MS)
        await maintainAll(store)
        expect(await stateOf(store, ref)).toBeNull()

        await enqueueOne(store, { jobId: 'invoice-7' })
        expect(await claimOne(store)).toMatchObject({ id: 'invoice-7', attempts: 1 })
      },
      { history: BY_AGE },
    ),

    storeCase(
      'one round of upkeep deletes no more than its limit',
      async (open) => {
        const { store } = open
        const refs = await enqueueAll(store, newJobs(7, 'job'))
        const jobs = await claimJobs(store)
        await store.settle({ settlements: jobs.map((job) => complete(job)) })
        await open.advance(3 * MINUTE_MS)
        const rounds: number[] = []
        for (let round = 0; round < 7; round += 1) {
          rounds.push((await store.maintain({ limit: 3 })).pruned)
        }

        expect(Math.max(...rounds)).toBeLessThanOrEqual(3)
        expect(rounds.reduce((sum, count) => sum + count, 0)).toBe(7)
        expect(await store.get(refs)).toEqual(refs.map(() => null))
      },
      { history: BY_AGE },
    ),

    storeCase(
      'upkeep of any number of processes deletes each job once',
      async (open) => {
        const handles = [open.store, await open.another()]
        await enqueueAll(open.store, newJobs(40, 'job'))
        const jobs = await claimJobs(open.store)
        await open.store.settle({ settlements: jobs.map((job) => complete(job)) })
        await open.advance(3 * MINUTE_MS)
        const done = await Promise.all(
          Array.from({ length: 6 }, (_, index) => maintainAll(handles[index % 2] ?? open.store, 5)),
        )

        expect(done.reduce((sum, { pruned }) => sum + pruned, 0)).toBe(40)
      },
      { history: BY_AGE },
    ),

    storeCase(
      'upkeep run whenever the store asks for it deletes what is past its age',
      async (open) => {
        const { store } = open
        const ref = await endJob(open, 'completed', 'complete')
        const end = (await open.now()) + 3 * MINUTE_MS
        while ((await stateOf(store, ref)) !== null) {
          expect(await open.now(), 'history ends in time').toBeLessThan(end)
          const { nextInMs } = await store.maintain({ limit: 10 })
          if ((await stateOf(store, ref)) === null) break
          if (nextInMs === null) throw new Error('the store forgot that history grows old')
          await open.advance(nextInMs + 1)
        }
      },
      { history: BY_AGE },
    ),

    storeCase(
      "of completed jobs whose ids are the store's own the newest are kept, up to their count",
      async (open) => {
        const { store } = open
        const refs: JobRef[] = []
        const complete5 = async (given: Partial<NewJob> = {}) => {
          for (let n = 0; n < 5; n += 1) {
            refs.push(await enqueueOne(store, given))
            await settleOne(store, complete(await claimOne(store, { queue: given.queue ?? QUEUE })))
            await open.advance(1_000)
          }
        }
        await complete5()
        await complete5({ queue: 'another' })
        await maintainAll(store)
        await complete5()
        await maintainAll(store)

        const kept = (await store.get(refs)).map((record) => record !== null)
        expect(kept).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1].map(Boolean))
        expect(await store.counts({ queue: QUEUE })).toMatchObject({ completed: 3 })
        const listed = await store.list({ queue: 'another', limit: 10 })
        expect(listed.jobs.map(({ id }) => id)).toEqual(
          refs
            .slice(7, 10)
            .map(({ id }) => id)
            .reverse(),
        )
      },
      { history: BY_COUNT },
    ),

    storeCase(
      "completed jobs whose ids are the store's own are kept for their age and then deleted",
      async (open) => {
        const { store } = open
        const end = async () => {
          const ref = await enqueueOne(store)
          await settleOne(store, complete(await claimOne(store)))
          return ref
        }
        const old = await end()
        await open.advance(MINUTE_MS - 1)
        expect(await maintainAll(store)).toEqual({ reclaimed: 0, pruned: 0 })
        const young = await end()
        await open.advance(MINUTE_MS - 1)
        await maintainAll(store)
        expect(await stateOf(store, young)).toBe('completed')
        await open.advance(2)
        await maintainAll(store)
        expect(await stateOf(store, old)).toBeNull()
        await open.advance(MINUTE_MS)
        await maintainAll(store)
        expect(await stateOf(store, young)).toBeNull()
        expect(await store.counts({ queue: QUEUE })).toMatchObject({ completed: 0 })
      },
      { history: BY_AGE },
    ),

    storeCase(
      'completed jobs of both kinds of ids are counted together',
      async (open) => {
        const { store } = open
        const refs: JobRef[] = []
        for (let n = 0; n < 3; n += 1) {
          refs.push(await endJob(open, `chosen-${n}`, 'complete'))
          await open.advance(1_000)
          refs.push(await enqueueOne(store))
          await settleOne(store, complete(await claimOne(store)))
          await open.advance(1_000)
        }
        await maintainAll(store)

        expect((await store.get(refs)).map((record) => record !== null)).toEqual(
          [0, 0, 0, 1, 1, 1].map(Boolean),
        )
      },
      { history: BY_COUNT },
    ),

    storeCase(
      'a job ended later is kept though it was enqueued first',
      async (open) => {
        const { store } = open
        await enqueueOne(store, { jobId: 'early' })
        const early = await claimOne(store, { leaseMs: 100 * MINUTE_MS })
        for (let n = 0; n < 4; n += 1) {
          await endJob(open, `later-${n}`, 'complete')
          await open.advance(1_000)
        }
        await settleOne(store, complete(early))
        await maintainAll(store)
        const kept = await store.list({ queue: QUEUE, limit: 10 })

        expect(kept.jobs.map((job) => job.id).sort()).toEqual(['early', 'later-2', 'later-3'])
        expect(await stateOf(store, refOf(early))).toBe('completed')
      },
      { history: BY_COUNT },
    ),
  ],
}
