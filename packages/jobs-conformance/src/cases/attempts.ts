import { complete, fail, MAX_FAILURES, release, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, claimSuspect, read, refOf, settleOne } from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, ERROR, newJob, newJobs, only, QUEUE, TENANT } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

const HEADERS = '{"trace":"a-1","Über":"é 🚀"}'

/** What a job carries from one attempt to the next. */
export const attemptsCases: CaseGroup = {
  operation: 'attempts',
  cases: [
    storeCase('failed attempts are noted with error, times and worker', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store)
      const expected = []
      for (const [index, worker] of ['worker-a', 'worker-b', 'worker-c'].entries()) {
        await open.advance(100)
        const startedAt = await open.now()
        const job = await claimOne(store, { worker })
        await open.advance(40 + index)
        const endedAt = await open.now()
        const error = { message: `refused ${index}`, retryable: index < 2, code: 'NO' }
        await settleOne(store, index < 2 ? retry(job, error, 0) : fail(job, error))
        expected.push({ attempt: index + 1, generation: 1, startedAt, endedAt, worker, error })
      }

      expect((await read(store, ref)).failures).toEqual(expected)
    }),

    storeCase('a lost lease is noted without an error', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store)
      const startedAt = await open.now()
      await loseWorker(open, { worker: 'gone' })
      const endedAt = await open.now()

      expect((await read(store, ref)).failures).toEqual([
        { attempt: 1, generation: 1, startedAt, endedAt, worker: 'gone', error: null },
      ])
    }),

    storeCase('attempts given back, refused or completed are no failures', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store)
      await settleOne(store, release(await claimOne(store)))
      const job = await claimOne(store)
      await settleOne(store, fail({ ...job, token: `${job.token}x` }, ERROR))
      await settleOne(store, complete(job))
      await settleOne(store, fail(job, ERROR))

      expect((await read(store, ref)).failures).toEqual([])
    }),

    storeCase('a settlement repeated notes its failure once', async ({ store }) => {
      const ref = await enqueueOne(store)
      const settlement = retry(await claimOne(store), ERROR, 0)
      expect(await settleOne(store, settlement)).toBe('settled')
      expect(await settleOne(store, settlement)).toBe('settled')

      expect((await read(store, ref)).failures).toHaveLength(1)
    }),

    storeCase('of many failures the newest are kept, across generations', async ({ store }) => {
      const ref = await enqueueOne(store)
      for (let attempt = 1; attempt <= MAX_FAILURES; attempt += 1) {
        await settleOne(store, retry(await claimOne(store), ERROR, 0))
      }
      await settleOne(store, fail(await claimOne(store), ERROR))
      await store.retry([ref])
      await settleOne(store, retry(await claimOne(store), ERROR, 0))
      const { failures } = await read(store, ref)

      expect(failures).toHaveLength(MAX_FAILURES)
      expect(failures[0]).toMatchObject({ attempt: 3, generation: 1 })
      expect(failures.at(-2)).toMatchObject({ attempt: MAX_FAILURES + 1, generation: 1 })
      expect(failures.at(-1)).toMatchObject({ attempt: 1, generation: 2 })
    }),

    storeCase('failures stay when a later attempt completes', async ({ store }) => {
      const ref = await enqueueOne(store)
      await settleOne(store, retry(await claimOne(store), ERROR, 0))
      await settleOne(store, complete(await claimOne(store)))

      expect(await read(store, ref)).toMatchObject({ state: 'completed', error: null })
      expect((await read(store, ref)).failures).toMatchObject([{ attempt: 1, error: ERROR }])
    }),

    storeCase('failures, effects and log are shown by `get`, and in lists not', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store)
      const job = await claimOne(store)
      await store.report([{ lease: job, log: ['line'], effects: { charge: '1' } }])
      await settleOne(store, retry(job, ERROR, 60_000))

      expect(await read(store, ref)).toMatchObject({ log: ['line'], effects: { charge: '1' } })
      const { jobs } = await store.list({ queue: QUEUE, limit: 10 })
      expect(only(jobs)).toMatchObject({ log: [], failures: [], effects: null })
    }),

    storeCase('a job names the worker that claimed it last', async ({ store }) => {
      const ref = await enqueueOne(store)
      expect((await read(store, ref)).worker).toBeNull()
      const job = await claimOne(store, { worker: 'host-1:42' })
      expect(job.worker).toBe('host-1:42')
      await settleOne(store, complete(job))

      expect((await read(store, ref)).worker).toBe('host-1:42')
    }),

    storeCase('headers come back byte for byte and travel through retries', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store, { headers: HEADERS })
      expect((await read(store, ref)).headers).toBe(HEADERS)
      const first = await claimOne(store)
      expect(first.headers).toBe(HEADERS)
      await settleOne(store, retry(first, ERROR, 0))
      const second = await claimOne(store)
      await settleOne(store, fail(second, ERROR))
      await store.retry([ref])

      expect(second.headers).toBe(HEADERS)
      expect((await claimOne(store)).headers).toBe(HEADERS)
    }),

    storeCase('a job without headers has none', async ({ store }) => {
      await enqueueOne(store)
      expect((await claimOne(store)).headers).toBeNull()
    }),

    storeCase('a settlement may replace the headers, a refused one does not', async ({ store }) => {
      const ref = await enqueueOne(store, { headers: HEADERS })
      const first = await claimOne(store)
      await settleOne(store, { ...retry(first, ERROR, 0), headers: '{"trace":"b"}' })
      expect((await read(store, ref)).headers).toBe('{"trace":"b"}')
      const second = await claimOne(store)
      await settleOne(store, { ...release(first), headers: '{"trace":"stale"}' })
      expect((await read(store, ref)).headers).toBe('{"trace":"b"}')
      await settleOne(store, { ...release(second), headers: '{"trace":"c"}' })

      expect((await claimOne(store)).headers).toBe('{"trace":"c"}')
    }),

    storeCase('follow-ups bring their own headers', async ({ store }) => {
      await enqueueOne(store, { headers: HEADERS })
      const followUps = [newJob({ name: 'next', headers: '{"trace":"x"}' }), newJob()]
      await settleOne(store, complete(await claimOne(store), null, { followUps }))
      const claimed = await claimJobs(store)

      expect(claimed.map(({ headers }) => headers)).toEqual(['{"trace":"x"}', null])
    }),

    storeCase('what an attempt remembers the next one is given', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const first = await claimOne(store)
      expect(first.effects).toBeNull()
      expect(await store.report([{ lease: first, effects: { charge: '{"id":1.0}' } }])).toEqual([
        true,
      ])
      await settleOne(store, retry(first, ERROR, 0))
      const second = await claimOne(store)
      expect(second.effects).toEqual({ charge: '{"id":1.0}' })
      await store.report([{ lease: second, effects: { mail: '"sent"' } }])
      await settleOne(store, release(second))

      expect((await claimOne(store)).effects).toEqual({ charge: '{"id":1.0}', mail: '"sent"' })
    }),

    storeCase('what is remembered stays as it was first', async ({ store }) => {
      const ref = await enqueueOne(store)
      const job = await claimOne(store)
      await store.report([
        { lease: job, effects: { charge: '1' } },
        { lease: job, effects: { charge: '2', mail: '3' } },
      ])

      expect((await read(store, ref)).effects).toEqual({ charge: '1', mail: '3' })
    }),

    storeCase('what is remembered outlives a lost worker and an end', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store)
      const lost = await claimOne(store)
      await store.report([{ lease: lost, effects: { charge: '1' } }])
      await open.advance(60_000)
      await store.maintain({ limit: 10 })
      const suspect = await claimSuspect(store)
      expect(suspect.effects).toEqual({ charge: '1' })
      await settleOne(store, fail(suspect, ERROR))
      await store.retry([ref])

      expect((await claimOne(store)).effects).toEqual({ charge: '1' })
    }),

    storeCase('a stale lease remembers nothing, nor a cancelled job', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      const [first, second] = await claimJobs(store)
      if (first === undefined || second === undefined) throw new Error('expected two jobs')
      await settleOne(store, retry(first, ERROR, 0))
      await store.cancel([refOf(second)])
      const answers = await store.report([
        { lease: first, effects: { charge: '1' } },
        { lease: second, effects: { charge: '1' } },
      ])

      expect(answers).toEqual([false, false])
      const records = await store.get([refOf(first), refOf(second)])
      expect(records.map((record) => record?.effects)).toEqual([null, null])
    }),

    storeCase('effects of one job are not those of another', async ({ store }) => {
      await enqueueAll(store, [
        newJob({ jobId: 'same' }),
        newJob({ jobId: 'same', tenantId: null }),
      ])
      const claimed = await claimJobs(store)
      const own = claimed.find((job) => job.tenantId === TENANT)
      await store.report([{ lease: own!, effects: { ['__proto__x']: '1', constructor: '2' } }])
      const records = await store.get([
        { queue: QUEUE, tenantId: TENANT, id: 'same' },
        { queue: QUEUE, tenantId: null, id: 'same' },
      ])

      expect(records[0]?.effects).toEqual({ ['__proto__x']: '1', constructor: '2' })
      expect(records[1]?.effects).toBeNull()
    }),
  ],
}
