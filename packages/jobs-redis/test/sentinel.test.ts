import { complete, type JobStore } from '@cgk/jobs-core'
import { createTestRedisSentinel, type RedisSentinel } from '@cgk/test-servers'
import { createClient } from '@redis/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRedisStore, type DurabilityOptions } from '../src/index.ts'
import { claimAgain } from './claim-again.ts'
import { documentedUser } from './documented-rights.ts'
import { Load } from './load.ts'
import { SilentProxy } from './silent-proxy.ts'
import { untilDone } from './until-done.ts'

vi.setConfig({ testTimeout: 120_000 })

const QUEUE = 'orders'
const KEEP_ALL = { completed: { maxCount: Infinity } }
const JOB = { queue: QUEUE, tenantId: 'acme', name: 'send', payload: '{}', priority: 0 }
const CLAIM = { queue: QUEUE, slots: 1, prefetch: 0, leaseMs: 500, worker: 'w', suspects: false }

let servers: RedisSentinel
let stores: JobStore[] = []
beforeEach(async ({ skip }) => {
  servers = await createTestRedisSentinel(skip)
}, 600_000)
afterEach(async () => {
  for (const store of stores) await store.close()
  stores = []
  await servers[Symbol.asyncDispose]()
})

function openStore(durability: DurabilityOptions = {}, as = ''): JobStore {
  const store = createRedisStore({
    url: servers.url.replace('//', `//${as}`),
    prefix: 'faults',
    history: KEEP_ALL,
    ...durability,
  })
  stores.push(store)
  return store
}

/** What the Sentinels do after ten seconds. */
async function followSecond(): Promise<void> {
  await servers.first.command('REPLICAOF', '127.0.0.1', String(servers.second.port))
}

test('a master that is killed under load is replaced without a restart of anybody', async () => {
  const load = new Load(openStore({ waitReplicas: 1 }), [QUEUE])
  await load.goesOn()
  await servers.first.kill()
  await servers.failedOverTo(servers.second)
  await servers.first.start()
  await followSecond()
  await load.goesOn()
  await load.endsWell()
})

test('a worker that still reaches a master that was replaced settles nothing there', async () => {
  const held = openStore({ waitReplicas: 1, waitTimeoutMs: 200 })
  await held.enqueue([JOB])
  const [early] = (await held.claim(CLAIM)).jobs
  const store = openStore()
  await store.ping()
  servers.first.pause()
  await servers.failedOverTo(servers.second)
  const late = await claimAgain(store, CLAIM)

  // It takes itself for the master as yet, and has the lease; but no replica.
  servers.first.resume()
  const settleEarly = () => held.settle({ settlements: [complete(early!)] })
  await expect(settleEarly()).rejects.toMatchObject({
    code: 'JOBS_STORE_UNCONFIRMED',
    retryable: true,
  })
  // Asked anew, the Sentinels name the other.
  const settled = await store.settle({ settlements: [complete(late)] })
  expect(settled.results).toEqual(['settled'])
  await followSecond()
  await expect
    .poll(async () => (await untilDone(settleEarly)).results, { timeout: 60_000 })
    .toEqual(['lost'])
})

test('a master that is cut off from all but its workers costs nothing that was confirmed', async () => {
  const user = await documentedUser('faults', 'sentinel')
  for (const server of [servers.first, servers.second]) await server.command(...user)
  const operator = createClient({ url: servers.first.url, socket: { reconnectStrategy: false } })
  operator.on('error', () => {})
  await operator.connect()
  const load = new Load(openStore({ waitReplicas: 1, waitTimeoutMs: 200 }, 'jobs:secret@'), [QUEUE])
  await load.goesOn()
  // Sentinels and the replica come as the usual user, whom it lets in no more.
  await operator.sendCommand(['ACL', 'SETUSER', 'default', 'off'])
  await operator.sendCommand(['CLIENT', 'KILL', 'USER', 'default'])
  await servers.failedOverTo(servers.second)
  expect((await operator.sendCommand<[string]>(['ROLE']))[0]).toBe('master')
  await operator.sendCommand(['ACL', 'SETUSER', 'default', 'on'])
  operator.destroy()
  await followSecond()
  await load.goesOn()
  await load.endsWell()
})

test('a user with the rights that are documented is all that a store needs', async () => {
  await servers.first.command(...(await documentedUser('faults', 'sentinel')))
  const store = createRedisStore({
    url: servers.url.replace('//', '//jobs:secret@'),
    prefix: 'faults',
  })
  stores.push(store)
  await store.enqueue([JOB])
  expect((await store.claim(CLAIM)).jobs).toHaveLength(1)
})

test('a user who may not ask for the role is told so, and leaves no connection behind', async () => {
  await servers.first.command(...(await documentedUser('faults', 'server')))
  await expect(openStore({}, 'jobs:secret@').ping()).rejects.toMatchObject({
    code: 'JOBS_STORE_UNAVAILABLE',
    retryable: false,
  })
  await expect.poll(() => servers.first.command('CLIENT', 'LIST')).not.toContain('user=jobs')
})

test('a server that falls silent when it is asked for its role is given up', async () => {
  await using proxy = await SilentProxy.start(servers.first.url)
  const { hostname: host, port } = new URL(proxy.url)
  const [sentinel] = servers.sentinels
  await sentinel!.command('SENTINEL', 'MONITOR', 'proxied', host, port, '2')
  const sentinelRootNodes = [{ host, port: sentinel!.port }]
  const store = createRedisStore({ sentinel: { name: 'proxied', sentinelRootNodes } })
  stores.push(store)
  proxy.silenceAt('ROLE')
  const signal = AbortSignal.timeout(15_000)
  await expect(store.ping({ signal })).rejects.toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE' })
  await store.ping({ signal })
  await store.close()
})

test('a Sentinel whose machine is gone is waited for a second', async () => {
  const gone = { host: 'sentinel.test', port: 26_379 }
  const there = servers.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }))
  const store = createRedisStore({
    sentinel: {
      name: servers.name,
      sentinelRootNodes: [gone, ...there],
      sentinelClientOptions: { socket: { lookup: () => {} } },
    },
    prefix: 'faults',
  })
  stores.push(store)
  await store.ping({ signal: AbortSignal.timeout(4_000) })
})

test('a URL without the name of the server, or Sentinels that do not know it, are refused', async () => {
  const { url } = servers
  expect(() => createRedisStore({ url: url.replace(/name=\w+/, '') })).toThrow('redis-sentinel:')
  const store = createRedisStore({ url: url.replace(/name=\w+/, 'name=other') })
  stores.push(store)
  await expect(store.ping()).rejects.toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE' })
})
