import { complete, release, retry, type ClaimedJob, type JobStore } from '@cgk/jobs-core'
import { createTestRedis, deleteKeys, type TestRedis } from '@cgk/test-servers'
import { createClient } from '@redis/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { baseOf } from '../src/keys.ts'
import { openRedisStore } from '../src/redis-store.ts'
import { redisHarness } from './redis-harness.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
const LEASE_MS = 30_000
/** More sheets than wait to be counted. */
const SHEETS = 35
/** So many that they are leased on a sheet. */
const TENANTS = 40
const NAMES = Array.from({ length: TENANTS }, (_, at) => `t${at}`)
const ERROR = { message: 'once more', retryable: true }

let redis: TestRedis
beforeAll(async () => {
  redis = await createTestRedis()
}, 600_000)
afterAll(() => redis[Symbol.asyncDispose]())
const harness = redisHarness(() => redis)

/** Enqueues so many jobs of each tenant. */
async function fill(store: JobStore, ofEach: number, tenants: readonly string[] = NAMES) {
  const job = { queue: QUEUE, name: 'send', payload: '{}', priority: 0 }
  for (let round = 0; round < ofEach; round++) {
    await store.enqueue(tenants.map((tenantId) => ({ ...job, tenantId })))
  }
}

async function claim(store: JobStore, slots = TENANTS): Promise<readonly ClaimedJob[]> {
  const request = { queue: QUEUE, prefetch: 0, leaseMs: LEASE_MS, worker: 'w', suspects: false }
  return (await store.claim({ ...request, slots })).jobs
}

async function completeAll(store: JobStore, jobs: readonly ClaimedJob[]) {
  const { results } = await store.settle({ settlements: jobs.map((lease) => complete(lease)) })
  return results
}

function all<Result>(count: number, result: Result): Result[] {
  return Array.from({ length: count }, () => result)
}

async function countsOf(store: JobStore, tenantId: string) {
  const { pending, running, completed } = await store.counts({ queue: QUEUE, tenantId })
  return { pending, running, completed }
}

test('jobs of many tenants are counted for each while they run and once they have ended', async () => {
  const open = await harness.open()
  const { store } = open
  await fill(store, 2)
  const jobs = await claim(store)
  expect(jobs.map(({ tenantId }) => tenantId)).toEqual(NAMES)
  expect(await countsOf(store, 't7')).toEqual({ pending: 1, running: 1, completed: 0 })
  expect(await completeAll(store, jobs.slice(5, 9))).toEqual(all(4, 'settled'))
  expect(await countsOf(store, 't7')).toEqual({ pending: 1, running: 0, completed: 1 })
  expect(await countsOf(store, 't9')).toEqual({ pending: 1, running: 1, completed: 0 })
  const { tenants } = await store.listTenants({ queue: QUEUE, limit: 100 })
  const leasedOf = new Map(tenants.map(({ tenantId, leased }) => [tenantId, leased]))
  expect([leasedOf.get('t8'), leasedOf.get('t9')]).toEqual([0, 1])
  const states = (await store.get(jobs)).map((record) => record?.state)
  expect(states).toEqual(jobs.map((_, at) => (at >= 5 && at < 9 ? 'completed' : 'running')))
  expect(await store.counts({ queue: QUEUE })).toMatchObject({
    pending: TENANTS,
    running: TENANTS - 4,
    completed: 4,
  })
  await open.close()
})

test('jobs of very many claims are counted for each tenant as those of one', async () => {
  const open = await harness.open()
  const { store } = open
  await fill(store, SHEETS)
  const claims: (readonly ClaimedJob[])[] = []
  for (let round = 0; round < SHEETS; round++) claims.push(await claim(store))
  await completeAll(store, claims.slice(0, 10).flat())
  await completeAll(store, claims.slice(30).flat().slice(0, 50))
  await store.remove(claims[1]!.slice(0, 20))
  expect(await countsOf(store, 't7')).toEqual({ pending: 0, running: 23, completed: 11 })
  expect(await countsOf(store, 't27')).toEqual({ pending: 0, running: 24, completed: 11 })
  await completeAll(store, claims.flat())
  expect(await countsOf(store, 't7')).toEqual({ pending: 0, running: 0, completed: 34 })
  await open.close()
})

test('jobs that are gone before anybody asks are counted for nobody', async () => {
  const history = { completed: { maxCount: 25, maxAgeMs: Infinity } }
  const open = await harness.open({ history })
  const { store } = open
  await fill(store, 2)
  await completeAll(store, await claim(store))
  await completeAll(store, await claim(store))
  expect(await countsOf(store, 't0')).toEqual({ pending: 0, running: 0, completed: 0 })
  expect(await countsOf(store, 't39')).toEqual({ pending: 0, running: 0, completed: 1 })
  await open.close()
})

