import {
  type ClaimedJob,
  complete,
  createJobQueue,
  createRuntime,
  fail,
  type JobStore,
  processJobs,
  release,
  retry,
  type Settlement,
} from '@cgk/jobs-core'
import { connectPostgres, type Db } from '@cgk/db'
import { createTestDatabase, PostgresProxy } from '@cgk/test-servers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { commit, createPostgresStore } from '../../src/index.ts'
import { work } from '../support/idle-worker.ts'
import { claimRequest, newJobs, PATIENCE, QUEUE, recordsOf } from './support/jobs.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

const LOST = { code: 'JOBS_STORE_UNAVAILABLE', retryable: true }
const ERROR = { message: 'failed', retryable: true }
const SILENT = { warn() {}, error() {} }

let stack: AsyncDisposableStack
let db: Db
/** Hears every answer. */
let store: JobStore
let proxy: PostgresProxy
/** Behind the proxy. */
let cut: JobStore

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const { url } = stack.use(await createTestDatabase('local'))
  db = stack.use(connectPostgres({ url }))
  proxy = stack.use(await PostgresProxy.start(url))
  store = createPostgresStore({ url })
  cut = createPostgresStore({ url: proxy.url })
  for (const each of [store, cut]) {
    stack.defer(() => each.close())
    await each.ping()
  }
})
afterEach(() => stack.disposeAsync())

async function claimAll(): Promise<readonly ClaimedJob[]> {
  return (await store.claim(claimRequest())).jobs
}

test('an enqueue whose answer is lost was made, and its repeat makes no second job', async () => {
  const jobs = newJobs(3, 'job')
  const isCut = proxy.cutAfter('SELECT')
  await expect(cut.enqueue(jobs)).rejects.toMatchObject(LOST)
  await isCut
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 3 })
  expect(await cut.enqueue(jobs)).toMatchObject(
    jobs.map(({ jobId }) => ({ status: 'existing', job: { id: jobId } })),
  )
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 3 })
})

const ENDS: readonly [string, string, (job: ClaimedJob) => Settlement][] = [
  ['completion', 'completed', (job) => complete(job, '"done"')],
  [
    'completion with a follow-up',
    'completed',
    (job) => complete(job, null, { followUps: newJobs(1, 'next') }),
  ],
  ['failure', 'failed', (job) => fail(job, ERROR)],
  ['retry', 'pending', (job) => retry(job, ERROR, 60_000)],
  ['release', 'pending', (job) => release(job, 60_000)],
]

test.each(ENDS)(
  'a %s whose answer is lost was recorded, and its repeat says so',
  async (_, state, settlementOf) => {
    await store.enqueue(newJobs(2, 'job'))
    const settlements = (await claimAll()).map(settlementOf)
    const isCut = proxy.cutAfter('SELECT')
    await expect(cut.settle({ settlements })).rejects.toMatchObject(LOST)
    await isCut
    const ids = ['job-0', 'job-1', 'next-0']
    const before = await recordsOf(store, ids)
    expect(before.slice(0, 2)).toMatchObject([{ state }, { state }])
    expect(await cut.settle({ settlements })).toMatchObject({ results: ['settled', 'settled'] })
    expect(await recordsOf(store, ids)).toEqual(before)
  },
)

test('a claim whose answer is lost is given back at once, as if it had not been made', async () => {
  await store.enqueue(newJobs(5, 'job'))
  const isCut = proxy.cutAfter('SELECT')
  await expect(cut.claim(claimRequest())).rejects.toMatchObject(LOST)
  await isCut
  // Long before the leases would have ended, and without a trace of a lost worker.
  await vi.waitFor(async () => {
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 5, running: 0 })
  }, PATIENCE)
  expect((await claimAll()).map(({ attempts, lostLeases }) => [attempts, lostLeases])).toEqual(
    Array.from({ length: 5 }, () => [1, 0]),
  )
})

test.each([
  ['settlement', 0],
  ['claim', 1],
  ['claimed jobs', 2],
])(
  'of settlements and a claim, where the answer is lost from the %s on, those stand and this is given back',
  async (_, spared) => {
    await store.enqueue(newJobs(2, 'done'))
    const settlements = (await claimAll()).map((job) => complete(job))
    await store.enqueue(newJobs(2, 'next'))
    const isCut = proxy.cutAfter('SELECT', spared)
    await expect(cut.settle({ settlements, claim: claimRequest() })).rejects.toMatchObject(LOST)
    await isCut
    await vi.waitFor(async () => {
      const counts = await store.counts({ queue: QUEUE })
      expect(counts).toMatchObject({ pending: 2, running: 0, completed: 2 })
    }, PATIENCE)
    const again = await cut.settle({ settlements, claim: claimRequest() })
    expect(again.results).toEqual(['settled', 'settled'])
    expect(again.claimed!.jobs.map(({ id, lostLeases }) => [id, lostLeases])).toEqual([
      ['next-0', 0],
      ['next-1', 0],
    ])
  },
)

