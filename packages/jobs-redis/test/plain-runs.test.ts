import { complete, type ClaimedJob } from '@cgk/jobs-core'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { madeId } from '../src/made-id.ts'
import { plainLeaseOf } from '../src/plain-job.ts'
import { redisHarness } from './redis-harness.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
const LEASE_MS = 30_000
const request = {
  queue: QUEUE,
  slots: 5,
  prefetch: 0,
  leaseMs: LEASE_MS,
  worker: 'w',
  suspects: false,
}
const job = { queue: QUEUE, tenantId: 'acme', name: 'send', payload: '{}', priority: 0 }

let redis: TestRedis
beforeAll(async () => {
  redis = await createTestRedis()
}, 600_000)
afterAll(() => redis[Symbol.asyncDispose]())
const harness = redisHarness(() => redis)

test('a heartbeat for one job of a claim holds no other', async () => {
  const open = await harness.open()
  const { store } = open
  await store.enqueue([job, job, job])
  const { jobs } = await store.claim(request)
  await open.advance(LEASE_MS - 1)
  expect(await store.extend({ leases: [jobs[1]!], leaseMs: LEASE_MS })).toEqual(['held'])
  await open.advance(1)
  expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 2 })
  const { results } = await store.settle({ settlements: jobs.map((lease) => complete(lease)) })
  expect(results).toEqual(['lost', 'settled', 'lost'])
  await open.close()
})

test('a heartbeat for all jobs of a claim holds all, and them alone', async () => {
  const open = await harness.open()
  const { store } = open
  await store.enqueue([job, job, job])
  const { jobs } = await store.claim(request)
  await store.settle({ settlements: [complete(jobs[0]!)] })
  await open.advance(LEASE_MS - 1)
  await store.extend({ leases: jobs.slice(1), leaseMs: LEASE_MS })
  await open.advance(LEASE_MS - 1)
  expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 0 })
  await open.advance(1)
  expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 2 })
  await open.close()
})

test('of jobs that were completed together each keeps its result, and one may be removed', async () => {
  const open = await harness.open({
    history: { completed: { maxCount: 3, maxAgeMs: Infinity } },
  })
  const { store } = open
  await store.enqueue([job, job, job])
  const { jobs } = await store.claim(request)
  await store.settle({ settlements: jobs.map((lease, at) => complete(lease, String(at))) })
  await store.remove([jobs[1]!])
  expect((await store.get(jobs)).map((record) => record?.result)).toEqual(['0', undefined, '2'])

  await store.enqueue([job, job])
  const { jobs: others } = await store.claim(request)
  await store.settle({ settlements: others.map((lease) => complete(lease)) })
  expect((await store.get([...jobs, ...others])).map((record) => record?.state)).toEqual([
    undefined,
    undefined,
    'completed',
    'completed',
    'completed',
  ])
  expect(await store.counts({ queue: QUEUE, tenantId: 'acme' })).toMatchObject({ completed: 3 })
  await open.close()
})

test('the lease of a plain job says as much when it is a copy', async () => {
  const open = await harness.open()
  const { store } = open
  await store.enqueue([job, job])
  const { jobs } = await store.claim(request)
  const copies = jobs.map(({ queue, tenantId, id, token }) => ({ queue, tenantId, id, token }))
  const { results } = await store.settle({
    settlements: copies.map((lease) => complete(lease, '1')),
  })
  expect(results).toEqual(['settled', 'settled'])
  expect((await store.get(jobs)).map((record) => record?.result)).toEqual(['1', '1'])
  await open.close()
})

test('a copy of the lease of a plain job that says something else settles nothing', async () => {
  const open = await harness.open()
  const { store } = open
  await store.enqueue([job, job])
  const { jobs } = await store.claim(request)
  const [lease, other] = jobs as [ClaimedJob, ClaimedJob]
  const copies = [
    { ...lease, token: other.token },
    { ...lease, token: `0${lease.token}` },
    { ...lease, token: lease.token.replace('-', '-0') },
    { ...lease, token: `${lease.token}0` },
    { ...lease, id: other.id },
    { ...lease, id: lease.id.toUpperCase().replace('JOB', 'job') },
    { ...lease, id: lease.id.replace(/_\w+_/, `_${(lease.createdAt + 2 ** 48).toString(36)}_`) },
    { ...lease, tenantId: 'globex' },
    { ...lease, tenantId: null },
  ]
  // Each by itself: of those that name one job together one alone is compared with its mark.
  for (const copy of copies) {
    expect(await store.settle({ settlements: [complete(copy)] })).toMatchObject({
      results: ['lost'],
    })
  }
  expect((await store.get(jobs)).map((record) => record?.state)).toEqual(['running', 'running'])
  await open.close()
})

test('the lease of a job that was made at no instant there is names no plain job', () => {
  const leaseOf = (created: number) => ({
    queue: QUEUE,
    tenantId: null,
    id: madeId('abcdef', created, 1),
    token: '1-1.0123456789abcdef',
  })
  expect(plainLeaseOf(leaseOf(0))).not.toBeNull()
  expect([-1, 2 ** 48].map((created) => plainLeaseOf(leaseOf(created)))).toEqual([null, null])
})

test('a plain job is claimed with all that was said of it', async () => {
  const open = await harness.open()
  const { store } = open
  const more = { priority: 3, metadata: '{"a":1}', headers: '{"b":"2"}', timeoutMs: 5 }
  await store.enqueue([
    job,
    { ...job, payload: '"one\\ntwo"' },
    { ...job, ...more },
    { ...job, name: 'other', payload: 'null' },
    { ...job, tenantId: null, maxAttempts: 2, retryDelayMs: 7 },
  ])
  const { jobs } = await store.claim(request)
  const records = await store.get(jobs)
  expect(jobs).toEqual(records.map((record, at) => ({ ...record, token: jobs[at]?.token })))
  expect(jobs).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ ...more, payload: '{}' }),
      expect.objectContaining({ name: 'other', payload: 'null' }),
      expect.objectContaining({ payload: '"one\\ntwo"', metadata: null, priority: 0 }),
      expect.objectContaining({ tenantId: null, maxAttempts: 2, retryDelayMs: 7 }),
    ]),
  )
  await open.close()
})

test('a job is called the same when it is taken in, claimed and found', async () => {
  const open = await harness.open()
  const { store } = open
  const COUNT = 600
  const taken = await store.enqueue(Array.from({ length: COUNT }, () => job))
  const { jobs } = await store.claim({ ...request, slots: COUNT })
  expect(jobs.map(({ id }) => id)).toEqual(
    taken.map((result) => (result.status === 'enqueued' ? result.id : result)),
  )
  expect((await store.get(jobs)).map((record) => record?.id)).toEqual(jobs.map(({ id }) => id))
  await open.close()
})