test('a tenant is let go of once nothing is left of its jobs, and not before', async () => {
  const prefix = `${redis.prefix}-gone`
  const history = { completed: { maxCount: 25, maxAgeMs: Infinity } }
  const store = openRedisStore({ url: redis.url, prefix, history })
  const client = await createClient({ url: redis.url }).connect()
  const tenants = () => client.hLen(`${baseOf(prefix, QUEUE)}lanes`)
  await fill(store, 2)
  const first = await claim(store)
  const second = await claim(store)
  await completeAll(store, first)
  await store.maintain({ limit: 10 })
  expect(await tenants()).toBe(TENANTS)
  await completeAll(store, second)
  await store.maintain({ limit: 10 })
  expect(await tenants()).toBe(25)
  client.destroy()
  await store.close()
})

test('they are completed in any order, each once and with its result', async () => {
  const open = await harness.open()
  const { store } = open
  await fill(store, 1)
  const jobs = await claim(store)
  const shuffled = jobs.toSorted((one, two) => (one.id.at(-1)! < two.id.at(-1)! ? -1 : 1))
  const settlements = shuffled.map((lease, at) => complete(lease, at % 3 === 0 ? null : lease.id))
  const { results } = await store.settle({ settlements: [...settlements, settlements[0]!] })
  expect(results).toEqual(all(TENANTS + 1, 'settled'))
  const records = await store.get(shuffled)
  expect(records.map((record) => record?.result)).toEqual(
    shuffled.map(({ id }, at) => (at % 3 === 0 ? null : id)),
  )
  // A reply that was lost: what was settled is said again.
  expect(await completeAll(store, jobs.slice(10, 20))).toEqual(all(10, 'settled'))
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ running: 0, completed: TENANTS })
  await open.close()
})

test('what is not completed goes its own way, and the others of its claim go theirs', async () => {
  const open = await harness.open()
  const { store } = open
  await fill(store, 1)
  const jobs = await claim(store)
  const settlements = jobs.map((lease, at) => {
    if (at === 3) return retry(lease, ERROR, 0)
    return at === 20 ? release(lease, 0) : complete(lease)
  })
  await store.cancel([jobs[30]!])
  const { results } = await store.settle({ settlements })
  expect(results).toEqual(jobs.map((_, at) => (at === 30 ? 'cancelled' : 'settled')))
  expect(await countsOf(store, 't3')).toEqual({ pending: 0, running: 0, completed: 0 })
  expect(await countsOf(store, 't4')).toEqual({ pending: 0, running: 0, completed: 1 })
  const again = await claim(store)
  expect(again.map(({ tenantId, attempts }) => [tenantId, attempts])).toEqual([
    ['t3', 2],
    ['t20', 1],
  ])
  expect(await completeAll(store, [jobs[3]!, ...again])).toEqual(['lost', 'settled', 'settled'])
  expect(await store.counts({ queue: QUEUE })).toMatchObject({
    running: 0,
    completed: TENANTS - 1,
    cancelled: 1,
  })
  await open.close()
})

test('a heartbeat for some holds them alone, and what was taken back is settled by nobody', async () => {
  const open = await harness.open()
  const { store } = open
  await fill(store, 1)
  const jobs = await claim(store)
  await open.advance(LEASE_MS - 1)
  const held = jobs.slice(0, 10)
  expect(await store.extend({ leases: held, leaseMs: LEASE_MS })).toEqual(all(10, 'held'))
  await open.advance(1)
  expect(await store.maintain({ limit: 100 })).toMatchObject({ reclaimed: TENANTS - 10 })
  expect(await completeAll(store, jobs)).toEqual([
    ...all(10, 'settled'),
    ...all(TENANTS - 10, 'lost'),
  ])
  expect(await store.counts({ queue: QUEUE })).toMatchObject({
    pending: TENANTS - 10,
    completed: 10,
  })
  await open.close()
})

test('a heartbeat for all holds all', async () => {
  const open = await harness.open()
  const { store } = open
  await fill(store, 1)
  const jobs = await claim(store)
  await completeAll(store, jobs.slice(0, 10))
  await open.advance(LEASE_MS - 1)
  const held = jobs.slice(10)
  expect(await store.extend({ leases: held, leaseMs: LEASE_MS })).toEqual(all(30, 'held'))
  await open.advance(LEASE_MS - 1)
  expect(await store.maintain({ limit: 100 })).toMatchObject({ reclaimed: 0 })
  expect(await completeAll(store, held)).toEqual(all(30, 'settled'))
  await open.close()
})

test('the lease says as much when it is a copy, and nothing where it says something else', async () => {
  const open = await harness.open()
  const { store } = open
  await fill(store, 1)
  const jobs = await claim(store)
  const copies = jobs.map((job) => ({ ...job }))
  const mistaken = [
    { ...jobs[0]!, tenantId: 't1' },
    { ...jobs[0]!, id: jobs[1]!.id },
    { ...jobs[0]!, token: jobs[1]!.token },
    { ...jobs[0]!, token: `${jobs[0]!.token}0` },
  ]
  for (const copy of mistaken) expect(await completeAll(store, [copy])).toEqual(['lost'])
  expect(await completeAll(store, copies)).toEqual(all(TENANTS, 'settled'))
  await open.close()
})

