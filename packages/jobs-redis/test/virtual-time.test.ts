import { complete, type JobStore } from '@cgk/jobs-core'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { createClient } from '@redis/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createRedisStore } from '../src/index.ts'
import { baseOf } from '../src/keys.ts'
import { WorkerBeside } from './worker-beside.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
/** A claim takes 16, 2 and 1 times an odd number: what is rounded to even ones shows. */
const WEIGHTS = { one: 1, eight: 8, sixteen: 16 } as const
/** As near to the end of exact whole numbers as the claims of a test leave room. */
const YEARS = 2 ** 53 - 2 ** 40

let redis: TestRedis
beforeAll(async () => {
  redis = await createTestRedis()
}, 600_000)
afterAll(() => redis[Symbol.asyncDispose]())

/** Moves the virtual times of a queue on as years of claims would. */
const AGE = `
  local base, by = KEYS[1], tonumber(ARGV[1])
  local function aged(record)
    return struct.pack('>d', struct.unpack('>d', record) + by) .. string.sub(record, 9)
  end
  local queue = aged(redis.call('GET', base .. 'queue'))
  redis.call('SET', base .. 'queue', queue)
  local lanes = redis.call('HGETALL', base .. 'lanes')
  for index = 1, #lanes, 2 do
    redis.call('HSET', base .. 'lanes', lanes[index], aged(lanes[index + 1]))
  end
  local members = redis.call('ZRANGE', base .. 'fair', 0, -1, 'WITHSCORES')
  for index = 1, #members, 2 do
    redis.call('ZADD', base .. 'fair', string.format('%.0f', members[index + 1] + by), members[index])
  end
  return struct.unpack('>d', queue)
`

async function age(prefix: string): Promise<void> {
  const client = await createClient({ url: redis.url }).connect()
  await client.eval(AGE, { keys: [baseOf(prefix, QUEUE)], arguments: [String(YEARS)] })
  client.destroy()
}

async function fill(store: JobStore): Promise<void> {
  for (const [tenantId, weight] of Object.entries(WEIGHTS)) {
    await store.setLimits([
      { scope: { queue: QUEUE, tenantId }, source: 'operator', limits: { weight } },
    ])
    await store.enqueue(
      Array.from({ length: 300 }, () => {
        return { queue: QUEUE, tenantId, name: 'send', payload: '{}', priority: 0 }
      }),
    )
  }
}

/** Whose jobs come next. */
async function serve(store: JobStore, slots: number): Promise<(string | null)[]> {
  const request = { queue: QUEUE, prefetch: 0, leaseMs: 30_000, worker: 'w', suspects: false }
  const { jobs } = await store.claim({ ...request, slots })
  await store.settle({ settlements: jobs.map((job) => complete(job)) })
  return jobs.map(({ tenantId }) => tenantId)
}

test('turns go on as before when virtual times have become too large', async () => {
  const prefixes = ['aged', 'young'].map((name) => `${redis.prefix}-${name}`)
  const stores = prefixes.map((prefix) => createRedisStore({ url: redis.url, prefix }))
  const [aged, young] = stores as [JobStore, JobStore]
  for (const store of stores) await fill(store)
  for (const slots of [1, 5, 3, 1, 8, 2]) {
    expect(await serve(aged, slots)).toEqual(await serve(young, slots))
  }
  const slow = { queue: QUEUE, tenantId: 'slow', name: 'send', payload: '{}', priority: 0 }
  const named = { ...slow, jobId: 'named', delayMs: 3_600_000 }
  for (const store of stores) await store.enqueue([named])
  for (let round = 0; round < 3; round++) {
    // A lane that is ahead as it becomes idle, and is so still when it comes back.
    for (const store of stores) {
      await store.enqueue([slow])
      while (!(await serve(store, 1)).includes('slow'));
    }
    await age(prefixes[0]!)
    // What is refused writes nothing but the times.
    for (const store of stores) {
      const refused = store.enqueue([{ ...named, name: 'other' }])
      await expect(refused).rejects.toMatchObject({ code: 'JOBS_ID_CONFLICT' })
    }
    for (const store of stores) await store.enqueue([slow])
    // Reading must not have to write.
    await aged.get([{ queue: QUEUE, tenantId: 'one', id: 'none' }])
    for (const slots of [1, 4, 1, 7]) {
      expect(await serve(aged, slots)).toEqual(await serve(young, slots))
    }
    for (const store of stores) {
      const job = {
        queue: QUEUE,
        tenantId: `new-${round}`,
        name: 'send',
        payload: '{}',
        priority: 0,
      }
      await store.enqueue([job, job])
    }
  }
  for (const store of stores) await store.close()
})

test('a job that is claimed as it comes takes its turn as before when virtual times have become too large', async () => {
  const prefixes = ['old', 'new'].map((name) => `${redis.prefix}-${name}`)
  const stores = prefixes.map((prefix) => createRedisStore({ url: redis.url, prefix }))
  const [aged, young] = stores as [JobStore, JobStore]
  const claim = { queue: QUEUE, slots: 1, prefetch: 0, leaseMs: 30_000, worker: 'w' }
  const newJob = (tenantId: string) => {
    return { queue: QUEUE, tenantId, name: 'send', payload: '{}', priority: 0 }
  }
  for (const store of stores) {
    for (const tenantId of ['one', 'other', 'one']) {
      await store.enqueue([newJob(tenantId)])
      await serve(store, 1)
    }
  }
  await age(prefixes[0]!)
  for (const store of stores) {
    using worker = new WorkerBeside(store)
    for (const tenantId of ['one', 'other']) {
      const asked = { claim: { ...claim, suspects: false } }
      const [, settled] = await worker.enqueue(newJob(tenantId), asked)
      expect(settled).toMatchObject({ value: { claimed: { jobs: [{ tenantId }] } } })
    }
    await store.enqueue(['one', 'one', 'one', 'other', 'other', 'third'].map(newJob))
  }
  for (const slots of [1, 1, 2, 2])
    expect(await serve(aged, slots)).toEqual(await serve(young, slots))
  for (const store of stores) await store.close()
})
