import { type JobStore, type NewJob, parseJobId } from '@cgk/jobs-core'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openRedisStore } from '../src/redis-store.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'

let redis: TestRedis
let store: JobStore
let now: number
let opened = 0
beforeAll(async () => {
  redis = await createTestRedis()
}, 600_000)
afterAll(() => redis[Symbol.asyncDispose]())
beforeEach(() => {
  now = Date.now()
  const prefix = `${redis.prefix}-${opened++}`
  store = openRedisStore({ url: redis.url, prefix }, { now: () => now })
})
afterEach(() => store.close())

async function enqueue(name: string, more: Partial<NewJob> = {}) {
  const job = { queue: QUEUE, tenantId: 't', name, payload: '{}', priority: 0, ...more }
  const [result] = await store.enqueue([job])
  return result!
}

async function claimedNames(): Promise<string[]> {
  const request = { queue: QUEUE, slots: 10, prefetch: 0, leaseMs: 30_000, worker: 'w' }
  const { jobs } = await store.claim({ ...request, suspects: false })
  return jobs.map(({ name }) => name)
}

test('what came due before a job that comes alone is before it', async () => {
  await enqueue('first')
  await enqueue('delayed', { delayMs: 1_000 })
  now += 2_000
  await enqueue('alone')
  expect(await claimedNames()).toEqual(['first', 'delayed', 'alone'])
})

test('a job that comes alone has an id of its own where somebody guessed that of the next', async () => {
  const before = await enqueue('first')
  const id = before.status === 'enqueued' ? before.id : ''
  const next = `${id.slice(0, -10)}${(Number(`0x${id.slice(-10)}`) + 2).toString(16).padStart(10, '0')}`
  expect(parseJobId(next)).not.toBeNull()
  await enqueue('guessed', { jobId: next })
  expect(await enqueue('alone')).not.toMatchObject({ id: next })
})
