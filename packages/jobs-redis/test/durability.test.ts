import { complete, type JobStore } from '@cgk/jobs-core'
import { createTestRedisInstance, type RedisInstance } from '@cgk/test-servers'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createRedisStore, type DurabilityOptions } from '../src/index.ts'

vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
const JOB = { queue: QUEUE, tenantId: null, name: 'send', payload: '{}', priority: 0 }
const CLAIM = {
  queue: QUEUE,
  slots: 1,
  prefetch: 0,
  leaseMs: 60_000,
  worker: 'w',
  suspects: false,
}

let server: RedisInstance
let stores: JobStore[] = []
let opened = 0
beforeAll(async () => {
  server = await createTestRedisInstance(
    (reason) => {
      throw new Error(reason)
    },
    { appendonly: 'yes' },
  )
}, 600_000)
afterAll(() => server[Symbol.asyncDispose]())
afterEach(async () => {
  for (const store of stores) await store.close()
  stores = []
})

function openStore(prefix: string, durability: DurabilityOptions = {}): JobStore {
  const store = createRedisStore({ url: server.url, prefix, ...durability })
  stores.push(store)
  return store
}

async function majorAndMinor(): Promise<number> {
  const info = String(await server.command('INFO', 'server'))
  // Valkey says of which Redis it is.
  return Number(/redis_version:(\d+\.\d+)/.exec(info)?.[1])
}

test('what no replica has is told to be unconfirmed, and is there', async () => {
  const prefix = `wait-${opened++}`
  const store = openStore(prefix, { waitReplicas: 1, waitTimeoutMs: 20 })
  const unconfirmed = { code: 'JOBS_STORE_UNCONFIRMED', retryable: true }
  await expect(store.enqueue([JOB])).rejects.toMatchObject(unconfirmed)
  expect((await store.counts({ queue: QUEUE })).pending).toBe(1)

  // A claim of which its worker never hears is given back.
  await expect(store.claim(CLAIM)).rejects.toMatchObject(unconfirmed)
  await expect
    .poll(() => store.counts({ queue: QUEUE }), { timeout: 10_000 })
    .toMatchObject({ pending: 1, running: 0 })

  const other = openStore(prefix)
  const { jobs } = await other.claim(CLAIM)
  const settle = { settlements: jobs.map((job) => complete(job)) }
  await expect(store.settle(settle)).rejects.toMatchObject(unconfirmed)
  expect((await other.settle(settle)).results).toEqual(['settled'])
})

test('what is on the disk is confirmed by a server that can say so', async ({ skip }) => {
  const version = await majorAndMinor()
  if (version < 7.2) skip(`WAITAOF needs Redis 7.2, and this is ${version}`)
  const store = openStore(`wait-${opened++}`, { waitAof: { local: 1, replicas: 0 } })
  expect(await store.enqueue([JOB])).toMatchObject([{ status: 'enqueued' }])
  const more = openStore(`wait-${opened++}`, {
    waitAof: { local: 1, replicas: 1 },
    waitTimeoutMs: 20,
  })
  await expect(more.enqueue([JOB])).rejects.toMatchObject({ code: 'JOBS_STORE_UNCONFIRMED' })
})

test('a server that cannot say what is on the disk is refused', async ({ skip }) => {
  const version = await majorAndMinor()
  if (version >= 7.2) skip(`WAITAOF is there since Redis 7.2, and this is ${version}`)
  const store = openStore(`wait-${opened++}`, { waitAof: { local: 1, replicas: 0 } })
  await expect(store.enqueue([JOB])).rejects.toMatchObject({
    code: 'JOBS_INVALID_CONFIG',
    message: expect.stringContaining('Redis 7.2') as string,
  })
})

test.each([
  [{ waitReplicas: -1 }, 'waitReplicas must be a whole number from 0, not -1'],
  [{ waitAof: { local: 2 as 1, replicas: 0 } }, 'waitAof.local must be a whole number from 0 to 1'],
  [{ waitTimeoutMs: 0 }, 'waitTimeoutMs must be a whole number from 1 to 5000, not 0'],
])('what means nothing is refused: %j', (durability, message) => {
  expect(() => openStore('refused', durability)).toThrow(message)
})
