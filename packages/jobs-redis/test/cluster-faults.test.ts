import { complete, type JobStore, type WakeUp } from '@cgk/jobs-core'
import { createTestRedisCluster, type RedisCluster } from '@cgk/test-servers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRedisStore, type RedisStoreOptions } from '../src/index.ts'
import { baseOf } from '../src/keys.ts'
import { Shards } from '../src/shards.ts'
import { claimAgain } from './claim-again.ts'
import { Load } from './load.ts'
import { untilDone } from './until-done.ts'
import { WorkerBeside } from './worker-beside.ts'

vi.setConfig({ testTimeout: 120_000 })

const PREFIX = 'faults'
/** Each in a slot of its own, on masters of their own. */
const QUEUES = ['orders', 'mails', 'images']
const [QUEUE] = QUEUES as [string]
const KEEP_ALL = { completed: { maxCount: Infinity } }

let cluster: RedisCluster
let stores: JobStore[] = []
beforeEach(async ({ skip }) => {
  cluster = await createTestRedisCluster(skip)
}, 600_000)
afterEach(async () => {
  for (const store of stores) await store.close()
  stores = []
  await cluster[Symbol.asyncDispose]()
})

function openStore(options: Partial<RedisStoreOptions> = {}): JobStore {
  const { url } = cluster
  const store = createRedisStore({ url, prefix: PREFIX, history: KEEP_ALL, ...options } as never)
  stores.push(store)
  return store
}

function masterOf(queue: string) {
  return cluster.masterOf(baseOf(PREFIX, queue))
}

test('a master that is killed under load costs nothing that its replica confirmed', async () => {
  const [base] = new Shards(PREFIX, 3).all(QUEUE)
  const load = new Load(openStore({ shards: 3, waitReplicas: 1 }), [QUEUE])
  await load.goesOn()
  const killed = await cluster.masterOf(base!)
  await killed.kill()
  await expect.poll(() => cluster.masterOf(base!), { timeout: 30_000 }).not.toBe(killed)
  await killed.start()
  await load.goesOn()
  await load.endsWell()
})

test('a slot that moves under load takes its jobs along', async () => {
  expect(new Set(await Promise.all(QUEUES.map(masterOf))).size).toBe(3)
  const load = new Load(openStore(), QUEUES)
  await load.goesOn()
  for (let move = 0; move < 2; move++) {
    const before = await masterOf(QUEUE)
    for (const master of cluster.masters) await master.command('FUNCTION', 'FLUSH')
    await cluster.moveSlotOf(baseOf(PREFIX, QUEUE))
    await expect.poll(() => masterOf(QUEUE), { timeout: 30_000 }).not.toBe(before)
    await load.goesOn()
  }
  await load.endsWell()
})

test('a job and the claim that comes with it follow their slot', async () => {
  const store = openStore()
  const job = { queue: QUEUE, tenantId: 'acme', name: 'send', payload: '{}', priority: 0 }
  await store.enqueue([job])
  const before = await masterOf(QUEUE)
  for (const master of cluster.masters) await master.command('FUNCTION', 'FLUSH')
  await cluster.moveSlotOf(baseOf(PREFIX, QUEUE))
  await expect.poll(() => masterOf(QUEUE), { timeout: 30_000 }).not.toBe(before)
  using worker = new WorkerBeside(store)
  const claim = { queue: QUEUE, slots: 5, prefetch: 0, leaseMs: 30_000, worker: 'w' }
  const [enqueued, settled] = await worker.enqueue(job, { claim: { ...claim, suspects: false } })
  expect(enqueued).toMatchObject({ status: 'fulfilled' })
  expect(settled).toMatchObject({ value: { claimed: { jobs: [{}, {}] } } })
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, running: 2 })
})

test('a master that is stopped is replaced, and a worker of its time settles nothing', async () => {
  const confirmed = openStore({ waitReplicas: 1 })
  const job = { queue: QUEUE, tenantId: 'acme', name: 'send', payload: '{}', priority: 0 }
  await confirmed.enqueue([job])
  const claim = { queue: QUEUE, slots: 1, prefetch: 0, leaseMs: 500, worker: 'w', suspects: false }
  const [early] = (await confirmed.claim(claim)).jobs
  // The replica alone can confirm nothing.
  const store = openStore()
  expect((await store.counts({ queue: QUEUE })).running).toBe(1)
  const stopped = await masterOf(QUEUE)
  stopped.pause()
  await expect.poll(() => masterOf(QUEUE), { timeout: 30_000 }).not.toBe(stopped)
  const late = await claimAgain(store, claim)
  stopped.resume()

  expect((await store.settle({ settlements: [complete(early!)] })).results).toEqual(['lost'])
  expect((await store.settle({ settlements: [complete(late)] })).results).toEqual(['settled'])
})

test('hints are heard at any node, and again after that node was killed', async () => {
  const telling = openStore()
  const listening = openStore()
  const heard = new Set<string | null>()
  const stop = listening.subscribe!(({ queue }: WakeUp) => heard.add(queue))
  const isHeard = async (): Promise<boolean> => {
    const wasHeard = QUEUES.every((queue) => heard.has(queue))
    for (const queue of QUEUES) {
      const job = { queue, tenantId: null, name: 'send', payload: '{}', priority: 0 }
      await untilDone(() => telling.enqueue([job]))
    }
    return wasHeard
  }
  await expect.poll(isHeard, { timeout: 20_000 }).toBe(true)
  const listenedTo = await Promise.all(
    cluster.nodes.map(async (node) =>
      String(await node.command('CLIENT', 'LIST', 'TYPE', 'pubsub')).includes('sub=1'),
    ),
  )
  await cluster.nodes[listenedTo.indexOf(true)]!.kill()
  heard.clear()
  await expect.poll(isHeard, { timeout: 30_000 }).toBe(true)
  stop()
})

test('a store that was told of one server of the cluster says so', async () => {
  const refused = Promise.allSettled(
    cluster.masters.map(({ url }) => openStore({ url }).counts({ queue: QUEUE })),
  )
  expect((await refused).map(({ status }) => status)).toContain('rejected')
  expect(await refused).toContainEqual(
    expect.objectContaining({
      reason: expect.objectContaining({
        code: 'JOBS_STORE_UNAVAILABLE',
        retryable: false,
        message: expect.stringContaining('redis-cluster://') as string,
      }) as unknown,
    }),
  )
})
