import { type Persistence, RedisServer } from '../servers/redis-server.ts'
import { importCgk } from './cgk-packages.ts'
import { openCgkQueue } from './cgk-queue.ts'
import type { System } from './system.ts'

const PREFIX = 'bench'

/** Ours on a Redis server of its own; from another checkout where one is named. */
export function cgkRedis(
  name: string,
  checkout: string | undefined,
  persistence: Persistence,
): System {
  return {
    name,
    settings: { processor: 'defaults', persistence, multiTenant: true, history: true },
    packages: ['@cgk/jobs-core', '@cgk/jobs-redis'],
    server: 'redis',
    warmUpJobs: 20_000,
    drains: true,
    async open(options = {}) {
      const { createRedisStore } = await importCgk('jobs-redis', checkout)
      const server = await RedisServer.open(persistence, options.address)
      const store = createRedisStore({ url: server.url, prefix: PREFIX })
      const opened = await openCgkQueue(checkout, store, options)
      return {
        ...opened,
        address: server.url,
        server,
        async [Symbol.asyncDispose]() {
          await opened[Symbol.asyncDispose]()
          await server[Symbol.asyncDispose]()
        },
      }
    },
    async openStore() {
      const { createRedisStore } = await importCgk('jobs-redis', checkout)
      const server = await RedisServer.open(persistence)
      const store = createRedisStore({ url: server.url, prefix: PREFIX })
      return {
        store,
        async [Symbol.asyncDispose]() {
          await store.close()
          await server[Symbol.asyncDispose]()
        },
      }
    },
  }
}