test('who was leased jobs by a server that lost its data settles none of those it has since', async () => {
  const prefix = `${redis.prefix}-anew`
  const store = openRedisStore({ url: redis.url, prefix })
  await fill(store, 1)
  const jobs = await claim(store)
  await deleteKeys(redis.url, `{${prefix}`)
  await fill(store, 1)
  const others = await claim(store)
  expect(others.map(({ token }) => token.split('.')[0])).toEqual(
    jobs.map(({ token }) => token.split('.')[0]),
  )
  expect(await completeAll(store, jobs)).toEqual(all(TENANTS, 'lost'))
  expect(await completeAll(store, others)).toEqual(all(TENANTS, 'settled'))
  await store.close()
})

test('a limit that comes while they run counts those that run', async () => {
  const open = await harness.open()
  const { store } = open
  await fill(store, 2)
  const jobs = await claim(store)
  const scope = { queue: QUEUE, tenantId: 't5' }
  await store.setLimits([{ scope, source: 'operator', limits: { concurrency: 1 } }])
  expect((await store.getLimits([scope]))[0]).toMatchObject({ leased: 1 })
  const others = await claim(store)
  expect(others.map(({ tenantId }) => tenantId)).toEqual(NAMES.filter((name) => name !== 't5'))
  expect(await completeAll(store, jobs)).toEqual(all(TENANTS, 'settled'))
  expect((await store.getLimits([scope]))[0]).toMatchObject({ leased: 0 })
  expect((await claim(store)).map(({ tenantId }) => tenantId)).toEqual(['t5'])
  expect(await countsOf(store, 't5')).toEqual({ pending: 0, running: 1, completed: 1 })
  await open.close()
})

test('who asks again looks through nothing again, and hears what has become of it', async () => {
  const prefix = `${redis.prefix}-asked`
  const store = openRedisStore({ url: redis.url, prefix })
  await fill(store, 2)
  const jobs = await claim(store)
  const running = { pending: 1, running: 1, completed: 0 }
  expect(await countsOf(store, 't7')).toEqual(running)
  const client = await createClient({ url: redis.url }).connect()
  expect(await client.exists(`${baseOf(prefix, QUEUE)}sheets`)).toBe(0)
  expect(await completeAll(store, jobs.slice(5, 9))).toEqual(all(4, 'settled'))
  await store.settle({ settlements: [retry(jobs[9]!, ERROR, 1_000), release(jobs[10]!, 1_000)] })
  await store.remove([jobs[5]!])
  expect(await countsOf(store, 't5')).toEqual({ pending: 1, running: 0, completed: 0 })
  expect(await countsOf(store, 't7')).toEqual({ pending: 1, running: 0, completed: 1 })
  expect(await countsOf(store, 't9')).toEqual({ pending: 1, running: 0, completed: 0 })
  expect(await countsOf(store, 't11')).toEqual(running)
  const others = await claim(store)
  expect(others).toHaveLength(TENANTS)
  expect(await countsOf(store, 't11')).toEqual({ pending: 0, running: 2, completed: 0 })
  await completeAll(store, [...jobs.slice(11), ...others])
  expect(await countsOf(store, 't9')).toEqual({ pending: 0, running: 0, completed: 1 })
  expect(await countsOf(store, 't11')).toEqual({ pending: 0, running: 0, completed: 2 })
  client.destroy()
  await store.close()
})

test('history keeps its bound and counts what it has, and nothing is left of what it forgot', async () => {
  const prefix = `${redis.prefix}-bound`
  const history = { completed: { maxCount: 25, maxAgeMs: Infinity } }
  const store = openRedisStore({ url: redis.url, prefix, history })
  await fill(store, 2)
  const first = await claim(store)
  const second = await claim(store)
  await completeAll(store, first.slice(0, 20))
  await store.remove([first[2]!])
  await completeAll(store, second)
  const kept = (await store.get([...first.slice(0, 20), ...second])).flatMap((job) => job ?? [])
  expect(kept.map(({ id }) => id)).toEqual(second.slice(-25).map(({ id }) => id))
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ running: 20, completed: 25 })
  expect(await countsOf(store, 't39')).toEqual({ pending: 0, running: 1, completed: 1 })
  expect(await countsOf(store, 't2')).toEqual({ pending: 0, running: 0, completed: 0 })
  const listed = await store.list({ queue: QUEUE, statuses: ['completed'], limit: 100 })
  expect(listed.jobs.map(({ id }) => id)).toEqual(kept.map(({ id }) => id).toReversed())

  await completeAll(store, first.slice(20))
  await fill(store, 30, ['last'])
  await completeAll(store, await claim(store))
  const client = await createClient({ url: redis.url }).connect()
  const keys = await client.keys(`{${prefix}*`)
  client.destroy()
  expect(keys.filter((key) => /(sheets|sheet:\d+|uncounted)$/.test(key))).toEqual([])
  expect(await countsOf(store, 't39')).toEqual({ pending: 0, running: 0, completed: 0 })
  expect(await countsOf(store, 'last')).toEqual({ pending: 0, running: 0, completed: 25 })
  await store.close()
})
