import { createJobQueue, createRuntime, type JobStore } from '@cgk/jobs-core'
import { createTestInstance, type PostgresInstance } from '@cgk/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createPostgresStore } from '../../src/index.ts'
import { newJobs, PATIENCE, QUEUE, untilDone, untilIdle } from './support/jobs.ts'
import { WorkerProcess } from './support/worker-process.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 600_000 })

const stack = new AsyncDisposableStack()
let server: PostgresInstance

beforeAll(async () => {
  server = stack.use(
    await createTestInstance('local', (reason) => {
      throw new Error(reason)
    }),
  )
})
afterAll(() => stack.disposeAsync())

/** Two stores, of which one was used before. */
async function openStores(): Promise<readonly [JobStore, JobStore]> {
  const used = open()
  await used.ping()
  return [used, open()]
}

function open(): JobStore {
  const store = createPostgresStore({ url: server.url })
  stack.defer(() => store.close())
  return store
}

interface Refusal {
  readonly error: unknown
  readonly tookMs: number
}

/** What a producer's call rejects with, and how long that takes. Whether the job was made for all that is unknown. */
async function refusal(store: JobStore): Promise<Refusal> {
  const runtime = createRuntime(undefined, { warn() {}, error() {} })
  const queue = createJobQueue({ name: QUEUE, store, runtime })
  const begun = performance.now()
  const error = await queue.enqueue('work', { ms: 0 }, { jobId: 'job-0' }).then(
    () => expect.unreachable('it should have been refused'),
    (reason: unknown) => reason,
  )
  return { error, tookMs: performance.now() - begun }
}

test('a server that is down refuses who enqueues at once, used before or not', async () => {
  const stores = await openStores()
  await server.stop('immediate')
  for (const { error, tookMs } of await Promise.all(stores.map(refusal))) {
    expect(error).toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE', retryable: true })
    expect(tookMs).toBeLessThan(2_000)
  }

  await server.start()
  for (const store of stores) await untilDone(() => store.enqueue(newJobs(1, 'job')))
  expect(await stores[0].counts({ queue: QUEUE })).toMatchObject({ pending: 1 })
})

test('a server that says nothing costs who enqueues a deadline and no more, used before or not', async () => {
  const stores = await openStores()
  await server.pause()
  for (const { error, tookMs } of await Promise.all(stores.map(refusal))) {
    expect(error).toMatchObject({
      code: expect.stringMatching(/^JOBS_STORE_(TIMEOUT|UNAVAILABLE)$/) as string,
      retryable: true,
    })
    expect(tookMs).toBeLessThan(8_000)
  }

  server.resume()
  for (const store of stores) await untilDone(() => store.enqueue(newJobs(1, 'job')))
  expect(await stores[0].counts({ queue: QUEUE })).toMatchObject({ pending: 1 })
})

test('a worker that is started before the database tells of it, and works when it is there', async () => {
  const [store] = await openStores()
  await server.stop('fast')
  await using worker = new WorkerProcess({ name: 'worker', store: { url: server.url } })
  await vi.waitFor(() => expect(worker.told.join('\n')).toContain('ECONNREFUSED'), PATIENCE)
  await server.start()
  await untilDone(() => store.enqueue(newJobs(3, 'work')))
  await untilIdle(store)
  expect(worker.begun).toEqual(expect.arrayContaining(['work-0', 'work-1', 'work-2']))
  expect(worker.isRunning).toBe(true)
})

test('a worker whose schema is older tells of it, and works when somebody has migrated it', async () => {
  const options = { url: server.url, schema: 'older' }
  await using worker = new WorkerProcess({
    name: 'worker',
    store: { ...options, migrate: 'manual' },
  })
  await vi.waitFor(() => expect(worker.told.join('\n')).toContain('is of version 0'), PATIENCE)
  const store = createPostgresStore(options)
  stack.defer(() => store.close())
  await store.enqueue(newJobs(1, 'job'))
  await vi.waitFor(() => expect(worker.begun).toEqual(['job-0']), PATIENCE)
})
