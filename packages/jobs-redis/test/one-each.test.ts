import { complete, retry, type JobStore } from '@cgk/jobs-core'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createRedisStore } from '../src/index.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'

let redis: TestRedis
let store: JobStore
let opened = 0
beforeAll(async () => {
  redis = await createTestRedis()
}, 600_000)
afterAll(() => redis[Symbol.asyncDispose]())
beforeEach(() => {
  store = createRedisStore({ url: redis.url, prefix: `${redis.prefix}-${opened++}` })
})
afterEach(() => store.close())

async function enqueue(tenantId: string, count: number): Promise<void> {
  const job = { queue: QUEUE, tenantId, name: 'send', payload: '{}', priority: 0 }
  await store.enqueue(Array.from({ length: count }, () => job))
}

/** The jobs whose turn it is; of those that are claimed ahead the ungoverned ones. */
async function claim(slots: number, prefetch = 0) {
  const request = { queue: QUEUE, leaseMs: 30_000, worker: 'w', suspects: false }
  return (await store.claim({ ...request, slots, prefetch })).jobs
}

async function tenantsOf(jobs: ReturnType<typeof claim>): Promise<(string | null)[]> {
  return (await jobs).map(({ tenantId }) => tenantId)
}

test('who was served ahead waits until others have had as many turns', async () => {
  const tenantId = 'limited'
  await store.setLimits([
    { scope: { queue: QUEUE, tenantId }, source: 'operator', limits: { concurrency: 9 } },
  ])
  await enqueue(tenantId, 1)
  await enqueue('ahead', 10)
  expect(await tenantsOf(claim(0, 4))).toEqual(['ahead', 'ahead', 'ahead', 'ahead'])
  expect(await tenantsOf(claim(1))).toEqual([tenantId])
  await enqueue('second', 5)
  await enqueue('third', 5)
  expect(await tenantsOf(claim(3))).toEqual(['second', 'third', 'second'])
})

test('jobs that are retried are counted as those that were never claimed', async () => {
  for (const tenantId of ['one', 'two', 'three']) await enqueue(tenantId, 1)
  const error = { message: 'once more', retryable: true }
  await store.settle({ settlements: (await claim(3)).map((job) => retry(job, error, 0)) })
  for (const left of [3, 2]) {
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, retrying: left })
    const [job] = await claim(1)
    await store.settle({ settlements: [complete(job!)] })
  }
  await claim(1)
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ running: 1, retrying: 0 })
  expect(await store.counts({ queue: QUEUE, tenantId: 'one' })).toMatchObject({
    pending: 0,
    retrying: 0,
  })
})
