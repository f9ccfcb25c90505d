import { PostgresDatabase } from '../servers/postgres-database.ts'
import { openBullQueue, processorOf } from './bullmq-queue.ts'
import type { System } from './system.ts'

const QUEUE = 'bench'

/** The best of a sweep from 8 to 64. */
const CONCURRENCY = 8
const CONNECTIONS = 8

/** BullMQ on its own PostgreSQL backend. It joins no transaction of a caller. */
export const bullmqPg: System = {
  name: 'bullmq-pg',
  settings: {
    concurrency: CONCURRENCY,
    connections: CONNECTIONS,
    removeOnComplete: true,
    durable: true,
    multiTenant: false,
    history: false,
  },
  packages: ['bullmq', 'pg'],
  server: 'postgres',
  warmUpJobs: 1000,
  drains: true,
  async open({ concurrency = CONCURRENCY, address } = {}) {
    const { createPostgresBackend, withBackend } = await import('bullmq')
    const { Queue, Worker } = withBackend(createPostgresBackend)
    const database = await PostgresDatabase.open(address)
    const connection = { connectionString: database.url, max: CONNECTIONS, migrate: true }
    const queue = new Queue(QUEUE, { connection, defaultJobOptions: { removeOnComplete: true } })
    queue.on('error', (error) => process.stderr.write(`bullmq: ${error.message}\n`))
    await queue.waitUntilReady()
    const opened = openBullQueue(
      queue,
      (work) => new Worker(QUEUE, processorOf(work), { connection, concurrency }),
    )
    return {
      ...opened,
      address: database.url,
      server: database,
      async [Symbol.asyncDispose]() {
        await opened[Symbol.asyncDispose]()
        await database[Symbol.asyncDispose]()
      },
    }
  },
}
