import { createClient } from '@redis/client'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test, vi } from 'vitest'
import {
  createTestRedis,
  createTestRedisCluster,
  createTestRedisInstance,
  createTestRedisSentinel,
} from '../src/index.ts'

async function connect(url: string) {
  return createClient({ url, socket: { reconnectStrategy: false } })
    .on('error', () => {})
    .connect()
}

test('what has the prefix is gone once it is disposed of, and nothing else', async () => {
  const redis = await createTestRedis()
  const other = await createTestRedis()
  const client = await connect(redis.url)
  const mine = [`${redis.prefix}:a`, `{${redis.prefix}:queue}:b`]
  const theirs = `${other.prefix}:c`
  for (const key of [...mine, theirs]) await client.set(key, '1')
  await redis[Symbol.asyncDispose]()

  expect(await client.exists(mine)).toBe(0)
  expect(await client.exists(theirs)).toBe(1)
  await other[Symbol.asyncDispose]()
  expect(await client.exists(theirs)).toBe(0)
  client.destroy()
}, 120_000)

test('a server that was killed starts again on its port with what it wrote down', async ({
  skip,
}) => {
  const settings = { appendonly: 'yes', appendfsync: 'always' }
  await using instance = await createTestRedisInstance(skip, settings)
  const before = await connect(instance.url)
  await before.set('key', 'kept')
  await instance.kill()
  await expect(before.ping()).rejects.toThrow()
  await instance.start()
  const after = await connect(instance.url)

  expect(await after.get('key')).toBe('kept')
  after.destroy()
}, 120_000)

test('a server that is paused says nothing until it goes on', async ({ skip }) => {
  await using instance = await createTestRedisInstance(skip)
  const client = await connect(instance.url)
  instance.pause()
  let hasAnswered = false
  const answer = client.ping().then(() => (hasAnswered = true))
  await expect(connectWithin(instance.url, 200)).rejects.toThrow()
  expect(hasAnswered).toBe(false)
  instance.resume()
  await answer
  client.destroy()
}, 120_000)

test.each(['running', 'paused'])(
  'a %s server is gone, and its folder, when the process that started it was killed',
  async (state) => {
    const module = JSON.stringify(join(import.meta.dirname, '../src/index.ts'))
    const program = `
      import { createTestRedisInstance } from ${module}
      const server = await createTestRedisInstance((reason) => { throw new Error(reason) })
      const [, folder] = await server.command('CONFIG', 'GET', 'dir').then(Object.entries).then((all) => all[0])
      if (${JSON.stringify(state)} === 'paused') server.pause()
      console.log(JSON.stringify({ url: server.url, folder }))`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const { url, folder } = JSON.parse(line) as { url: string; folder: string }
    expect(existsSync(folder)).toBe(true)
    child.kill('SIGKILL')
    await vi.waitFor(() => expect(existsSync(folder)).toBe(false), 30_000)
    await expect(connect(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  },
  60_000,
)

test('a slot of a cluster moves with its keys, and a replica takes the place of a master that was killed', async ({
  skip,
}) => {
  await using cluster = await createTestRedisCluster(skip)
  const before = await cluster.masterOf('key')
  await before.command('SET', 'key', 'kept')
  await cluster.moveSlotOf('key')
  const after = await cluster.masterOf('key')
  expect(after).not.toBe(before)
  expect(await after.command('GET', 'key')).toBe('kept')
  expect(await after.command('WAIT', '1', '5000')).toBe(1)

  await after.kill()
  await expect.poll(() => cluster.masterOf('key'), { timeout: 20_000 }).not.toBe(after)
  expect(await (await cluster.masterOf('key')).command('GET', 'key')).toBe('kept')
}, 120_000)

test('the sentinels of a server let its replica take its place', async ({ skip }) => {
  await using servers = await createTestRedisSentinel(skip)
  await servers.first.command('SET', 'key', 'kept')
  expect(await servers.first.command('WAIT', '1', '5000')).toBe(1)
  servers.first.pause()
  await servers.failedOverTo(servers.second)

  expect(await servers.second.command('GET', 'key')).toBe('kept')
}, 120_000)

/** Opens a connection that is asked something, unless that takes too long. */
async function connectWithin(url: string, ms: number): Promise<void> {
  const client = createClient({ url, socket: { reconnectStrategy: false } }).on('error', () => {})
  const timer = setTimeout(() => client.destroy(), ms)
  try {
    await client.connect()
    await client.ping()
  } finally {
    clearTimeout(timer)
    if (client.isOpen) client.destroy()
  }
}
