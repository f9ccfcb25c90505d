import { describeJobStore } from '@cgk/jobs-conformance'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { afterAll, beforeAll } from 'vitest'
import { redisHarness } from './redis-harness.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await createTestRedis()
}, 600_000)
afterAll(() => redis[Symbol.asyncDispose]())

// Some cases are thousands of calls, each of them a round trip.
describeJobStore(
  'redis',
  redisHarness(() => redis),
  { timeoutMs: 180_000 },
)