test('an enqueue that claims, and whose answer is lost, leaves its job to be claimed as if it had only been stored', async () => {
  const claims = work(cut, QUEUE)
  await new Promise<void>((resolve) => cut.subscribe!(({ queue }) => queue ?? resolve()))
  const isCut = proxy.cutAfter('SELECT')
  const { jobId: _, ...job } = newJobs(1, 'job')[0]!
  await expect(cut.enqueue([job])).rejects.toMatchObject(LOST)
  await isCut
  await vi.waitFor(async () => {
    const found = (await Promise.all(claims)).flatMap(({ jobs }) => jobs)
    expect(found.map(({ attempts, lostLeases }) => [attempts, lostLeases])).toEqual([[1, 0]])
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, running: 1 })
  }, PATIENCE)
})

test('a heartbeat whose answer is lost has renewed the lease, and is repeated', async () => {
  await store.enqueue(newJobs(1, 'job'))
  const [lease] = await claimAll()
  const isCut = proxy.cutAfter('SELECT')
  const extend = () => cut.extend({ leases: [lease!], leaseMs: 60_000 })
  await expect(extend()).rejects.toMatchObject(LOST)
  await isCut
  expect(await extend()).toEqual(['held'])
})

test('a commit of a handler’s whose answer is lost is looked up, and neither made nor counted again', async () => {
  await db.query('create table payment (job text)')
  const queue = createJobQueue({
    name: QUEUE,
    store: cut,
    runtime: createRuntime(undefined, SILENT),
  })
  const events: string[] = []
  for (const type of ['completed', 'attemptFailed', 'leaseLost'] as const) {
    queue.on(type, () => events.push(type))
  }
  let isCut: Promise<void> | undefined
  const processor = processJobs({
    queue,
    logger: SILENT,
    handlers: new Map([
      [
        'pay',
        async (job, context) =>
          commit(context, async (tx) => {
            await tx.query('insert into payment values ($1)', [job.id])
            isCut = proxy.cutAfter('COMMIT')
            return { success: true, data: 'paid' }
          }),
      ],
    ]),
  })
  stack.defer(() => processor.stop())
  await store.enqueue(newJobs(1, 'job', { name: 'pay' }))
  processor.start()
  await vi.waitFor(async () => {
    expect(await recordsOf(store, ['job-0'])).toMatchObject([
      { state: 'completed', result: '"paid"', attempts: 1, lostLeases: 0, failures: [] },
    ])
  }, PATIENCE)
  await isCut
  // A later settlement of the worker's would have been refused.
  await processor.stop()
  expect(events).toEqual(['completed'])
  expect(await db.query('select job from payment')).toEqual([{ job: 'job-0' }])
})

test('a worker whose connections are reset again and again completes each job once', async () => {
  await db.query('create table payment (job text)')
  const queue = createJobQueue({
    name: QUEUE,
    store: cut,
    runtime: createRuntime(undefined, SILENT),
  })
  const processor = processJobs({
    queue,
    logger: SILENT,
    maxConcurrency: 10,
    handlers: new Map([
      [
        'pay',
        async (job, context) =>
          commit(context, async (tx) => {
            await tx.query('insert into payment values ($1)', [job.id])
            return { success: true }
          }),
      ],
    ]),
  })
  stack.defer(() => processor.stop())
  await store.enqueue(newJobs(500, 'job', { name: 'pay', retryDelayMs: 1, maxAttempts: 50 }))
  processor.start()
  const completed = async () => (await store.counts({ queue: QUEUE })).completed
  for (const goal of [50, 150, 250, 350]) {
    await vi.waitFor(async () => expect(await completed()).toBeGreaterThan(goal), PATIENCE)
    proxy.reset()
  }
  await vi.waitFor(async () => expect(await completed()).toBe(500), PATIENCE)
  const paid = await db.query('select job, count(*)::int as times from payment group by job')
  expect(paid).toHaveLength(500)
  expect(paid.filter(({ times }) => times !== 1)).toEqual([])
})
