import { PostgresDatabase } from '../servers/postgres-database.ts'
import { CALLERS_CONNECTIONS, CallersPool } from './callers-pool.ts'
import type { System } from './system.ts'

const ONE = {
  name: 'insert',
  text: 'insert into job (payload) values ($1) returning id',
}
const MANY = 'insert into job (payload) select unnest($1::text[]) returning id'

/** A row a job in a table with a primary key, and nobody who runs it: the floor of what enqueueing costs on Postgres. */
export const pgInsert: System = {
  name: 'pg-insert',
  settings: {
    callersConnections: CALLERS_CONNECTIONS,
    durable: true,
    multiTenant: false,
    history: false,
    runs: false,
  },
  packages: ['pg'],
  server: 'postgres',
  warmUpJobs: 10_000,
  drains: false,
  enqueuesOnly: true,
  joinsTransactions: true,
  async open({ address } = {}) {
    const { default: pg } = await import('pg')
    const database = await PostgresDatabase.open(address)
    const { url } = database
    const pool = new pg.Pool({ connectionString: url })
    await pool.query(
      `create table if not exists job (
        id bigint generated always as identity primary key, payload text not null)`,
    )
    const callers = await CallersPool.open(url)
    return {
      address: url,
      server: database,
      async enqueueOne(payload) {
        await pool.query({ ...ONE, values: [JSON.stringify(payload)] })
      },
      async enqueueMany(payloads) {
        await pool.query(MANY, [payloads.map((payload) => JSON.stringify(payload))])
      },
      async enqueueInTransaction(payload) {
        await callers.transaction((client) =>
          client.query({ ...ONE, values: [JSON.stringify(payload)] }),
        )
      },
      start() {
        throw new Error('pg-insert runs nothing')
      },
      async idle() {},
      async [Symbol.asyncDispose]() {
        await callers[Symbol.asyncDispose]()
        await pool.end()
        await database[Symbol.asyncDispose]()
      },
    }
  },
}
