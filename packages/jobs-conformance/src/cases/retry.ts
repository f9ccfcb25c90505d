import { complete, fail, release, retry, type JobRef, type JobStore } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, idsOf, read, refOf, settleOne, stateOf } from '../claim-jobs.ts'
import { enqueueAll, enqueueOne, ERROR, newJob, newJobs, only, OTHER_TENANT } from '../new-job.ts'
import { listed } from '../listed.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

/** Enqueues a job and fails its first attempt for good. */
async function failedJob(store: JobStore, given: Parameters<typeof newJob>[0] = {}) {
  const ref = await enqueueOne(store, given)
  const jobs = await claimJobs(store)
  await settleOne(store, fail(only(jobs.filter((job) => job.id === ref.id)), ERROR))
  return ref
}

async function retryOne(store: JobStore, ref: JobRef) {
  return only(await store.retry([ref]))
}

export const retryCases: CaseGroup = {
  operation: 'retry',
  cases: [
    storeCase("an operator's retry begins a new generation with a clean slate", async (open) => {
      const { store } = open
      const created = await open.now()
      await enqueueOne(store, {
        jobId: 'invoice-7',
        payload: '{"n":1}',
        metadata: '{"m":1}',
        priority: 3,
        maxAttempts: 2,
        timeoutMs: 9_000,
      })
      await settleOne(store, release(await claimOne(store)))
      await settleOne(store, retry(await claimOne(store), ERROR, 0))
      const job = await claimOne(store)
      await store.report([{ lease: job, progress: '50', log: ['half way'] }])
      await settleOne(store, fail(job, ERROR))
      await open.advance(1_000)
      const now = await open.now()
      const result = await retryOne(store, refOf(job))

      const expected = {
        id: 'invoice-7',
        payload: '{"n":1}',
        metadata: '{"m":1}',
        priority: 3,
        maxAttempts: 2,
        timeoutMs: 9_000,
        state: 'pending',
        generation: 2,
        attempts: 0,
        releases: 0,
        lostLeases: 0,
        createdAt: created,
        updatedAt: now,
        runAt: now,
        endedAt: null,
        result: null,
        error: null,
        progress: null,
        log: [],
      }
      expect(await read(store, job)).toMatchObject(expected)
      expect(result).toEqual({ status: 'changed', job: listed(await read(store, job)) })
      expect(await claimOne(store)).toMatchObject({ id: job.id, generation: 2, attempts: 1 })
    }),

    storeCase('a cancelled job can be retried and is due now', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store, { delayMs: 86_400_000 })
      await store.cancel([ref])

      expect(await retryOne(store, ref)).toMatchObject({
        status: 'changed',
        job: { generation: 2 },
      })
      expect(await claimOne(store)).toMatchObject({ id: ref.id, attempts: 1, generation: 2 })
    }),

    storeCase('only failed and cancelled jobs are retried', async (open) => {
      const { store } = open
      await enqueueAll(store, [
        newJob({ jobId: 'completed' }),
        newJob({ jobId: 'running' }),
        newJob({ jobId: 'retrying' }),
        newJob({ jobId: 'scheduled', delayMs: 60_000 }),
      ])
      const [completed, running, retrying] = await claimJobs(store)
      if (!completed || !running || !retrying) throw new Error('expected three jobs')
      await store.settle({ settlements: [complete(completed), retry(retrying, ERROR, 60_000)] })
      const refs = [completed, running, retrying, { ...refOf(running), id: 'scheduled' }].map(refOf)
      const before = await store.get(refs)

      expect(await store.retry(refs)).toEqual(
        before.map((job) => ({ status: 'unchanged', job: listed(job!) })),
      )
      expect(await store.get(refs)).toEqual(before)
      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('a cancelled job is not retried while its worker holds it', async ({ store }) => {
      await enqueueOne(store)
      const job = await claimOne(store)
      const ref = refOf(job)
      await store.cancel([ref])
      expect(await retryOne(store, ref)).toMatchObject({
        status: 'unchanged',
        job: { state: 'cancelled', generation: 1 },
      })
      expect(await claimJobs(store)).toEqual([])

      await settleOne(store, complete(job))
      expect(await retryOne(store, ref)).toMatchObject({ status: 'changed' })
      expect(await claimOne(store)).toMatchObject({ id: ref.id, attempts: 1 })
    }),

    storeCase('a retried job goes to the end of its priority', async (open) => {
      const { store } = open
      const first = await failedJob(store, { jobId: 'first', priority: 1 })
      const second = await failedJob(store, { jobId: 'second', priority: 1 })
      await enqueueOne(store, { jobId: 'low' })
      await enqueueOne(store, { jobId: 'waiting', priority: 1 })
      await retryOne(store, second)
      await enqueueOne(store, { jobId: 'later', priority: 1 })
      await retryOne(store, first)

      expect(idsOf(await claimJobs(store))).toEqual(['waiting', 'second', 'later', 'first', 'low'])
    }),

    storeCase('tokens of an earlier generation are dead', async ({ store }) => {
      await enqueueOne(store)
      const old = await claimOne(store)
      await store.cancel([refOf(old)])
      await settleOne(store, complete(old))
      await store.retry([refOf(old)])
      await settleOne(store, complete(old, '"old"'))
      expect(await stateOf(store, old)).toBe('pending')

      const next = await claimOne(store)
      expect(await settleOne(store, complete(old, '"old"'))).toBe('lost')
      expect(await store.extend({ leases: [old], leaseMs: 5_000 })).toEqual(['lost'])
      expect(await settleOne(store, complete(next, '"new"'))).toBe('settled')
      expect(await read(store, old)).toMatchObject({ state: 'completed', result: '"new"' })
    }),

    storeCase('each retry counts one more generation', async ({ store }) => {
      const ref = await failedJob(store)
      for (const generation of [2, 3, 4]) {
        await retryOne(store, ref)
        const job = await claimOne(store)
        expect(job).toMatchObject({ generation, attempts: 1 })
        await settleOne(store, fail(job, ERROR))
      }
    }),

    storeCase('retries racing for one job begin one generation', async (open) => {
      const other = await open.another()
      const ref = await failedJob(open.store)
      const results = await Promise.all(
        [open.store, other, open.store, other].map((handle) => retryOne(handle, ref)),
      )

      expect(results.filter((result) => result.status === 'changed')).toHaveLength(1)
      expect(only(await claimJobs(open.store))).toMatchObject({ generation: 2, attempts: 1 })
    }),

    storeCase('answers come in the order of the input, hits and misses mixed', async (open) => {
      const { store } = open
      const refs = await enqueueAll(store, newJobs(3, 'job'))
      const [first, second, third] = refs
      if (!first || !second || !third) throw new Error('expected three jobs')
      await store.cancel([first, third])
      const results = await store.retry([
        third,
        { ...first, id: 'never-was' },
        second,
        first,
        { ...first, queue: 'mails' },
      ])

      expect(
        results.map((result) =>
          result.status === 'notFound' ? 'notFound' : `${result.status} ${result.job.id}`,
        ),
      ).toEqual(['changed job-2', 'notFound', 'unchanged job-1', 'changed job-0', 'notFound'])
    }),

    storeCase("a tenant cannot retry another tenant's job", async ({ store }) => {
      const ref = await failedJob(store)
      const results = await store.retry([
        { ...ref, tenantId: OTHER_TENANT },
        { ...ref, tenantId: null },
      ])

      expect(results).toEqual([{ status: 'notFound' }, { status: 'notFound' }])
      expect(await stateOf(store, ref)).toBe('failed')
    }),

    storeCase('an empty retry is answered with an empty list', async ({ store }) => {
      expect(await store.retry([])).toEqual([])
    }),
  ],
}
