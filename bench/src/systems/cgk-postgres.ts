import { PostgresDatabase } from '../servers/postgres-database.ts'
import { CALLERS_CONNECTIONS } from './callers-pool.ts'
import { importCgk } from './cgk-packages.ts'
import { openCgkQueue } from './cgk-queue.ts'
import type { System } from './system.ts'

/** Ours on Postgres; from another checkout where one is named. */
export function cgkPostgres(name: string, checkout: string | undefined): System {
  return {
    name,
    settings: {
      processor: 'defaults',
      callers: '@cgk/db',
      callersConnections: CALLERS_CONNECTIONS,
      durable: true,
      multiTenant: true,
      history: true,
    },
    packages: ['@cgk/jobs-core', '@cgk/jobs-postgres'],
    server: 'postgres',
    warmUpJobs: 20_000,
    drains: true,
    joinsTransactions: true,
    async open(options = {}) {
      const { createPostgresStore, withTransaction } = await importCgk('jobs-postgres', checkout)
      const { connectPostgres } = await importCgk('db', checkout)
      const database = await PostgresDatabase.open(options.address)
      const store = createPostgresStore({ url: database.url })
      const callers = connectPostgres({ url: database.url, maxConnections: CALLERS_CONNECTIONS })
      const opened = await openCgkQueue(checkout, store, options, async (queue, call) => {
        if (withTransaction === undefined)
          throw new Error('jobs-postgres joins no transactions yet')
        await callers.transaction((transaction) => call(withTransaction(queue, transaction)))
      })
      return {
        ...opened,
        address: database.url,
        server: database,
        async [Symbol.asyncDispose]() {
          await opened[Symbol.asyncDispose]()
          await callers.close()
          await database[Symbol.asyncDispose]()
        },
      }
    },
    async openStore() {
      const { createPostgresStore } = await importCgk('jobs-postgres', checkout)
      const database = await PostgresDatabase.open()
      const store = createPostgresStore({ url: database.url })
      return {
        store,
        async [Symbol.asyncDispose]() {
          await store.close()
          await database[Symbol.asyncDispose]()
        },
      }
    },
  }
}
