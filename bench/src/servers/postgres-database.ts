import { randomBytes } from 'node:crypto'
import postgres, { type Sql } from 'postgres'
import { until } from '../until.ts'
import type { HeldTransaction, MeasuredServer, ServerUsage } from './measured-server.ts'
import { commandOf, parentOf, processTreeCpuMs } from './process-tree.ts'

/** Tells a run which server its databases go to; the parent of all runs sets it. */
export const POSTGRES_VARIABLE = 'BENCH_POSTGRES_URL'

/** What names of databases of a run begin with, so that the parent finds what a run left behind. */
export const DATABASE_PREFIX_VARIABLE = 'BENCH_DATABASE_PREFIX'

const SESSIONS_TIMEOUT_MS = 5000
const DROP_TIMEOUT_MS = 60_000

const ISOLATION: Readonly<Record<HeldTransaction, string>> = {
  snapshot: 'isolation level repeatable read',
  writer: 'isolation level read committed',
}

/** The one takes the snapshot, the other a transaction id. */
const FIRST_STATEMENT: Readonly<Record<HeldTransaction, string>> = {
  snapshot: 'select count(*) from pg_class',
  writer: 'create table held_by_bench ()',
}

/** One that is not there yet would not be found by whoever removes what a run leaves behind. */
const beingCreated = new Set<Promise<void>>()

/** A database of its own for one open queue, on the server of the benchmark. */
export class PostgresDatabase implements MeasuredServer, AsyncDisposable {
  readonly url: string
  readonly #sql: Sql
  readonly #owned: boolean

  private constructor(url: string, owned: boolean) {
    this.url = url
    this.#sql = connect(url)
    this.#owned = owned
  }

  /**
   * Creates a database, which disposing drops; or opens that of another process, which stays.
   *
   * @param address - the URL of that other database
   */
  static async open(address?: string): Promise<PostgresDatabase> {
    if (address !== undefined) return new PostgresDatabase(address, false)
    const prefix = variable(DATABASE_PREFIX_VARIABLE)
    const name = `${prefix}_${randomBytes(4).toString('hex')}`
    const url = new URL(variable(POSTGRES_VARIABLE))
    const created = executeOn(url.href, `create database ${name}`)
    beingCreated.add(created)
    await created.finally(() => beingCreated.delete(created))
    url.pathname = `/${name}`
    return new PostgresDatabase(url.href, true)
  }

  /** Runs a statement for what it does, or to ask whether something is so. */
  async ask(statement: string): Promise<boolean> {
    const [row] = await this.#sql.unsafe<{ answer?: boolean }[]>(statement)
    return row?.answer === true
  }

  async settle(): Promise<void> {
    await this.#sql.unsafe('analyze')
    await this.#sql.unsafe('checkpoint')
  }

  async usage(): Promise<ServerUsage> {
    const [row] = await this.#sql<{ pid: number; database: string; wal: string }[]>`
      select pg_backend_pid() as pid, current_database() as database,
        pg_current_wal_lsn() - '0/0'::pg_lsn as wal`
    if (row === undefined) throw new Error('the server did not answer')
    return { cpuMs: serverCpuMs(row.pid, row.database), walBytes: Number(row.wal) }
  }

  async hold(transaction: HeldTransaction): Promise<AsyncDisposable> {
    const sql = connect(this.url)
    const isHeld = Promise.withResolvers<void>()
    const isOver = Promise.withResolvers<void>()
    const ended = sql.begin(ISOLATION[transaction], async (tx) => {
      await tx.unsafe(FIRST_STATEMENT[transaction])
      isHeld.resolve()
      await isOver.promise
    })
    await Promise.race([isHeld.promise, ended])
    return {
      async [Symbol.asyncDispose]() {
        isOver.resolve()
        await ended
        await sql.end()
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sql.end()
    if (!this.#owned) return
    const name = databaseOf(this.url)
    await sessionsEnd(name)
    await dropDatabase(variable(POSTGRES_VARIABLE), name)
  }
}

/** Resolves when no database of this process is on its way. */
export async function databasesCreated(): Promise<void> {
  await Promise.allSettled(beingCreated)
}

/** Drops a database, whoever uses it, unless it has gone. */
export async function dropDatabase(url: string, name: string): Promise<void> {
  const deadline = performance.now() + DROP_TIMEOUT_MS
  for (;;) {
    try {
      await executeOn(url, `drop database if exists ${name} with (force)`)
      return
    } catch (error) {
      // A session in the middle of something long has not noticed yet that it is to end.
      const isInUse = (error as { readonly code?: unknown }).code === '55006'
      if (!isInUse || performance.now() > deadline) throw error
    }
  }
}

/** Runs a statement on a connection of its own. */
export async function executeOn(url: string, statement: string): Promise<void> {
  const sql = connect(url)
  try {
    await sql.unsafe(statement)
  } finally {
    await sql.end()
  }
}

/** One connection that says nothing about notices. */
export function connect(url: string): Sql {
  return postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} })
}

/**
 * Drivers say that they have closed their connections before the server has seen it: a session that is
 * ended by force then reports an error to a pool that nobody listens to any more.
 */
async function sessionsEnd(database: string): Promise<void> {
  const sql = connect(variable(POSTGRES_VARIABLE))
  const deadline = performance.now() + SESSIONS_TIMEOUT_MS
  try {
    await until(async () => {
      const rows = await sql`select from pg_stat_activity where datname = ${database}`
      return rows.length === 0 || performance.now() > deadline
    })
  } finally {
    await sql.end()
  }
}

function variable(name: string): string {
  const value = process.env[name]
  if (value === undefined)
    throw new Error(`${name} is not set: runs are for the benchmark to start`)
  return value
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1)
}

/** A process of that number may be another's: a server elsewhere, or in a container, counts its own. */
function serverCpuMs(backend: number, database: string): number | null {
  if (!commandOf(backend).includes(database)) return null
  const postmaster = parentOf(backend)
  return postmaster === null ? null : processTreeCpuMs(postmaster)
}
