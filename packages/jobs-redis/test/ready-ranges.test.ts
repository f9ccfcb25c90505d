import { type JobStore } from '@cgk/jobs-core'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createRedisStore } from '../src/index.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
const job = { queue: QUEUE, tenantId: 'acme', name: 'send', payload: '{}', priority: 0 }

let redis: TestRedis
let store: JobStore
beforeAll(async () => {
  redis = await createTestRedis()
  store = createRedisStore({ url: redis.url, prefix: redis.prefix })
}, 600_000)
afterAll(async () => {
  await store.close()
  await redis[Symbol.asyncDispose]()
})

test('a lane out of which every other job was removed takes up and gives jobs', async () => {
  const COUNT = 9_000
  const taken = await store.enqueue(Array.from({ length: COUNT }, () => job))
  const refs = taken.map((result) => ({
    queue: QUEUE,
    tenantId: job.tenantId,
    id: result.status === 'enqueued' ? result.id : '',
  }))
  await store.remove(refs.filter((_, place) => place % 2 === 1))
  await store.enqueue([{ ...job, name: 'urgent', priority: 1 }])
  const request = { queue: QUEUE, leaseMs: 30_000, worker: 'w', suspects: false, prefetch: 0 }
  const { jobs } = await store.claim({ ...request, slots: COUNT })
  const kept = refs.filter((_, place) => place % 2 === 0)
  expect(jobs[0]?.name).toBe('urgent')
  expect(jobs.slice(1).map(({ id }) => id)).toEqual(kept.map(({ id }) => id))
})
