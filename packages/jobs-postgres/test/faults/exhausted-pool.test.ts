import {
  createJobQueue,
  createRuntime,
  type JobQueue,
  type JobStore,
  processJobs,
} from '@cgk/jobs-core'
import { connectPostgres, type Db } from '@cgk/db'
import { createTestDatabase } from '@cgk/test-servers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { commit, createPostgresStore, withTransaction } from '../../src/index.ts'
import { newJobs, PATIENCE, QUEUE, recordsOf, untilDone, untilIdle } from './support/jobs.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

const LEASE_MS = 1_500
const CONNECTIONS = 3

let stack: AsyncDisposableStack
let url: string
let db: Db
let store: JobStore
let queue: JobQueue

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  url = stack.use(await createTestDatabase('local')).url
  db = stack.use(connectPostgres({ url }))
  store = createPostgresStore({ url, maxConnections: CONNECTIONS, acquireTimeoutMs: 1_000 })
  stack.defer(() => store.close())
  const runtime = createRuntime(undefined, { warn() {}, error() {} })
  queue = createJobQueue({ name: QUEUE, store, runtime })
})
afterEach(() => stack.disposeAsync())

/** The leases of now have been renewed `times` times, by whoever holds them. */
async function untilRenewed(times: number): Promise<void> {
  await vi.waitFor(async () => {
    const [row] = await db.query(
      'select bool_and(expires_at - started_at >= $1::bigint) as renewed from jobs.lease where live > 0',
      [LEASE_MS + (times * LEASE_MS) / 3],
    )
    expect(row).toEqual({ renewed: true })
  }, PATIENCE)
}

test('handlers that hold every connection lose no lease, and who enqueues hears of it in time', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  let holding = 0
  const processor = processJobs({
    queue,
    maxConcurrency: CONNECTIONS,
    leaseMs: LEASE_MS,
    handlers: new Map([
      [
        'hold',
        async (_, context) =>
          commit(context, async (tx) => {
            await tx.query('select 1')
            holding += 1
            await released
            return { success: true }
          }),
      ],
    ]),
  })
  stack.defer(() => processor.stop())
  await store.enqueue(newJobs(CONNECTIONS, 'job', { name: 'hold' }))
  processor.start()
  await vi.waitFor(() => expect(holding).toBe(CONNECTIONS), PATIENCE)

  const begun = performance.now()
  await expect(queue.enqueue('hold', {}, { jobId: 'late' })).rejects.toMatchObject({
    code: 'JOBS_STORE_TIMEOUT',
    retryable: true,
    cause: { code: 'DB_POOL_EXHAUSTED' },
  })
  expect(performance.now() - begun).toBeLessThan(4_000)
  await untilRenewed(6)
  release()
  await queue.enqueue('hold', {}, { jobId: 'late' })
  await untilIdle(store)
  const ids = ['job-0', 'job-1', 'job-2', 'late']
  expect(await recordsOf(store, ids)).toMatchObject(
    ids.map(() => ({ state: 'completed', attempts: 1, lostLeases: 0, failures: [] })),
  )
})

test('a thousand callers at once are all served, and cost no lease', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const processor = processJobs({
    queue,
    leaseMs: LEASE_MS,
    handlers: new Map([
      [
        'hold',
        async () => {
          await released
          return { success: true }
        },
      ],
    ]),
  })
  stack.defer(() => processor.stop())
  await store.enqueue(newJobs(5, 'held', { name: 'hold' }))
  processor.start()
  // Who waited too long for a connection is told so, and tries again.
  await Promise.all(
    newJobs(1_000, 'job', { name: 'hold' }).map((job) => untilDone(() => store.enqueue([job]))),
  )
  const { pending, running } = await store.counts({ queue: QUEUE })
  expect(pending + running).toBe(1_005)
  await untilRenewed(3)
  release()
  await untilIdle(store)
  const [held] = await recordsOf(store, ['held-0'])
  expect(held).toMatchObject({ state: 'completed', attempts: 1, lostLeases: 0 })
})

test('fifty callers’ transactions that stay open keep nobody from working', async () => {
  await using callers = connectPostgres({ url, maxConnections: 50 })
  // Each of the fifty needs one of few connections for a moment, which they have to wait for.
  store = createPostgresStore({ url, maxConnections: CONNECTIONS, acquireTimeoutMs: 30_000 })
  stack.defer(() => store.close())
  queue = createJobQueue({ name: QUEUE, store })
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  let enqueued = 0
  const processor = processJobs({
    queue,
    handlers: new Map([['work', async () => ({ success: true })]]),
  })
  stack.defer(() => processor.stop())
  processor.start()
  const open = Array.from({ length: 50 }, (_, n) =>
    callers.transaction(async (tx) => {
      await withTransaction(queue, tx).enqueue(
        'work',
        {},
        { jobId: `open-${n}`, uniqueKey: `${n}` },
      )
      enqueued += 1
      await released
    }),
  )
  await vi.waitFor(() => expect(enqueued).toBe(50), PATIENCE)
  await Promise.all(newJobs(100, 'job').map((job) => store.enqueue([job])))
  await untilIdle(store)
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ completed: 100 })
  release()
  await Promise.all(open)
  await vi.waitFor(async () => {
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ completed: 150 })
  }, PATIENCE)
})
