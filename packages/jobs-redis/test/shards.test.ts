import {
  complete,
  createJobQueue,
  createRuntime,
  EACH_TENANT,
  processJobs,
  type JobStore,
  type NewJob,
  type WakeUp,
} from '@cgk/jobs-core'
import { createTestRedisCluster, type RedisCluster, type RedisInstance } from '@cgk/test-servers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createRedisStore } from '../src/index.ts'
import { queuesKey } from '../src/keys.ts'
import { Shards } from '../src/shards.ts'
import { documentedUser } from './documented-rights.ts'
import { untilDone } from './until-done.ts'
import { WorkerBeside } from './worker-beside.ts'

vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
const SHARDS = 3
const TENANTS = Array.from({ length: 30 }, (_, n) => `tenant-${n}`)
/** How long core waits for a call. */
const CALL_MS = 5_000
const PATIENCE = { timeout: 30_000 }
const CLAIM = { queue: QUEUE, prefetch: 0, leaseMs: 60_000, worker: 'w', suspects: false }

let cluster: RedisCluster
let prefix: string
let store: JobStore
let opened = 0
beforeAll(async () => {
  const skip = (reason: string): never => {
    throw new Error(reason)
  }
  cluster = await createTestRedisCluster(skip, {
    // Else all masters refuse calls while one is down and not replaced yet.
    'cluster-require-full-coverage': 'no',
    // One that is away stays away.
    'cluster-replica-no-failover': 'yes',
  })
}, 600_000)
afterAll(() => cluster[Symbol.asyncDispose]())
beforeEach(() => {
  prefix = `shards-${opened++}`
  store = createRedisStore({ url: cluster.url, prefix, shards: SHARDS })
})
afterEach(() => store.close())

function newJob(tenantId: string | null, more: Partial<NewJob> = {}): NewJob {
  return { queue: QUEUE, tenantId, name: 'send', payload: '{}', priority: 0, ...more }
}

test('the shards of a queue are on masters of their own, and each has its share of tenants', async () => {
  const shards = new Shards(prefix, SHARDS)
  const bases = shards.all(QUEUE)
  const masters = await Promise.all(bases.map((base) => cluster.masterOf(base)))
  expect(new Set(masters).size).toBe(SHARDS)
  const many = Array.from({ length: 3_000 }, (_, n) => shards.of(QUEUE, `tenant-${n}`))
  for (const base of bases) {
    expect(many.filter((each) => each === base).length).toBeGreaterThan(800)
  }
})

test('a worker beside the producer claims from all shards, behind the job', async () => {
  await store.enqueue(TENANTS.map((tenantId) => newJob(tenantId)))
  using worker = new WorkerBeside(store)
  const claim = { ...CLAIM, slots: 100, suspects: false }
  const [enqueued, settled] = await worker.enqueue(newJob(null), { claim })
  expect(enqueued).toMatchObject({ status: 'fulfilled' })
  const claimed = settled.status === 'fulfilled' ? settled.value.claimed!.jobs : []
  expect(claimed).toHaveLength(TENANTS.length + 1)
  expect(new Set(claimed.map(({ tenantId }) => tenantId))).toEqual(new Set([...TENANTS, null]))
})

test('claims begin at each shard in its turn, and go on at others while there is room', async () => {
  await store.enqueue(TENANTS.map((tenantId) => newJob(tenantId)))
  const shards = new Shards(prefix, SHARDS)
  const firsts: string[] = []
  for (let turn = 0; turn < SHARDS; turn++) {
    const [job] = (await store.claim({ ...CLAIM, slots: 1 })).jobs
    firsts.push(shards.of(QUEUE, job!.tenantId))
  }
  expect(new Set(firsts).size).toBe(SHARDS)

  const { jobs, nextDueInMs } = await store.claim({ ...CLAIM, slots: 100 })
  expect(jobs).toHaveLength(TENANTS.length - SHARDS)
  expect(nextDueInMs).toBeNull()
  const { results } = await store.settle({ settlements: jobs.map((job) => complete(job)) })
  expect(results).toEqual(jobs.map(() => 'settled'))
})

