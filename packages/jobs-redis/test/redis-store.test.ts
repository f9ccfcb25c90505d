import type { ClaimResult, WakeUp } from '@cgk/jobs-core'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createRedisStore, createStoreFromUrl } from '../src/index.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

let redis: TestRedis
beforeAll(async () => {
  redis = await createTestRedis()
}, 600_000)
afterAll(() => redis[Symbol.asyncDispose]())

test.each([
  'postgres://user:secret@host',
  'redis:secret',
  'secret',
  'redis://',
  'redis://:secret@host/shop',
  'redis-cluster://',
  'redis-cluster://:secret@host?node=:',
  'redis-sentinel://:secret@host',
  'redis-sentinel://:secret@host/shop?name=jobs',
])('the URL %s is refused without being repeated', (url) => {
  let refusal: unknown
  try {
    createStoreFromUrl(url)
  } catch (error) {
    refusal = error
  }
  expect(refusal).toMatchObject({ code: 'JOBS_INVALID_CONFIG' })
  expect((refusal as Error).message).not.toContain('secret')
})

test.each(['', 'a{b}', 'a b', 'a\n'])('the prefix %j is refused', (prefix) => {
  expect(() => createRedisStore({ url: redis.url, prefix })).toThrow(
    expect.objectContaining({ code: 'JOBS_INVALID_CONFIG' }) as Error,
  )
})

test('a bound of history that is none is refused, by its name', () => {
  const history = { failed: { maxCount: -1 } }
  expect(() => createRedisStore({ url: redis.url, history })).toThrow(
    'history.failed.maxCount must be a number from 0, not -1',
  )
})

test('a store connects at its first call, and not before', async () => {
  const store = createRedisStore({ url: 'redis://127.0.0.1:1' })
  await expect(store.ping()).rejects.toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE' })
  await store.close()
})

test('who listens beside the producer claims right behind its enqueue, and waits for no hint of the server', async () => {
  const store = createRedisStore({ url: redis.url, prefix: `${redis.prefix}:beside` })
  const job = { queue: 'orders', tenantId: null, name: 'send', payload: '{}', priority: 0 }
  const claim = { queue: 'orders', slots: 5, prefetch: 0, leaseMs: 60_000, suspects: false }
  // From now on an enqueue is one command.
  await store.enqueue([job])
  const heard = Promise.withResolvers<readonly [WakeUp, boolean, Promise<ClaimResult>]>()
  let isAnswered = false
  store.subscribe?.((wakeUp) => {
    heard.resolve([wakeUp, isAnswered, store.claim({ ...claim, worker: 'one' })])
  })
  // The connection for hints is still being opened.
  const enqueued = store.enqueue([job]).then(() => (isAnswered = true))
  const [wakeUp, wasAnswered, claimed] = await heard.promise
  expect(wakeUp).toEqual({ queue: 'orders', reason: 'ready' })
  expect(wasAnswered).toBe(false)
  expect((await claimed).jobs).toHaveLength(2)
  await enqueued
  await store.close()
})

test('the time is the server’s', async () => {
  const store = createRedisStore({ url: redis.url, prefix: redis.prefix })
  const job = { queue: 'orders', tenantId: null, name: 'send', payload: '{}', priority: 0 }
  const [made] = await store.enqueue([job])
  if (made?.status !== 'enqueued') throw new Error('expected a new job')
  expect(Math.abs(made.createdAt - Date.now())).toBeLessThan(60_000)
  await store.close()
})

test('stores of other prefixes know nothing of each other', async () => {
  const [one, other] = ['one', 'other'].map((name) =>
    createRedisStore({ url: redis.url, prefix: `${redis.prefix}-${name}` }),
  )
  const job = { queue: 'orders', tenantId: null, name: 'send', payload: '{}', priority: 0 }
  await one!.enqueue([job])
  expect((await one!.counts({ queue: 'orders' })).pending).toBe(1)
  expect((await other!.counts({ queue: 'orders' })).pending).toBe(0)
  await one!.close()
  await other!.close()
})

test('a server that is no node of a cluster is refused where a cluster was named', async () => {
  const store = createRedisStore({ url: redis.url.replace('redis:', 'redis-cluster:') })
  await expect(store.ping()).rejects.toMatchObject({
    code: 'JOBS_INVALID_CONFIG',
    message: expect.stringContaining('not a node of a cluster') as string,
  })
  await store.close()
})

test('a store has one place', () => {
  const both = { url: redis.url, cluster: { rootNodes: [{ url: redis.url }] } }
  expect(() => createRedisStore(both as never)).toThrow('one of url, client, cluster and sentinel')
  expect(() => createRedisStore({ cluster: { rootNodes: [] } })).toThrow('must name a node')
})
