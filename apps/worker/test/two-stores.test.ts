import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createTestDatabase,
  createTestRedisInstance,
  PostgresProxy,
  type RedisInstance,
  type TestDatabase,
} from '@cgk/test-servers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jobLines, runToEnd, WorkerProcess } from './worker-process.ts'

let folder: string
let database: TestDatabase
let proxy: PostgresProxy
let redis: RedisInstance

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cgk-worker-'))
  const tenants = [{ id: 'rawdog' }, { id: 'meliusly', store: 'big' }]
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

/** Enqueues a greeting from a process of its own. */
async function greet(storeUrl: string, who: string, tenantId: string): Promise<void> {
  const args = ['enqueue', '--file', '-', '--store', storeUrl]
  const input = jobLines({ name: 'greet', payload: { who }, tenantId })
  expect((await runToEnd(args, { input })).exitCode).toBe(0)
}

test('one worker serves tenants from Postgres and from Redis, and those of one while the other is away', async () => {
  const env = { MAIN: proxy.url, BIG: redis.url, TENANTS: join(folder, 'tenants.json') }
  await using worker = new WorkerProcess(
    ['run', '--config', 'two-stores.config.ts', '--health-port', '0'],
    { env },
  )
  const { port, host } = await worker.untilLogged('serving')
  const stores = async (): Promise<unknown> => {
    const response = await fetch(`http://${String(host)}:${String(port)}/readyz`)
    return response.json()
  }

  await greet(database.url, 'ada', 'rawdog')
  await greet(redis.url, 'bob', 'meliusly')
  await worker.untilPrinted('greeted ada of rawdog')
  await worker.untilPrinted('greeted bob of meliusly')
  expect(await stores()).toMatchObject({ status: 'ready', stores: { main: 'up', big: 'up' } })

  redis.pause()
  await greet(database.url, 'cy', 'rawdog')
  await worker.untilPrinted('greeted cy of rawdog')
  await expect.poll(stores, { timeout: 20_000 }).toMatchObject({
    status: 'ready',
    stores: { main: 'up', big: expect.not.stringMatching('up') as string },
  })
  redis.resume()
  await greet(redis.url, 'di', 'meliusly')
  await worker.untilPrinted('greeted di of meliusly')

  proxy.silenceAll(true)
  await greet(database.url, 'eve', 'rawdog')
  await greet(redis.url, 'flo', 'meliusly')
  await worker.untilPrinted('greeted flo of meliusly')
  expect(worker.printed).not.toContain('greeted eve of rawdog')
  proxy.silenceAll(false)
  proxy.reset()
  await worker.untilPrinted('greeted eve of rawdog')

  worker.kill('SIGTERM')
  expect(await worker.exitCode()).toBe(0)
  expect(worker.printed.slice(-2)).toEqual(['rawdog: 3 completed', 'meliusly: 3 completed'])
})
