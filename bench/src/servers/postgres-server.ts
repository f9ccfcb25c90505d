import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import { embeddedBinaries, installedBinaries, PostgresInstance } from '@cgk/test-servers'
import { connect, dropDatabase, executeOn, POSTGRES_VARIABLE } from './postgres-database.ts'

/** Settings of a server that figures depend on. */
const SHOWN_SETTINGS = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'shared_buffers',
  'max_wal_size',
  'autovacuum',
]

/** Without these a commit may be lost, and is faster than one that may not. */
const DURABLE_SETTINGS = ['fsync', 'synchronous_commit', 'full_page_writes']

/** The server of a whole benchmark. Disposing stops one that was started for it. */
export interface PostgresServer extends AsyncDisposable {
  readonly settings: Readonly<Record<string, string>>
  readonly isDurable: boolean
}

/**
 * Finds the server that `BENCH_POSTGRES_URL` names, else one on port 5432 of this machine, else starts
 * one in a temporary folder; and lets the runs know of it.
 */
export async function openPostgresServer(): Promise<PostgresServer> {
  const found = process.env[POSTGRES_VARIABLE] ?? (await findLocal())
  const started = found === undefined ? await start() : undefined
  const url = found ?? started?.url
  if (url === undefined) throw new Error('no Postgres server could be found or started')
  process.env[POSTGRES_VARIABLE] = url
  const settings = await readSettings(url)
  return {
    settings,
    isDurable: DURABLE_SETTINGS.every((name) => settings[name] === 'on'),
    async [Symbol.asyncDispose]() {
      await started?.[Symbol.asyncDispose]()
    },
  }
}

/** What the names of one run's databases begin with. */
export function createDatabasePrefix(): string {
  return `cgk_bench_${randomBytes(4).toString('hex')}`
}

/**
 * Drops what a run has left on the server of the benchmark.
 *
 * @param prefix - see {@link createDatabasePrefix}
 */
export async function dropDatabases(prefix: string): Promise<void> {
  const url = process.env[POSTGRES_VARIABLE]
  if (url === undefined) return
  // A shorter one would be that of many.
  if (!/^cgk_bench_[0-9a-f]{8}$/.test(prefix))
    throw new Error(`"${prefix}" names no run's databases`)
  const sql = connect(url)
  try {
    const rows = await sql<{ name: string }[]>`
      select datname as name from pg_database where starts_with(datname, ${prefix})`
    for (const { name } of rows) await dropDatabase(url, name)
  } finally {
    await sql.end()
  }
}

async function findLocal(): Promise<string | undefined> {
  for (const user of new Set(['postgres', userInfo().username])) {
    const url = `postgres://${encodeURIComponent(user)}@127.0.0.1:5432/postgres`
    try {
      await executeOn(url, 'select')
      return url
    } catch {
      // Not there, or it does not trust that user.
    }
  }
  return undefined
}

async function start(): Promise<PostgresInstance> {
  return await PostgresInstance.start((await installedBinaries()) ?? (await embeddedBinaries()))
}

async function readSettings(url: string): Promise<Record<string, string>> {
  const sql = connect(url)
  try {
    const rows = await sql<{ name: string; value: string }[]>`
      select name, current_setting(name) as value from unnest(${SHOWN_SETTINGS}::text[]) as name`
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
  } finally {
    await sql.end()
  }
}
