import { complete, type JobStore } from '@cgk/jobs-core'
import { createTestRedisInstance, type RedisInstance } from '@cgk/test-servers'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createRedisStore, type DurabilityOptions } from '../src/index.ts'
import { untilDone } from './until-done.ts'
import { WorkerBeside } from './worker-beside.ts'

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

function openStore(prefix: string, durability: DurabilityOptions = {}, url = server.url): JobStore {
  const store = createRedisStore({ url, prefix, ...durability })
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

test('a job that no replica has is neither acknowledged nor begun, and is given back', async () => {
  const prefix = `wait-${opened++}`
  const store = openStore(prefix, { waitReplicas: 1, waitTimeoutMs: 20 })
  await openStore(prefix).enqueue([JOB])
  await store.enqueue([JOB]).catch(() => {})
  using worker = new WorkerBeside(store)
  for (const outcome of await worker.enqueue(JOB, { claim: { ...CLAIM, slots: 5 } })) {
    expect(outcome).toMatchObject({ reason: { code: 'JOBS_STORE_UNCONFIRMED', retryable: true } })
  }
  await expect
    .poll(() => store.counts({ queue: QUEUE }), { timeout: 10_000 })
    .toMatchObject({ pending: 3, running: 0 })
})

test('a call that waits on a server that is made a replica is unconfirmed, and the next is taken', async ({
  skip,
}) => {
  await using master = await createTestRedisInstance(skip)
  const { url } = master
  const plain = openStore('demoted', {}, url)
  await plain.enqueue([JOB])
  const store = openStore('demoted', { waitReplicas: 1, waitTimeoutMs: 5_000 }, url)
  const refused = expect(store.enqueue([JOB])).rejects.toMatchObject({
    code: 'JOBS_STORE_UNCONFIRMED',
    retryable: true,
  })
  const info = async () => String(await master.command('INFO', 'clients'))
  await expect.poll(info).toContain('blocked_clients:1')
  await master.command('REPLICAOF', '127.0.0.1', '1')
  await refused
  await master.command('REPLICAOF', 'NO', 'ONE')
  expect(await untilDone(() => plain.enqueue([JOB]))).toHaveLength(1)
})

describe('of a server that can say what is on the disk', () => {
  const VALKEY = 'valkey-server'
  const waitAof = { local: 1, replicas: 0 } as const
  const unconfirmed = { code: 'JOBS_STORE_UNCONFIRMED', retryable: true }

  test('a call waits for its disk, and for that of a replica', async ({ skip }) => {
    const settings = { appendonly: 'yes', 'repl-diskless-sync-delay': '0' }
    await using master = await createTestRedisInstance(skip, settings, VALKEY)
    const { url } = master
    expect(await openStore('one', { waitAof }, url).enqueue([JOB])).toHaveLength(1)

    const both = { local: 1, replicas: 1 } as const
    const short = openStore('one', { waitAof: both, waitTimeoutMs: 20 }, url)
    await expect(short.enqueue([JOB])).rejects.toMatchObject(unconfirmed)
    const replicaof = `127.0.0.1 ${master.port}`
    await using replica = await createTestRedisInstance(skip, { ...settings, replicaof }, VALKEY)
    const store = openStore('one', { waitAof: both, waitTimeoutMs: 5_000 }, url)
    await untilDone(() => store.enqueue([{ ...JOB, jobId: 'late' }]))
    replica.pause()
    await expect(short.enqueue([JOB])).rejects.toMatchObject(unconfirmed)
    // Of what was not confirmed nothing is lost as long as the server is there.
    expect((await store.counts({ queue: QUEUE })).pending).toBe(4)
  })

  test('that nobody writes to, or that there is no file on, a call that waits is told so', async ({
    skip,
  }) => {
    const never = { appendonly: 'yes', appendfsync: 'no' }
    await using lazy = await createTestRedisInstance(skip, never, VALKEY)
    const store = openStore('lazy', { waitAof, waitTimeoutMs: 20 }, lazy.url)
    await expect(store.enqueue([JOB])).rejects.toMatchObject(unconfirmed)

    await using forgetful = await createTestRedisInstance(skip, {}, VALKEY)
    const refused = openStore('forgetful', { waitAof }, forgetful.url).enqueue([JOB])
    await expect(refused).rejects.toMatchObject({
      code: 'JOBS_INVALID_CONFIG',
      message: expect.stringContaining('appendonly yes') as string,
    })
  })
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

test('a user without the right to wait for replicas is told so, and what was written is there', async () => {
  await server.command('ACL', 'SETUSER', 'hasty', 'on', 'nopass', '~*', '&*', '+@all', '-wait')
  const prefix = `wait-${opened++}`
  const url = server.url.replace('//', '//hasty:any@')
  await expect(openStore(prefix, { waitReplicas: 1 }, url).enqueue([JOB])).rejects.toMatchObject({
    code: 'JOBS_INVALID_CONFIG',
    message: expect.stringContaining('the right to WAIT') as string,
  })
  expect((await openStore(prefix).counts({ queue: QUEUE })).pending).toBe(1)
})

test.each([
  [{ waitReplicas: -1 }, 'waitReplicas must be a whole number from 0, not -1'],
  [{ waitAof: { local: 2 as 1, replicas: 0 } }, 'waitAof.local must be a whole number from 0 to 1'],
  [{ waitTimeoutMs: 0 }, 'waitTimeoutMs must be a whole number from 1 to 5000, not 0'],
])('what means nothing is refused: %j', (durability, message) => {
  expect(() => openStore('refused', durability)).toThrow(message)
})
