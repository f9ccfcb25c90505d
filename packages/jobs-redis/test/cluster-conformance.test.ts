import { describeJobStore } from '@cgk/jobs-conformance'
import { createTestRedisCluster, type RedisCluster } from '@cgk/test-servers'
import { afterAll, beforeAll } from 'vitest'
import { clusterHarness } from './redis-harness.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await createTestRedisCluster((reason) => {
    throw new Error(reason)
  })
}, 600_000)
afterAll(() => cluster[Symbol.asyncDispose]())

describeJobStore(
  'redis cluster',
  clusterHarness(() => cluster),
  { timeoutMs: 180_000 },
)
