import { startWithCompose } from './compose-server.ts'
import { findRedis } from './find-program.ts'
import { firstThatStarts } from './first-that-starts.ts'
import type { FoundServer } from './found-server.ts'
import { redisClient } from './redis-client.ts'
import { RedisInstance } from './redis-instance.ts'

const OLDEST_VERSION = 7

const NONE_FOUND = `The tests need a Redis server, version 7 or newer, or Valkey, and found none.
One of these helps:
  TEST_REDIS_URL=redis://user:password@host:port
  a server on 127.0.0.1:6379 that asks for no password
  Redis installed: apt-get install redis-server, or brew install redis
  docker with compose`

/** Finds the server that the environment names, one that is there, or one that can be started. */
export async function findRedisServer(): Promise<FoundServer> {
  const named = process.env['TEST_REDIS_URL']
  if (named !== undefined && named !== '') return existing(named)
  const usual = 'redis://127.0.0.1:6379'
  if (await isUsable(usual)) return existing(usual)
  return firstThatStarts(NONE_FOUND, [startInstalled, () => startWithCompose('redis')])
}

function existing(url: string): FoundServer {
  return { url, stop: () => Promise.resolve() }
}

async function startInstalled(): Promise<FoundServer> {
  const search = await findRedis()
  if ('missing' in search) throw new Error(search.missing)
  const instance = await RedisInstance.start(search.path)
  return { url: instance.url, stop: () => instance[Symbol.asyncDispose]() }
}

async function isUsable(url: string): Promise<boolean> {
  const client = redisClient(url, 2_000)
  try {
    await client.connect()
    const version = /redis_version:(\d+)/.exec(await client.info('server'))
    return Number(version?.[1]) >= OLDEST_VERSION
  } catch {
    return false
  } finally {
    if (client.isOpen) client.destroy()
  }
}
