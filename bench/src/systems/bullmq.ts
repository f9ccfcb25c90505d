import { type Persistence, RedisServer } from '../servers/redis-server.ts'
import { openBullQueue, processorOf } from './bullmq-queue.ts'
import type { System } from './system.ts'

const QUEUE = 'bench'

/** The best of a sweep from 20 to 1,000. */
const CONCURRENCY = 200

/** BullMQ on a server that keeps nothing on disk. */
export const bullmq = bullmqOn('bullmq', 'none')

/** BullMQ on a server that appends to a file, with a sync a second. */
export const bullmqAof = bullmqOn('bullmq:aof', 'aof')

function bullmqOn(name: string, persistence: Persistence): System {
  return {
    name,
    settings: {
      concurrency: CONCURRENCY,
      removeOnComplete: true,
      persistence,
      multiTenant: false,
      history: false,
    },
    packages: ['bullmq', 'ioredis'],
    server: 'redis',
    warmUpJobs: 10_000,
    drains: true,
    async open({ concurrency = CONCURRENCY, address } = {}) {
      const { Queue, Worker } = await import('bullmq')
      const server = await RedisServer.open(persistence, address)
      const connection = { url: server.url, maxRetriesPerRequest: null }
      const queue = new Queue(QUEUE, { connection, defaultJobOptions: { removeOnComplete: true } })
      queue.on('error', (error) => process.stderr.write(`bullmq: ${error.message}\n`))
      await queue.waitUntilReady()
      const opened = openBullQueue(
        queue,
        (work) => new Worker(QUEUE, processorOf(work), { connection, concurrency }),
      )
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
  }
}
