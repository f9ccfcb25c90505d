import { describeJobStore } from '@cgk/jobs-conformance'
import { complete } from '@cgk/jobs-core'
import {
  createTestRedisCluster,
  createTestRedisInstance,
  createTestRedisSentinel,
  type RedisInstance,
} from '@cgk/test-servers'
import { afterAll, expect, test } from 'vitest'
import { createRedisStore } from '../src/index.ts'
import { redisHarness } from './redis-harness.ts'
import { untilDone } from './until-done.ts'

const MODEL_RUNS = 5
const JOB = { queue: 'orders', tenantId: 'acme', name: 'send', payload: '{}', priority: 0 }

class Missing extends Error {}

async function valkey(): Promise<RedisInstance | Missing> {
  const missing = (reason: string): never => {
    throw new Missing(reason)
  }
  try {
    return await createTestRedisInstance(missing, {}, 'valkey-server')
  } catch (error) {
    if (error instanceof Missing) return error
    throw error
  }
}

const server = await valkey()
if (server instanceof Missing) {
  test('the contract holds on Valkey', ({ skip }) => skip(server.message))
} else {
  const { url } = server
  afterAll(() => server[Symbol.asyncDispose]())
  describeJobStore(
    'valkey',
    redisHarness(() => ({ url, prefix: 'valkey' })),
    { timeoutMs: 180_000, model: { runs: MODEL_RUNS } },
  )
}

test.for([
  ['a cluster', createTestRedisCluster],
  ['a server with Sentinels', createTestRedisSentinel],
] as const)(
  '%s of Valkey gives the jobs that it took',
  { timeout: 120_000 },
  async ([, create], { skip }) => {
    await using servers = await create(skip, {}, 'valkey-server')
    const store = createRedisStore({ url: servers.url, prefix: 'valkey' })
    await untilDone(() => store.enqueue([JOB]))
    const claim = { queue: JOB.queue, slots: 1, prefetch: 0, leaseMs: 60_000, worker: 'w' }
    const { jobs } = await store.claim({ ...claim, suspects: false })
    const { results } = await store.settle({ settlements: jobs.map((job) => complete(job)) })
    expect(results).toEqual(['settled'])
    await store.close()
  },
)
