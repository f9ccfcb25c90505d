import { createJobQueue, createRuntime } from '@cgk/jobs-core'
import { connectPostgres } from '@cgk/db'
import { createTestDatabase } from '@cgk/test-servers'
import { expect, test, vi } from 'vitest'
import { createPostgresStore, withTransaction } from '../../src/index.ts'
import { PATIENCE, QUEUE } from './support/jobs.ts'

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
