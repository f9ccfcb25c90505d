import type { WorkOptions } from 'pg-boss'
import type { Payload } from '../payload.ts'
import { PostgresDatabase } from '../servers/postgres-database.ts'
import { until } from '../until.ts'
import { CALLERS_CONNECTIONS, CallersPool } from './callers-pool.ts'
import type { OpenQueue, QueueOptions, System } from './system.ts'

const QUEUE = 'bench'

/** How its worker is set up, and whether adding a job wakes it. */
interface Setup {
  readonly notify: boolean
  readonly work: WorkOptions
}

const DEFAULT: Setup = { notify: false, work: {} }

/** The best of a sweep over the size of batches and the number of loops. */
const TUNED: Setup = {
  notify: true,
  work: { batchSize: 5000, localConcurrency: 4, burstWhenBatchFull: true },
}

/** pg-boss, its worker without options: one job every two seconds. */
export const pgBossDefault: System = { ...pgBoss('pg-boss:default', DEFAULT), drains: false }

/** pg-boss at its fastest. */
export const pgBossTuned = pgBoss('pg-boss:tuned', TUNED)

function pgBoss(name: string, setup: Setup): System {
  const { batchSize = 1, localConcurrency = 1 } = setup.work
  return {
    name,
    settings: {
      batchSize,
      localConcurrency,
      notify: setup.notify,
      callersConnections: CALLERS_CONNECTIONS,
      durable: true,
      multiTenant: false,
      history: true,
    },
    packages: ['pg-boss', 'pg'],
    server: 'postgres',
    warmUpJobs: 10_000,
    drains: true,
    joinsTransactions: true,
    open: (options) => openQueue(setup, options),
  }
}

async function openQueue(
  { notify, work: options }: Setup,
  { concurrency, address }: QueueOptions = {},
): Promise<OpenQueue> {
  const { PgBoss } = await import('pg-boss')
  const database = await PostgresDatabase.open(address)
  const boss = new PgBoss({ connectionString: database.url, useListenNotify: notify })
  boss.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`))
  await boss.start()
  if (address === undefined) await boss.createQueue(QUEUE, { notify })
  const callers = await CallersPool.open(database.url)
  return {
    address: database.url,
    server: database,
    async enqueueOne(payload) {
      await boss.send(QUEUE, payload)
    },
    async enqueueMany(payloads) {
      await boss.insert(
        QUEUE,
        payloads.map((data) => ({ data })),
      )
    },
    async enqueueInTransaction(payload) {
      await callers.transaction((client) =>
        boss.send(QUEUE, payload, {
          db: { executeSql: (text, values) => client.query(text, values) },
        }),
      )
    },
    async start(work) {
      // One loop whose batch runs at once is as many slots.
      const slots = concurrency === undefined ? {} : { batchSize: concurrency, localConcurrency: 1 }
      await boss.work<Payload>(QUEUE, { ...options, ...slots }, async (jobs) => {
        await Promise.all(jobs.map(async ({ data }) => work(data)))
      })
    },
    idle: () =>
      until(() =>
        database.ask(
          `select not exists (select from pgboss.job where name = '${QUEUE}' and state < 'completed') as answer`,
        ),
      ),
    async [Symbol.asyncDispose]() {
      await boss.stop({ graceful: false })
      await callers[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
