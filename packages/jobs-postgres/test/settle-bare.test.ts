import { type ClaimedJob, complete, type JobStore, type NewJob } from '@cgk/jobs-core'
import { connectPostgres, type Db } from '@cgk/db'
import { createTestDatabase } from '@cgk/test-servers'
import { expect, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { claimRequest, QUEUE } from './faults/support/jobs.ts'
import { untilWaits } from './support/until-waits.ts'

vi.setConfig({ testTimeout: 120_000 })

const JOB: NewJob = { queue: QUEUE, tenantId: null, name: 'work', payload: '1', priority: 0 }

async function openStore(stack: AsyncDisposableStack) {
  const { url } = stack.use(await createTestDatabase('local'))
  const db = stack.use(connectPostgres({ url }))
  const store = createPostgresStore({ url })
  stack.defer(() => store.close())
  return { db, store }
}

/** Completes two jobs, and does something once both are copied and neither is deleted yet. */
async function completeTwo(
  db: Db,
  store: JobStore,
  meanwhile: (second: ClaimedJob) => Promise<void>,
) {
  await store.enqueue([JOB, JOB])
  const { jobs } = await store.claim(claimRequest())
  const settlements = jobs.map((job) => complete(job))
  const settling = await db.transaction(async (tx) => {
    await tx.query('select from jobs.job order by id limit 1 for update')
    const settled = store.settle({ settlements })
    await untilWaits(db, 'settle_bare')
    await meanwhile(jobs[1]!)
    return { settled }
  })
  return { jobs, results: (await settling.settled).results }
}

test('a job that is cancelled while it is completed is cancelled, and what was to be completed with it is completed', async () => {
  await using stack = new AsyncDisposableStack()
  const { db, store } = await openStore(stack)
  const { jobs, results } = await completeTwo(db, store, async (second) => {
    await store.cancel([second])
  })
  expect(results).toEqual(['settled', 'cancelled'])
  const records = await store.get(jobs)
  expect(records.map((record) => record?.state)).toEqual(['completed', 'cancelled'])
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ completed: 1, cancelled: 1 })
})

test('what is reported of a job while it is completed is in its record, or refused', async () => {
  await using stack = new AsyncDisposableStack()
  const { db, store } = await openStore(stack)
  let reported: Promise<readonly boolean[]> | undefined
  const { jobs, results } = await completeTwo(db, store, async (second) => {
    reported = store.report([{ lease: second, progress: '50' }])
    await untilWaits(db, 'report')
  })
  expect(results).toEqual(['settled', 'settled'])
  expect(await reported).toEqual([false])
  expect(await store.get(jobs)).toMatchObject([{ progress: null }, { progress: null }])
})

test('of several jobs that are reported of, those with the lower ids are held first', async () => {
  await using stack = new AsyncDisposableStack()
  const { db, store } = await openStore(stack)
  await store.enqueue([JOB, JOB])
  const [first, second] = (await store.claim(claimRequest())).jobs
  const reports = [second!, first!].map((lease, place) => ({ lease, progress: `${place}` }))
  const { reported } = await db.transaction(async (tx) => {
    await tx.query('select from jobs.job order by id limit 1 for update')
    const reported = store.report(reports)
    await untilWaits(db, 'report')
    await tx.query('select from jobs.job order by id desc limit 1 for update nowait')
    return { reported }
  })
  expect(await reported).toEqual([true, true])
  expect(await store.get([first!, second!])).toMatchObject([{ progress: '1' }, { progress: '0' }])
})