test('a concurrency of the queue is divided among its shards, and never passed', async () => {
  await store.enqueue([...TENANTS, ...TENANTS].map((tenantId) => newJob(tenantId)))
  const scope = { queue: QUEUE }
  await store.setLimits([{ scope, source: 'operator', limits: { concurrency: 7 } }])
  const [state] = await store.getLimits([scope])
  expect(state).toMatchObject({ operator: { concurrency: 7 }, effective: { concurrency: 7 } })

  const { jobs, awaitsRelease } = await store.claim({ ...CLAIM, slots: 100 })
  expect(jobs).toHaveLength(7)
  expect(awaitsRelease).toBe(true)
  expect((await store.claim({ ...CLAIM, slots: 100 })).jobs).toEqual([])
  expect(await store.getLimits([scope])).toMatchObject([{ leased: 7 }])
  const { limits } = await store.listLimits({ queue: QUEUE, limit: 10 })
  expect(limits).toEqual([{ scope, operator: { concurrency: 7 }, directory: {} }])
})

test('a rate of the queue is divided among its shards', async () => {
  await store.enqueue(TENANTS.map((tenantId) => newJob(tenantId)))
  const scope = { queue: QUEUE }
  const rate = { limit: 1, periodMs: 3_600_000, burst: 4 }
  await store.setLimits([{ scope, source: 'directory', limits: { rate } }])
  expect((await store.claim({ ...CLAIM, slots: 100 })).jobs).toHaveLength(4)
  expect(await store.getLimits([scope])).toMatchObject([{ effective: { rate } }])
})

test('a limit of the queue of which some shard would have nothing is refused, and nothing is said', async () => {
  const scope = { queue: QUEUE }
  const rate = { limit: 100, periodMs: 1_000, burst: 2 }
  for (const limits of [{ concurrency: 2 }, { rate }]) {
    await expect(store.setLimits([{ scope, source: 'operator', limits }])).rejects.toMatchObject({
      code: 'JOBS_INVALID_LIMIT',
      message: expect.stringMatching(/its 3 shards: it must be 3 or more, not 2$/) as string,
    })
  }
  expect((await store.listLimits({ queue: QUEUE, limit: 10 })).limits).toEqual([])
  // A tenant is in one shard, whose limits are its own.
  const each = { queue: QUEUE, tenantId: EACH_TENANT }
  await store.setLimits([{ scope: each, source: 'operator', limits: { concurrency: 1 } }])
  await store.enqueue([...TENANTS, ...TENANTS].map((tenantId) => newJob(tenantId)))
  expect((await store.claim({ ...CLAIM, slots: 100 })).jobs).toHaveLength(TENANTS.length)
})

