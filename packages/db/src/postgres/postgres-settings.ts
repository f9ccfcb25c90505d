import type { Options, PostgresType, Sql } from 'postgres'
import { DbError } from '../db-error.ts'

/** What `connectPostgres` takes. Durations are milliseconds. */
export interface PostgresOptions {
  /**
   * `postgres://user:password@host/database`. Of several hosts the next is tried when one is not reached,
   * or turns out to be read-only; the call that found out fails, and may be repeated.
   */
  readonly url?: string
  /**
   * In place of `url`: a postgres.js client of yours, whose server, credentials and TLS are used. Its
   * connections are not: ours are of their own, and yours is neither changed nor closed.
   */
  readonly sql?: Sql
  /**
   * Where to LISTEN, if `url` leads to a pooler: a connection that listens has to be its own.
   * @defaultValue `url`, or nowhere behind a pooler
   */
  readonly directUrl?: string
  /**
   * `transaction` if the server is reached through a pooler that lends connections out per
   * transaction: nothing is then prepared, and nothing set for a session.
   */
  readonly pooler?: 'transaction'
  /** Whether statements are prepared. @defaultValue `false` behind a pooler, else `true` */
  readonly prepare?: boolean
  /** At most so many connections at once, beside those for control. @defaultValue 10 */
  readonly maxConnections?: number
  /** At most so many connections for heartbeats and the like. @defaultValue 2 */
  readonly maxControlConnections?: number
  /** How long a call waits for a free connection. @defaultValue 5000 */
  readonly acquireTimeoutMs?: number
  /** How long connecting may take. @defaultValue 5000 */
  readonly connectTimeoutMs?: number
  /** After how long without use a connection is closed. @defaultValue 60000 */
  readonly idleTimeoutMs?: number
  /** The server cancels a statement that takes longer; 0 for never. @defaultValue 30000 */
  readonly statementTimeoutMs?: number
  /** The server ends a transaction that does nothing for longer; 0 for never. @defaultValue 30000 */
  readonly idleInTransactionTimeoutMs?: number
  /** Shown in `pg_stat_activity`. @defaultValue `'cgk'` */
  readonly applicationName?: string
}

/** More than eleven days in milliseconds, and well within what a timer takes. */
const MOST = 1_000_000_000

/** What a connection is made of. */
export interface ConnectionSettings {
  readonly url: string | undefined
  readonly client: Options<Record<string, PostgresType>>
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  /** Through a pooler that lends connections per transaction. */
  readonly isPooled: boolean
  /** Run at the beginning of each transaction. */
  readonly transactionSetUp: string | undefined
}

/** What the pools and the listener are made of. */
export interface PostgresSettings {
  readonly connection: ConnectionSettings
  /** `null` where nobody can listen. */
  readonly listening: ConnectionSettings | null
  readonly maxConnections: number
  readonly maxControlConnections: number
  readonly acquireTimeoutMs: number
  readonly idleTimeoutMs: number
}

/** @throws {@link DbError} `DB_INVALID_OPTION`. Messages never hold a URL, which may hold a password. */
export function readSettings(options: PostgresOptions): PostgresSettings {
  const { url, sql, directUrl, pooler } = options
  if ((url === undefined) === (sql === undefined)) {
    throw invalid('give either url or sql')
  }
  if (url !== undefined) checkUrl('url', url)
  if (directUrl !== undefined) checkUrl('directUrl', directUrl)
  if (pooler !== undefined && pooler !== 'transaction') {
    throw invalid("pooler is 'transaction' or absent")
  }

  const statementTimeoutMs = count(options, 'statementTimeoutMs', 30_000, 0)
  const idleInTransactionTimeoutMs = count(options, 'idleInTransactionTimeoutMs', 30_000, 0)
  const limits = {
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
  }
  const name = { application_name: options.applicationName ?? 'cgk' }
  // Whatever is the default of the database or the role: SQL that locks and then looks needs to see what was
  // committed before it had the lock.
  const isolation = { default_transaction_isolation: 'read committed' as const }
  const settings = {
    connectTimeoutMs: count(options, 'connectTimeoutMs', 5000, 1),
    statementTimeoutMs,
  }
  const prepare = options.prepare ?? pooler === undefined
  const server = sql === undefined ? {} : serverOf(sql)
  const direct: ConnectionSettings = {
    ...settings,
    url: directUrl ?? url,
    client: {
      ...(directUrl === undefined && server),
      connection: { ...name, ...limits, ...isolation },
      prepare,
    },
    isPooled: false,
    transactionSetUp: undefined,
  }
  const pooled: ConnectionSettings = {
    ...settings,
    url,
    client: { ...server, connection: name, prepare },
    isPooled: true,
    // A pooler refuses to start a session with these, and a plain SET would be left to the next.
    transactionSetUp: [
      'set transaction isolation level read committed',
      ...Object.entries(limits).map(([limit, ms]) => `set local ${limit} = ${ms}`),
    ].join('; '),
  }
  const behindPooler = pooler !== undefined
  return {
    connection: behindPooler ? pooled : { ...direct, url, client: { ...direct.client, ...server } },
    listening: behindPooler && directUrl === undefined ? null : direct,
    maxConnections: count(options, 'maxConnections', 10, 1),
    maxControlConnections: count(options, 'maxControlConnections', 2, 1),
    acquireTimeoutMs: count(options, 'acquireTimeoutMs', 5000, 1),
    idleTimeoutMs: count(options, 'idleTimeoutMs', 60_000, 1),
  }
}

/** Server, credentials and TLS of a client, without what it does with its values and connections. */
function serverOf(sql: Sql): Options<Record<string, PostgresType>> {
  const { host, port, path, database, user, pass, ssl } = sql.options
  // The driver takes what it gives, whatever its types say: lists of hosts, a function for a password.
  const server = { host, port, database, user, pass, ssl, ...(path && { path }) }
  return server as unknown as Options<Record<string, PostgresType>>
}

function checkUrl(option: string, url: string): void {
  if (/^postgres(?:ql)?:\/\//.test(url)) {
    // Only the first of several hosts is something that URL can read.
    if (URL.canParse(url.replace(/,[^/?]*/, ''))) return
  }
  throw invalid(`${option} is not a URL like postgres://user:password@host/database`)
}

function count<K extends keyof PostgresOptions>(
  options: PostgresOptions,
  option: K,
  otherwise: number,
  atLeast: number,
): number {
  const value: unknown = options[option] ?? otherwise
  if (Number.isInteger(value) && Number(value) >= atLeast && Number(value) <= MOST) {
    return Number(value)
  }
  throw invalid(`${option} is a whole number from ${atLeast} to ${MOST}`)
}

function invalid(message: string): DbError {
  return new DbError('DB_INVALID_OPTION', `connectPostgres: ${message}`)
}
