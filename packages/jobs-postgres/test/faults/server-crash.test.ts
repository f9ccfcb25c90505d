import type { JobRecord } from '@cgk/jobs-core'
import { connectPostgres } from '@cgk/db'
import { createTestInstance } from '@cgk/test-servers'
import { expect, test, vi } from 'vitest'
import { createPostgresStore } from '../../src/index.ts'
import { PATIENCE, QUEUE, recordsOf, untilIdle } from './support/jobs.ts'
import { Producer } from './support/producer.ts'
import { WorkerProcess } from './support/worker-process.ts'

vi.setConfig({ testTimeout: 600_000 })

test('a server that crashes under load loses nothing that it acknowledged, and nobody has to be restarted', async ({
  skip,
}) => {
  await using server = await createTestInstance('local', skip)
  await using stack = new AsyncDisposableStack()
  const options = { url: server.url }
  const store = createPostgresStore(options)
  stack.defer(() => store.close())
  await using db = connectPostgres(options)
  await db.query('create table payment (job text, attempt int)')
  await store.ping()
  const worked = new Producer(store, { ms: 5 })
  const paid = new Producer(store, { name: 'pay', ms: 1, ids: 'payment' })
  await using worker = new WorkerProcess({ name: 'worker', store: options })

  for (const mode of ['immediate', 'kill', 'immediate'] as const) {
    const [enqueued, begun] = [worked.acknowledged.length, worker.begun.length]
    await vi.waitFor(() => {
      expect(worked.acknowledged.length).toBeGreaterThan(enqueued + 50)
      expect(worker.begun.length).toBeGreaterThan(begun + 50)
    }, PATIENCE)
    await server.stop(mode)
    await server.start()
  }
  await Promise.all([worked.stop(), paid.stop()])
  await untilIdle(store)

  expect(worker.isRunning).toBe(true)
  const ids = [...worked.acknowledged, ...paid.acknowledged]
  const records = await recordsOf(store, ids)
  expect(records.filter((record) => record?.state !== 'completed')).toEqual([])
  // What was enqueued again, because the answer never came, is there once.
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ completed: ids.length })
  const payments = await db.query('select job, count(*)::int as times from payment group by job')
  expect(payments.filter(({ times }) => times !== 1)).toEqual([])
  expect(payments).toHaveLength(paid.acknowledged.length)
  // An attempt that the crash met is made again.
  const failures = (records as readonly JobRecord[]).flatMap((record) => record.failures)
  expect(failures.filter(({ error }) => error?.retryable === false)).toEqual([])
})
