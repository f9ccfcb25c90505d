import { askBroker, pathOf, type Skip } from './broker-client.ts'
import { RedisCluster } from './redis-cluster.ts'
import { RedisInstance } from './redis-instance.ts'
import { RedisSentinel } from './redis-sentinel.ts'

/** What a test wants to start: the first is any that is found, Valkey where there is no Redis. */
type RedisProgram = 'redis-server' | 'valkey-server'

/** A part of a Redis server for a test file. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string
  /** Keys of the file begin with it, or with a brace and it. */
  readonly prefix: string
}

/** Finds or starts a Redis server; dispose of it when the file is done, and what has its prefix is deleted. */
export async function createTestRedis(): Promise<TestRedis> {
  const { url, prefix } = JSON.parse(await askBroker('POST', '/redis')) as TestRedis
  return {
    url,
    prefix,
    [Symbol.asyncDispose]: async () => {
      await askBroker('DELETE', `/redis/${prefix}`)
    },
  }
}

/**
 * Starts a Redis server for one test file, to do to it what happens to servers.
 *
 * @param skip - called where none is installed and none can be
 * @param settings - of redis.conf; without any it keeps nothing over a restart
 */
export async function createTestRedisInstance(
  skip: Skip,
  settings?: Readonly<Record<string, string>>,
  program: RedisProgram = 'redis-server',
): Promise<RedisInstance> {
  return RedisInstance.start(await pathOf(program, skip), settings)
}

/** Starts a Redis Cluster in the same way: three masters, each with a replica. */
export async function createTestRedisCluster(
  skip: Skip,
  settings?: Readonly<Record<string, string>>,
  program: RedisProgram = 'redis-server',
): Promise<RedisCluster> {
  return RedisCluster.start(await pathOf(program, skip), settings)
}

/** Starts a Redis server in the same way, with a replica and three Sentinels. */
export async function createTestRedisSentinel(
  skip: Skip,
  settings?: Readonly<Record<string, string>>,
  program: RedisProgram = 'redis-server',
): Promise<RedisSentinel> {
  return RedisSentinel.start(await pathOf(program, skip), settings)
}
