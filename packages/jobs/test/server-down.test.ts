import { createTestInstance, type PostgresInstance } from '@cgk/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createJobQueue, type JobQueue, openStore, processJobs } from '../src/index.ts'

// A server is started, where many tests run at once.
vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

/** Of a call to a store, and what a machine under load adds to it. */
const BOUND_MS = 5_000 + 2_000

let server: PostgresInstance

beforeAll(async () => {
  server = await createTestInstance('local', (reason) => {
    throw new Error(reason)
  })
})

afterAll(async () => {
  await openStore(server.url).close()
  await server[Symbol.asyncDispose]()
})

test('with a server that is down or silent, enqueue is refused in time, and may be repeated', async () => {
  await server.stop('fast')
  const queue = createJobQueue({ name: 'default', connectionString: server.url })
  const enqueue = (): Promise<unknown> => queue.enqueue('greet', {}, { jobId: 'one' })

  const began = performance.now()
  await expect(enqueue()).rejects.toMatchObject({
    code: 'JOBS_STORE_UNAVAILABLE',
    retryable: true,
    message: expect.stringContaining('ECONNREFUSED'),
  })
  expect(performance.now() - began).toBeLessThan(BOUND_MS)

  await server.start()
  await server.pause()
  const paused = performance.now()
  await expect(enqueue()).rejects.toMatchObject({ code: 'JOBS_STORE_TIMEOUT', retryable: true })
  expect(performance.now() - paused).toBeLessThan(BOUND_MS)
  server.resume()

  // The connection that was being made may still be given up.
  await vi.waitFor(enqueue, { timeout: 2 * BOUND_MS })
  expect(await queue.counts()).toMatchObject({ pending: 1 })
})

test('a processor that starts while the server is down says so once, and goes on when it is up', async () => {
  await server.stop('fast')
  const queue = createJobQueue({ name: 'greetings', connectionString: server.url })
  const said: string[] = []
  const processor = processJobs({
    queue,
    handlers: new Map([['greet', async () => ({ success: true })]]),
    logger: { warn: (message) => said.push(message), error: (message) => said.push(message) },
  })
  processor.start()
  // Each of its own calls and of ours is another try to open the store.
  let tries = 0
  await vi.waitUntil(async () => (await isRefused(queue)) && ++tries > 5 && said.length > 0, {
    timeout: 10_000,
    interval: 200,
  })
  await server.start()
  const job = await vi.waitFor(() => queue.enqueue('greet', {}), { timeout: 2 * BOUND_MS })
  await queue.waitFor(job)
  await processor.stop()
  expect(said).toEqual(['claiming failed; it is repeated'])
})

async function isRefused(queue: JobQueue): Promise<boolean> {
  return queue.counts().then(
    () => false,
    () => true,
  )
}
