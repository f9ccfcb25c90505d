import { userInfo } from 'node:os'
import postgres from 'postgres'
import { startWithCompose } from './compose-server.ts'
import { findPostgres } from './find-program.ts'
import { firstThatStarts } from './first-that-starts.ts'
import type { FoundServer } from './found-server.ts'
import { embeddedBinaries } from './postgres-binaries.ts'
import { PostgresInstance } from './postgres-instance.ts'

const OLDEST_VERSION = 150_000

const NONE_FOUND = `The tests need a Postgres server, version 15 or newer, and found none.
One of these helps:
  TEST_POSTGRES_URL=postgres://user:password@host/database (a role that may create databases)
  a server on 127.0.0.1:5432 that trusts the user postgres or yours
  Postgres installed: apt-get install postgresql, or brew install postgresql@15
  docker with compose`

/** Finds the server that the environment names, one that is there, or one that can be started. */
export async function findLocalServer(): Promise<FoundServer> {
  const named = process.env['TEST_POSTGRES_URL']
  if (named !== undefined && named !== '') return existing(named)

  for (const user of new Set(['postgres', userInfo().username])) {
    const url = `postgres://${encodeURIComponent(user)}@127.0.0.1:5432/postgres`
    if (await letsUsIn(url)) return existing(url)
  }
  return firstThatStarts(NONE_FOUND, [startInstalled, () => startWithCompose('postgres')])
}

/** Starts the Postgres 18 that comes with a dev dependency. */
export async function startEmbeddedServer(): Promise<FoundServer> {
  return started(await embeddedBinaries())
}

function existing(url: string): FoundServer {
  return { url, stop: () => Promise.resolve() }
}

async function startInstalled(): Promise<FoundServer> {
  const search = await findPostgres()
  if ('missing' in search) throw new Error(search.missing)
  return started(search.path)
}

async function started(binaries: string): Promise<FoundServer> {
  const instance = await PostgresInstance.start(binaries)
  return { url: instance.url, stop: () => instance[Symbol.asyncDispose]() }
}

async function letsUsIn(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} })
  try {
    const rows = await sql<{ usable: boolean }[]>`
      select current_setting('server_version_num')::int >= ${OLDEST_VERSION}
        and (rolsuper or rolcreatedb) as usable
      from pg_roles where rolname = current_user`
    return rows[0]?.usable ?? false
  } catch {
    return false
  } finally {
    await sql.end({ timeout: 1 })
  }
}
