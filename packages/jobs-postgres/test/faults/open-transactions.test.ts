import { complete, createJobQueue, createRuntime } from '@cgk/jobs-core'
import { connectPostgres, type Db, type Transaction } from '@cgk/db'
import { createTestDatabase } from '@cgk/test-servers'
import { expect, test, vi } from 'vitest'
import { createPostgresStore, withTransaction } from '../../src/index.ts'
import { completeAttempt } from '../../src/operations/complete-attempt.ts'
import { claimRequest, newJobs, PATIENCE, QUEUE } from './support/jobs.ts'

vi.setConfig({ testTimeout: 60_000 })

test('who wants an id that somebody’s open transaction has waits for it, and the other callers of its process do not', async () => {
  await using database = await createTestDatabase('local')
  await using db = connectPostgres({ url: database.url })
  await using stack = new AsyncDisposableStack()
  const store = createPostgresStore({ url: database.url })
  stack.defer(() => store.close())
  const runtime = createRuntime(undefined, { warn() {}, error() {} })
  const queue = createJobQueue({ name: QUEUE, store, runtime })
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: committed, resolve: commit } = Promise.withResolvers<void>()
  const transaction = db.transaction(async (tx) => {
    await withTransaction(queue, tx).enqueue('work', {}, { jobId: 'held' })
    begin()
    await committed
  })
  await begun
  let isStored = false
  const held = queue.enqueue('work', {}, { jobId: 'held' }).finally(() => {
    isStored = true
  })
  await vi.waitFor(async () => {
    const waiting = `select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like '%enqueue_jobs%'`
    expect(await db.query(waiting)).toHaveLength(1)
  }, PATIENCE)

  for (let n = 0; n < 4; n += 1) {
    await Promise.all([
      queue.enqueue('work', {}),
      queue.enqueue('work', {}, { jobId: `free-${n}` }),
    ])
  }
  expect(isStored).toBe(false)
  commit()
  await transaction
  expect(await held).toMatchObject({ id: 'held' })
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 9 })
})

/** Begins a transaction and does this in it; what it returns commits. */
async function heldOpen(db: Db, fn: (tx: Transaction) => Promise<unknown>) {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: committed, resolve: commit } = Promise.withResolvers<void>()
  const transaction = db.transaction(async (tx) => {
    await fn(tx)
    begin()
    await committed
  })
  await Promise.race([begun, transaction])
  return async () => {
    commit()
    await transaction
  }
}

test('a limit waits for the open transaction in which a job ends, and claims do not wait for the limit', async () => {
  await using database = await createTestDatabase('local')
  await using db = connectPostgres({ url: database.url })
  await using stack = new AsyncDisposableStack()
  const store = createPostgresStore({ url: database.url })
  stack.defer(() => store.close())
  await store.enqueue(newJobs(2, 'job'))
  const { jobs } = await store.claim(claimRequest({ slots: 1 }))
  const commit = await heldOpen(db, (tx) => completeAttempt('jobs', tx, complete(jobs[0]!)))
  let isSet = false
  const scope = { queue: QUEUE }
  const limiting = store
    .setLimits([{ scope, source: 'operator', limits: { concurrency: 1 } }])
    .finally(() => {
      isSet = true
    })
  await vi.waitFor(
    async () => {
      const waiting = `select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`
      expect(await db.query(waiting)).toHaveLength(1)
    },
    { timeout: 30_000, interval: 5 },
  )

  expect((await store.claim(claimRequest({ slots: 1 }))).jobs).toHaveLength(1)
  expect(isSet).toBe(false)
  await commit()
  await limiting
  expect(await store.getLimits([scope])).toMatchObject([{ leased: 1 }])
})

test('upkeep passes over the window of a key that an open transaction has locked', async () => {
  await using database = await createTestDatabase('local')
  await using db = connectPostgres({ url: database.url })
  await using stack = new AsyncDisposableStack()
  const store = createPostgresStore({ url: database.url })
  stack.defer(() => store.close())
  const unique = { key: 'key', ifTaken: 'keep', windowMs: 60_000 } as const
  await store.enqueue(newJobs(1, 'job', { unique }))
  const { jobs } = await store.claim(claimRequest())
  await store.settle({ settlements: [complete(jobs[0]!)] })
  const windows = async () => (await db.query('select from jobs.named where kind = 2')).length
  await db.query('update jobs.named set held_until = 1 where kind = 2')
  const commit = await heldOpen(db, (tx) =>
    tx.query('select from jobs.named where kind = 2 for update'),
  )

  await store.maintain({ limit: 100 })
  expect(await windows()).toBe(1)
  await commit()
  await store.maintain({ limit: 100 })
  expect(await windows()).toBe(0)
})
