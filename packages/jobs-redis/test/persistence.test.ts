import type { JobStore } from '@cgk/jobs-core'
import {
  createTestRedisCluster,
  createTestRedisInstance,
  type RedisInstance,
} from '@cgk/test-servers'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRedisStore, type RedisStoreOptions } from '../src/index.ts'
import { documentedUser } from './documented-rights.ts'

vi.setConfig({ testTimeout: 120_000 })

const PREFIX = 'kept'

let warnings: (Error & { readonly code?: string })[] = []
const hear = (warning: Error): void => void warnings.push(warning)
let stores: JobStore[] = []
beforeEach(() => {
  warnings = []
  process.on('warning', hear)
})
afterEach(async () => {
  process.off('warning', hear)
  for (const store of stores) await store.close()
  stores = []
})

function openStore(options: RedisStoreOptions): JobStore {
  const store = createRedisStore({ prefix: PREFIX, ...options })
  stores.push(store)
  return store
}

/** Lets stores work, and resolves with what the process was warned of. */
async function warningsOf(...using: readonly JobStore[]): Promise<readonly string[]> {
  for (const store of using) {
    for (const queue of ['orders', 'mails', 'images']) await store.counts({ queue })
  }
  await turn()
  const ours = warnings.filter(({ code }) => code === 'JOBS_REDIS_MAY_LOSE')
  return ours.map(({ message }) => message)
}

function orFail(reason: string): never {
  throw new Error(reason)
}

test.each([
  ['none', { save: '' }, /^the Redis server has no persistence: a crash loses every job; set /],
  [
    'snapshots',
    { save: '3600 1' },
    /^the Redis server has snapshots alone \(save 3600 1\): a crash loses what came after the last/,
  ],
  [
    'a file written every second',
    { appendonly: 'yes', appendfsync: 'everysec' },
    /^the Redis server has appendonly yes, appendfsync everysec: a crash may lose about the last second; /,
  ],
  [
    'a file written now and then',
    { appendonly: 'yes', appendfsync: 'no' },
    /^the Redis server has appendonly yes, appendfsync no: a crash of the machine may lose half a minute/,
  ],
])('of a server with a persistence of %s it is told what it may lose, once', async (...args) => {
  const [, settings, message] = args
  await using server = await createTestRedisInstance(orFail, settings)
  const { url } = server
  const [first, second] = [openStore({ url }), openStore({ url, prefix: 'other' })]
  const told = [expect.stringMatching(message)]
  expect(await warningsOf(first)).toEqual(told)
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await expect
    .poll(() =>
      first.ping().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
  expect(await warningsOf(first, second)).toEqual(told)
})

test('of a server that loses nothing nothing is told, nor where each call waits for the disk', async () => {
  const settings = { appendonly: 'yes', appendfsync: 'always' }
  await using server = await createTestRedisInstance(orFail, settings)
  expect(await warningsOf(openStore({ url: server.url }))).toEqual([])
  await using late = await createTestRedisInstance(orFail, { appendonly: 'yes' })
  const waitAof = { local: 1, replicas: 0 } as const
  expect(await warningsOf(openStore({ url: late.url, waitAof }))).toEqual([])
})

test('a user who may not read the settings works, and is told what may be', async () => {
  await using server = await createTestRedisInstance(orFail, { appendonly: 'yes' })
  await server.command(...(await documentedUser(PREFIX, 'server')))
  const store = openStore({ url: server.url.replace('//', '//jobs:secret@') })
  expect(await warningsOf(store)).toEqual([
    expect.stringContaining('unless appendfsync is always, which this user may not read'),
  ])
})

test('of a cluster the same is told once, and of another server again', async ({ skip }) => {
  await using cluster = await createTestRedisCluster(skip)
  expect(await warningsOf(openStore({ url: cluster.url }))).toHaveLength(1)
  await using server: RedisInstance = await createTestRedisInstance(skip)
  expect(await warningsOf(openStore({ url: server.url }))).toHaveLength(2)
})
