import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createJobQueue, openStore, type JobQueue, type JobStore } from '@cgk/jobs'
import { createRedisStore } from '@cgk/jobs-redis'
import {
  createTestDatabase,
  createTestRedisInstance,
  PostgresProxy,
  type RedisInstance,
  type TestDatabase,
} from '@cgk/test-servers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WorkerProcess } from './worker-process.ts'

let folder: string
let database: TestDatabase
let proxy: PostgresProxy
let redis: RedisInstance

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cgk-worker-'))
  const tenants = [{ id: 'small' }, { id: 'large', store: 'big' }]
  await writeFile(join(folder, 'tenants.json'), JSON.stringify(tenants))
  database = await createTestDatabase('local')
  proxy = await PostgresProxy.start(database.url)
  redis = await createTestRedisInstance((reason) => {
    throw new Error(reason)
  })
}, 600_000)

afterAll(async () => {
  await redis[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

async function enqueue(queue: JobQueue, tenantId: string, who: string): Promise<void> {
  await queue.enqueue('greet', { who }, { tenantId })
}

test('one worker serves tenants from Postgres and from Redis, and those of one while the other is away', async () => {
  await using stack = new AsyncDisposableStack()
  const queueOf = (store: JobStore): JobQueue => {
    stack.defer(() => store.close())
    return createJobQueue({ name: 'default', store })
  }
  const small = queueOf(openStore(database.url))
  const large = queueOf(createRedisStore({ url: redis.url }))
  const env = { MAIN: proxy.url, BIG: redis.url, TENANTS: join(folder, 'tenants.json') }
  const worker = stack.use(
    new WorkerProcess(['run', '--config', 'two-stores.config.ts', '--health-port', '0'], { env }),
  )
  const { port, host } = await worker.untilLogged('serving')
  const stores = async (): Promise<unknown> => {
    const response = await fetch(`http://${String(host)}:${String(port)}/readyz`)
    return response.json()
  }

  await enqueue(small, 'small', 'ada')
  await enqueue(large, 'large', 'bob')
  await worker.untilPrinted('greeted ada of small')
  await worker.untilPrinted('greeted bob of large')
  const completed = async (): Promise<readonly number[]> =>
    Promise.all([small, large].map(async (queue) => (await queue.counts()).completed))
  await expect.poll(completed).toEqual([1, 1])
  expect(await stores()).toMatchObject({ status: 'ready', stores: { main: 'up', big: 'up' } })

  redis.pause()
  await enqueue(small, 'small', 'cy')
  await worker.untilPrinted('greeted cy of small')
  await expect
    .poll(stores, { timeout: 20_000 })
    .toMatchObject({
      status: 'ready',
      stores: { main: 'up', big: expect.not.stringMatching('up') as string },
    })
  redis.resume()
  await enqueue(large, 'large', 'di')
  await worker.untilPrinted('greeted di of large')

  proxy.silenceAll(true)
  await enqueue(small, 'small', 'eve')
  await enqueue(large, 'large', 'flo')
  await worker.untilPrinted('greeted flo of large')
  expect(worker.printed).not.toContain('greeted eve of small')
  proxy.silenceAll(false)
  proxy.reset()
  await worker.untilPrinted('greeted eve of small')
  await expect.poll(completed, { timeout: 20_000 }).toEqual([3, 3])

  worker.kill('SIGTERM')
  expect(await worker.exitCode()).toBe(0)
})
