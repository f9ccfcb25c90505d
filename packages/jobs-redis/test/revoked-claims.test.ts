import { complete, systemPorts } from '@cgk/jobs-core'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { CommandSender } from '../src/connection.ts'
import { jobArguments } from '../src/encode-job.ts'
import { FunctionsCaller } from '../src/functions-caller.ts'
import { createRedisStore } from '../src/index.ts'
import { baseOf } from '../src/keys.ts'
import { Shards } from '../src/shards.ts'
import { serversOf } from '../src/servers.ts'
import { claimArguments, type ClaimReply } from '../src/operations/claim.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
const job = { queue: QUEUE, tenantId: null, name: 'send', payload: '{}', priority: 0 }
const request = {
  queue: QUEUE,
  slots: 10,
  prefetch: 0,
  leaseMs: 30_000,
  worker: 'w',
  suspects: false,
}

let redis: TestRedis
let connection: CommandSender
let caller: FunctionsCaller
beforeAll(async () => {
  redis = await createTestRedis()
  connection = serversOf({ url: redis.url }).sender
  const maxCounts = ['10', '10', '10'] as const
  caller = new FunctionsCaller({
    sender: connection,
    prefix: redis.prefix,
    shards: new Shards(redis.prefix, 1),
    random: systemPorts.random,
    maxCounts,
  })
}, 600_000)
afterAll(async () => {
  connection.close()
  await redis[Symbol.asyncDispose]()
})

async function claimAs(random: string): Promise<number> {
  const args = [...claimArguments(request), '0', '', '0', '0']
  const reply = await caller.call('settle', [baseOf(redis.prefix, QUEUE)], args, { random })
  const [, , , [jobs]] = reply as readonly [unknown, unknown, unknown, ClaimReply]
  return jobs.length / 2
}

test('a claim that was given up is undone, and one that arrives afterwards takes nothing', async () => {
  const store = createRedisStore({ url: redis.url, prefix: redis.prefix })
  await store.enqueue([job, job, job])
  const early = systemPorts.random.hex(16)
  const late = systemPorts.random.hex(16)

  expect(await claimAs(early)).toBe(3)
  expect(await caller.call('giveBack', [baseOf(redis.prefix, QUEUE)], [early])).toBe(3)
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 3, running: 0 })

  expect(await caller.call('giveBack', [baseOf(redis.prefix, QUEUE)], [late])).toBe(0)
  expect(await claimAs(late)).toBe(0)
  expect((await store.claim(request)).jobs.map(({ attempts }) => attempts)).toEqual([1, 1, 1])
  await store.close()
})

test('a claim that comes with a job and was given up before takes nothing, and the job is stored', async () => {
  const { prefix } = redis
  const base = baseOf(prefix, 'mails')
  const mail = { ...job, queue: 'mails' }
  const store = createRedisStore({ url: redis.url, prefix })
  await store.enqueue([mail])
  const { jobs } = await store.claim({ ...request, queue: 'mails' })
  await store.settle({ settlements: jobs.map((each) => complete(each)) })
  const nonce = systemPorts.random.hex(16)
  await caller.call('giveBack', [base], [nonce])
  const args = [...jobArguments([mail]), ...claimArguments(request), '0', '', '0', '0']
  await caller.call('enqueueAndSettle', [base], args, { random: `abcdef${nonce}` })
  expect(await store.counts({ queue: 'mails' })).toMatchObject({ pending: 1, running: 0 })
  await store.close()
})
