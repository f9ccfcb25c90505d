import { EACH_TENANT, systemPorts, type JobStore } from '@cgk/jobs-core'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { FunctionsCaller } from '../src/functions-caller.ts'
import { createRedisStore } from '../src/index.ts'
import { baseOf } from '../src/keys.ts'
import { Shards } from '../src/shards.ts'
import { serversOf } from '../src/servers.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
/** More than are told of a change in one call. */
const TENANTS = 2_500
const EACH = { queue: QUEUE, tenantId: EACH_TENANT }

let redis: TestRedis
let store: JobStore
let prefix: string
let opened = 0
beforeAll(async () => {
  redis = await createTestRedis()
}, 600_000)
afterAll(() => redis[Symbol.asyncDispose]())
beforeEach(async () => {
  prefix = `${redis.prefix}-${opened++}`
  store = createRedisStore({ url: redis.url, prefix })
  await store.enqueue(
    Array.from({ length: TENANTS }, (_, n) => {
      return { queue: QUEUE, tenantId: `t${n}`, name: 'send', payload: '{}', priority: 0 }
    }),
  )
})
afterEach(() => store.close())

async function claim(slots: number): Promise<number> {
  const request = { queue: QUEUE, prefetch: 0, leaseMs: 30_000, worker: 'w', suspects: false }
  return (await store.claim({ ...request, slots })).jobs.length
}

test('a pause of each of very many tenants holds once it has resolved, and so does its end', async () => {
  await store.pause(EACH)
  expect(await claim(TENANTS)).toBe(0)
  await store.resume(EACH)
  expect(await claim(TENANTS)).toBe(TENANTS)
})

/** Says something of each tenant, and dies before every tenant's lane was told. */
async function sayAndDie(limits: object): Promise<void> {
  const connection = serversOf({ url: redis.url }).sender
  const maxCounts = ['10', '10', '10'] as const
  const caller = new FunctionsCaller({
    sender: connection,
    prefix: prefix,
    shards: new Shards(prefix, 1),
    random: systemPorts.random,
    maxCounts,
  })
  const scope = ['t*', '', JSON.stringify({ tenantId: EACH_TENANT })]
  const args = ['1', ...scope, 'operator', JSON.stringify(limits)]
  expect(await caller.call('setLimits', [baseOf(prefix, QUEUE)], args)).toEqual([1])
  connection.close()
}

test('a pause of each of very many tenants that nobody saw through is seen through by claims', async () => {
  await sayAndDie({ paused: true })
  await expect.poll(() => claim(1), { timeout: 30_000 }).toBe(0)
  await sayAndDie({ paused: null })
  const left = TENANTS - (await store.counts({ queue: QUEUE })).running
  let claimed = 0
  await expect.poll(async () => (claimed += await claim(TENANTS)), { timeout: 30_000 }).toBe(left)
})
