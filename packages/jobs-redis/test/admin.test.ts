import { rm } from 'node:fs/promises'
import type { StoreFinding } from '@cgk/jobs-core'
import {
  createTestRedisCluster,
  createTestRedisInstance,
  createTestRedisSentinel,
  type RedisInstance,
} from '@cgk/test-servers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createRedisStore, createStoreAdminFromUrl } from '../src/index.ts'
import { LIBRARY } from '../src/library.ts'
import { documentedUser } from './documented-rights.ts'

vi.setConfig({ testTimeout: 120_000 })

const PREFIX = 'looked-at'

async function examine(url: string): Promise<readonly StoreFinding[]> {
  await using admin = createStoreAdminFromUrl(url, { prefix: PREFIX })
  return admin.examine()
}

/** What is found at some checks, by their names. */
function levelsOf(findings: readonly StoreFinding[]): Readonly<Record<string, string>> {
  return Object.fromEntries(findings.map(({ check, level }) => [check, level]))
}

function withUser(url: string): string {
  return url.replace('//', '//jobs:secret@')
}

describe('a server', () => {
  let server: RedisInstance
  beforeEach(async ({ skip }) => {
    server = await createTestRedisInstance(skip)
  }, 600_000)
  afterEach(() => server[Symbol.asyncDispose]())

  const look = async (check: string): Promise<StoreFinding | undefined> =>
    (await examine(server.url)).find((finding) => finding.check === check)
  const set = (name: string, value: string) => server.command('CONFIG', 'SET', name, value)

  test('of the usual settings is well, but for what it may lose', async () => {
    expect(levelsOf(await examine(server.url))).toEqual({
      version: 'ok',
      writable: 'ok',
      eviction: 'ok',
      memory: 'warning',
      durability: 'warning',
      functions: 'ok',
      privileges: 'ok',
    })
    expect(await server.command('DBSIZE')).toBe(0)
  })

  test('that deletes jobs when its memory is full is ill, and the rest is looked at all the same', async () => {
    await set('maxmemory-policy', 'allkeys-lru')
    const findings = await examine(server.url)
    expect(levelsOf(findings)).toMatchObject({ eviction: 'error', privileges: 'ok' })
    expect(findings.find(({ check }) => check === 'eviction')?.message).toContain('allkeys-lru')
    await set('maxmemory-policy', 'volatile-lru')
    expect(await look('eviction')).toMatchObject({ level: 'ok' })
  })

  test.each([
    ['100gb', 'ok', / of 102400\.0 MiB in use/],
    ['1', 'error', /new jobs are refused/],
    ['0', 'warning', /no maxmemory/],
  ])('with a maxmemory of %s: %s', async (most, level, message) => {
    await set('maxmemory', most)
    const finding = await look('memory')
    expect(finding).toMatchObject({ level })
    expect(finding?.message).toMatch(message)
  })

  test.each([
    [
      { appendonly: 'yes', appendfsync: 'always' },
      'ok',
      /appendfsync always: a crash loses nothing/,
    ],
    [{ appendonly: 'yes', appendfsync: 'everysec' }, 'warning', /about the last second$/],
    [{ appendonly: 'yes', appendfsync: 'no' }, 'warning', /appendfsync no: a crash of the machine/],
    [{ save: '3600 1' }, 'warning', /snapshots alone \(save 3600 1\): .* \(\d{4}-\d\d-\d\dT/],
    [{ save: '' }, 'warning', /no persistence: a crash loses every job/],
  ] as const)('with %j: %s', async (settings, level, message) => {
    for (const [name, value] of Object.entries(settings)) await set(name, value)
    const finding = await look('durability')
    expect(finding).toMatchObject({ level })
    expect(finding?.message).toMatch(message)
  })

  test('that could not write its snapshot is ill', async () => {
    const { dir } = (await server.command('CONFIG', 'GET', 'dir')) as { readonly dir: string }
    await rm(dir, { recursive: true })
    await server.command('BGSAVE')
    await expect
      .poll(() => look('durability'), { timeout: 20_000 })
      .toMatchObject({
        level: 'error',
        message: expect.stringContaining('could not write its last snapshot') as string,
      })
  })

  test('that is a replica takes no jobs', async () => {
    await server.command('REPLICAOF', '127.0.0.1', '1')
    expect(await look('writable')).toMatchObject({
      level: 'error',
      message: 'the server is a replica',
    })
  })

  test('has functions once a store has worked there, and those of others are named', async () => {
    expect((await look('functions'))?.message).toMatch(/^cgk_jobs_\w{12} is not loaded: /)
    const store = createRedisStore({ url: server.url, prefix: PREFIX })
    await store.counts({ queue: 'orders' })
    await store.close()
    expect((await look('functions'))?.message).toMatch(/^cgk_jobs_\w{12} is loaded$/)
    const other = "#!lua name=cgk_jobs_before\nredis.register_function('before', function() end)"
    await server.command('FUNCTION', 'LOAD', other)
    expect(await look('functions')).toMatchObject({
      level: 'ok',
      message: expect.stringMatching(/ is loaded; of other versions: cgk_jobs_before$/) as string,
      advice: expect.stringContaining('FUNCTION DELETE') as string,
    })
  })

  test('has all that a worker needs for the user that is documented', async () => {
    await server.command(...(await documentedUser(PREFIX, 'server')))
    await server.command('CONFIG', 'SET', 'appendonly', 'yes')
    const findings = await examine(withUser(server.url))
    expect(levelsOf(findings)).toMatchObject({ privileges: 'ok', functions: 'ok', eviction: 'ok' })
    const durability = findings.find(({ check }) => check === 'durability')
    expect(durability?.message).toContain('which this user may not read')
    const store = createRedisStore({ url: withUser(server.url), prefix: PREFIX })
    const job = { queue: 'orders', tenantId: 'acme', name: 'send', payload: '{}', priority: 0 }
    await store.enqueue([job])
    const claim = { queue: 'orders', slots: 1, prefetch: 0, leaseMs: 500, worker: 'w' }
    expect((await store.claim({ ...claim, suspects: false })).jobs).toHaveLength(1)
    await store.close()
  })

  test.each([
    [['-info'], 'missing: +info'],
    [['-time'], 'missing: +time'],
    [['-function|load'], 'missing: +function|load'],
    [['-hset', '-zadd'], 'missing: +hset +zadd'],
    [['resetkeys'], `missing: ~{${PREFIX}*`],
    [['resetchannels'], `missing: &{${PREFIX}}:hints`],
    [['-@all'], 'missing: +info +ping +time +function|load +fcall and 29 more'],
  ])('of which a user lacks %j names it', async (lacking, message) => {
    await server.command(...(await documentedUser(PREFIX, 'server')), ...lacking)
    const findings = await examine(withUser(server.url))
    expect(findings.find(({ check }) => check === 'privileges')).toMatchObject({
      level: 'error',
      message,
    })
  })

  test('of which a user lacks any command of the functions names it', async () => {
    const calls = LIBRARY.matchAll(/\bcall\('([A-Z]+)'/g)
    const probed = new Set(Array.from(calls, ([, name]) => name!.toLowerCase()))
    // It would add something whatever its arguments.
    probed.delete('sadd')
    expect(probed.size).toBeGreaterThan(20)
    const user = await documentedUser(PREFIX, 'server')
    for (const name of probed) {
      await server.command(...user, `-${name}`)
      const findings = await examine(withUser(server.url))
      const { message } = findings.find(({ check }) => check === 'privileges')!
      expect(message).toBe(`missing: +${name}`)
      await server.command('ACL', 'DELUSER', 'jobs')
    }
  })

  test('that is gone, or asks for a password, is an error that tells no secret', async () => {
    await set('requirepass', 'right')
    const url = server.url.replace('//', '//:guessed@')
    const refused = examine(url)
    await expect(refused).rejects.toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE' })
    await expect(refused).rejects.not.toThrow('guessed')
    await server.kill()
    await expect(examine(url)).rejects.toThrow('Redis was not reached: ECONNREFUSED')
  })
})

test('of a cluster each master is looked at, and one that is gone hides no other', async ({
  skip,
}) => {
  await using cluster = await createTestRedisCluster(skip, { 'cluster-node-timeout': '600000' })
  const findings = await examine(cluster.url)
  expect(findings[0]).toEqual({ check: 'slots', level: 'ok', message: 'all of them, on 3 masters' })
  expect(findings.filter(({ check }) => check === 'version')).toHaveLength(3)
  expect(findings.filter(({ level }) => level === 'error')).toEqual([])

  const single = await examine(cluster.masters[0]!.url)
  expect(levelsOf(single)).toMatchObject({ cluster: 'error' })

  await cluster.masters[2]!.kill()
  const { port } = cluster.masters[2]!
  const later = await examine(cluster.url)
  expect(later.filter(({ level }) => level === 'error')).toEqual([
    {
      check: 'connection',
      level: 'error',
      message: `127.0.0.1:${port}: Redis was not reached: ECONNREFUSED`,
    },
  ])
  expect(later.filter(({ check }) => check === 'version')).toHaveLength(2)
})

test('of a user who may not ask for the slots of a cluster that is said', async ({ skip }) => {
  await using cluster = await createTestRedisCluster(skip)
  const user = await documentedUser(PREFIX, 'cluster')
  for (const node of cluster.nodes) await node.command(...user, '-cluster')
  expect(await examine(withUser(cluster.url))).toEqual([
    expect.objectContaining({ check: 'privileges', message: 'missing: +cluster|slots' }),
  ])
  for (const node of cluster.nodes) await node.command(...user)
  const findings = await examine(withUser(cluster.url))
  expect(findings.filter(({ level }) => level === 'error')).toEqual([])
})

test('with Sentinels their master is looked at, and they themselves', async ({ skip }) => {
  await using servers = await createTestRedisSentinel(skip)
  await servers.first.command(...(await documentedUser(PREFIX, 'sentinel')))
  const findings = await examine(withUser(servers.url))
  expect(levelsOf(findings)).toMatchObject({
    sentinels: 'ok',
    quorum: 'ok',
    replicas: 'ok',
    privileges: 'ok',
  })
  await servers.sentinels[1]!.kill()
  await servers.sentinels[2]!.kill()
  await expect
    .poll(async () => levelsOf(await examine(servers.url)), { timeout: 60_000 })
    .toMatchObject({ sentinels: 'warning', quorum: 'error', writable: 'ok' })
})

test('a URL of something else is refused', () => {
  expect(() => createStoreAdminFromUrl('postgres://app:hush@host')).toThrow(
    expect.objectContaining({
      code: 'JOBS_INVALID_CONFIG',
      message: expect.not.stringContaining('hush') as string,
    }),
  )
})