test('lists go through the jobs of all shards once, the newest first', async () => {
  for (const tenantId of TENANTS) await store.enqueue([newJob(tenantId)])
  const listed: { readonly tenantId: string | null; readonly createdAt: number }[] = []
  let cursor: string | undefined
  do {
    const page = await store.list({ queue: QUEUE, limit: 7, ...(cursor && { cursor }) })
    listed.push(...page.jobs)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  expect(listed).toHaveLength(TENANTS.length)
  expect(new Set(listed.map(({ tenantId }) => tenantId))).toEqual(new Set(TENANTS))
  const times = listed.map(({ createdAt }) => createdAt)
  expect(times).toEqual(times.toSorted((a, b) => b - a))
})

test('of jobs of several shards all are stored, or none', async () => {
  await store.enqueue([newJob('tenant-0', { jobId: 'taken' })])
  const jobs = TENANTS.map((tenantId) =>
    newJob(tenantId, { jobId: 'taken', ...(tenantId === 'tenant-0' && { payload: '"other"' }) }),
  )
  await expect(store.enqueue(jobs)).rejects.toMatchObject({ code: 'JOBS_ID_CONFLICT' })
  expect((await store.counts({ queue: QUEUE })).pending).toBe(1)
})

test('another number of shards is refused once there are jobs', async () => {
  await store.enqueue([newJob('tenant-0')])
  const other = createRedisStore({ url: cluster.url, prefix })
  await expect(other.enqueue([newJob('tenant-0')])).rejects.toMatchObject({
    code: 'JOBS_INVALID_CONFIG',
    message: expect.stringContaining('have 3 shards, and this store was told 1') as string,
  })
  await other.close()
})

test.each([0, 1.5, 257])('so many shards are refused: %d', (shards) => {
  expect(() => createRedisStore({ url: cluster.url, shards })).toThrow(
    'shards must be a whole number from 1 to 256',
  )
})

test('a user with the rights that are documented is all that a store needs', async () => {
  const user = await documentedUser(prefix, 'cluster')
  for (const node of cluster.nodes) await node.command(...user)
  const url = cluster.url.replace('//', '//jobs:secret@')
  const limited = createRedisStore({ url, prefix, shards: SHARDS, waitReplicas: 1 })
  const heard: WakeUp[] = []
  limited.subscribe!((wakeUp) => {
    if (wakeUp.queue !== null) heard.push(wakeUp)
  })
  await limited.enqueue(TENANTS.map((tenantId) => newJob(tenantId)))
  const { jobs } = await limited.claim({ ...CLAIM, slots: 100 })
  expect(jobs).toHaveLength(TENANTS.length)
  await limited.settle({ settlements: jobs.map((job) => complete(job)) })
  await limited.maintain({ limit: 10 })
  // Of its own jobs a store tells by itself.
  const telling = createRedisStore({ url, prefix, shards: SHARDS })
  heard.length = 0
  const isHeard = async (): Promise<number> => {
    await telling.enqueue([newJob('tenant-0')])
    return heard.length
  }
  await expect.poll(isHeard, { timeout: 20_000 }).toBeGreaterThan(0)
  await limited.close()
  await telling.close()
})

test('a call that was given up before it was sent says nothing of the node it was for', async () => {
  const asked = async (): Promise<readonly (string | undefined)[]> => {
    const stats = cluster.nodes.map((node) => node.command('INFO', 'commandstats'))
    return (await Promise.all(stats)).map(
      (each) => /cluster\|slots:calls=\d+/.exec(String(each))?.[0],
    )
  }
  await store.counts({ queue: QUEUE })
  const before = await asked()
  const call = store.counts({ queue: QUEUE }, { signal: AbortSignal.abort() })
  await expect(call).rejects.toMatchObject({ code: 'JOBS_STORE_TIMEOUT' })
  await store.counts({ queue: QUEUE })
  expect(await asked()).toEqual(before)
})

/** Ways in which a master can be away, and how it comes back. One that was killed comes back without its jobs. */
const WAYS = {
  stopped: [(master) => master.pause(), (master) => master.resume()],
  killed: [(master) => master.kill(), (master) => master.start()],
} as const satisfies Record<string, readonly ((master: RedisInstance) => unknown)[]>

describe.each(['stopped', 'killed'] as const)('while the master of one shard is %s', (way) => {
  const [leave, comeBack] = WAYS[way]
  let shards: Shards
  let master: RedisInstance
  let ofIt: string[]
  let ofOthers: string[]
  beforeEach(async () => {
    shards = new Shards(prefix, SHARDS)
    const away = shards.all(QUEUE)[1]!
    master = await cluster.masterOf(away)
    ofIt = TENANTS.filter((tenantId) => shards.of(QUEUE, tenantId) === away)
    ofOthers = TENANTS.filter((tenantId) => !ofIt.includes(tenantId))
    await untilDone(() => store.counts({ queue: QUEUE }))
    await store.enqueue(TENANTS.map((tenantId) => newJob(tenantId)))
  })
  afterEach(async () => {
    if (!master.isRunning) await comeBack(master)
  })

  const inTime = () => ({ signal: AbortSignal.timeout(CALL_MS) })
  const claim = { ...CLAIM, slots: 100 }

  test('the jobs of the others are claimed', async () => {
    await leave(master)
    const claimed: (string | null)[] = []
    for (let call = 0; call < SHARDS; call++) {
      const { jobs } = await store.claim(claim, inTime())
      claimed.push(...jobs.map(({ tenantId }) => tenantId))
    }
    expect(claimed).toEqual(expect.arrayContaining(ofOthers))
  })

  test('leases on the others are extended, and settlements of theirs and claims answered', async () => {
    const { jobs } = await store.claim(claim)
    expect(jobs).toHaveLength(TENANTS.length)
    await store.enqueue(TENANTS.map((tenantId) => newJob(tenantId)))
    await leave(master)
    const told = (answer: string) =>
      jobs.map(({ tenantId }) => (ofIt.includes(tenantId!) ? 'unanswered' : answer))
    const lease = { leases: jobs, leaseMs: CLAIM.leaseMs }
    expect(await store.extend(lease, inTime())).toEqual(told('held'))
    const settlements = jobs.map((job) => complete(job))
    const claimed: (string | null)[] = []
    // Each begins to claim from another shard.
    for (let call = 0; call < SHARDS; call++) {
      const answer = await store.settle({ settlements, claim }, inTime())
      expect(answer.results).toEqual(told('settled'))
      claimed.push(...(answer.claimed?.jobs ?? []).map(({ tenantId }) => tenantId))
    }
    expect(claimed).toHaveLength(ofOthers.length)
    expect(new Set(claimed)).toEqual(new Set(ofOthers))
    const alone = settlements.filter(({ lease: { tenantId } }) => ofIt.includes(tenantId!))
    await expect(store.settle({ settlements: alone }, inTime())).rejects.toMatchObject({
      retryable: true,
    })
  })

  test('settlements are answered in time, however many shards it has', async () => {
    const many = createRedisStore({ url: cluster.url, prefix: `${prefix}-many`, shards: 18 })
    await many.enqueue(TENANTS.map((tenantId) => newJob(tenantId)))
    const { jobs } = await many.claim({ ...CLAIM, slots: TENANTS.length })
    await leave(master)
    const settlements = jobs.map((job) => complete(job))
    const { results } = await many.settle({ settlements, claim }, inTime())
    expect(new Set(results)).toEqual(new Set(['settled', 'unanswered']))
    await many.close()
  })

  test('a worker loses its jobs alone, and completes the others', async () => {
    const begun: { readonly tenantId: string | undefined; readonly signal: AbortSignal }[] = []
    const completed = new Set<string | undefined>()
    const gate = Promise.withResolvers<void>()
    const logger = { warn() {}, error() {} }
    const runtime = createRuntime(undefined, logger)
    const worker = processJobs({
      queue: createJobQueue({ name: QUEUE, store, runtime }),
      logger,
      maxConcurrency: 100,
      handlers: new Map([
        [
          'send',
          async ({ tenantId }, { signal }) => {
            begun.push({ tenantId, signal })
            await gate.promise
            return { success: true }
          },
        ],
      ]),
      onComplete: ({ tenantId }) => void completed.add(tenantId),
    })
    worker.start()
    await expect.poll(() => begun.length, PATIENCE).toBe(TENANTS.length)
    await leave(master)
    const lost = () => begun.filter(({ signal }) => signal.aborted).map(({ tenantId }) => tenantId)
    await expect.poll(() => new Set(lost()), PATIENCE).toEqual(new Set(ofIt))
    gate.resolve()
    await expect.poll(() => completed, PATIENCE).toEqual(new Set(ofOthers))
    expect(lost()).toHaveLength(ofIt.length)
    expect(begun).toHaveLength(TENANTS.length)
    await worker.stop({ gracePeriod: 0 })
  })
})

test.each([
  ['that knows all queues', () => queuesKey(prefix)],
  ['of the first shard', () => new Shards(prefix, SHARDS).all(QUEUE)[0]!],
])('while the master %s is stopped the leases of the others are ended', async (_, keyOf) => {
  const jobs = TENANTS.map((tenantId) => newJob(tenantId, { jobId: tenantId }))
  await untilDone(() => store.enqueue(jobs))
  for (let claimed = 0; claimed < jobs.length;) {
    claimed += (await untilDone(() => store.claim({ ...CLAIM, slots: 100, leaseMs: 1 }))).jobs
      .length
  }
  const stopped = await cluster.masterOf(keyOf())
  const shards = new Shards(prefix, SHARDS)
  const refs = TENANTS.map((tenantId) => ({ queue: QUEUE, tenantId, id: tenantId }))
  const masters = await Promise.all(
    refs.map(({ tenantId }) => cluster.masterOf(shards.of(QUEUE, tenantId))),
  )
  const others = refs.filter((_, index) => masters[index] !== stopped)
  // Upkeep begins at the first shard.
  const random = vi.spyOn(Math, 'random').mockReturnValue(0)
  stopped.pause()
  try {
    const signal = AbortSignal.timeout(5_000)
    await expect(store.maintain({ limit: 100 }, { signal })).rejects.toMatchObject({
      retryable: true,
    })
  } finally {
    stopped.resume()
    random.mockRestore()
  }
  const records = await untilDone(() => store.get(others))
  expect(records.map((job) => job?.lostLeases)).toEqual(others.map(() => 1))
})
