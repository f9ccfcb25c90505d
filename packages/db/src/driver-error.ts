import { DbError, type DbErrorCode } from './db-error.ts'

/** Classes of SQLSTATE whose errors may pass: lost connections, rollbacks, missing resources, the server's system. */
const RETRYABLE_CLASSES: ReadonlySet<string> = new Set(['08', '40', '53', '58'])

/** @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
const RETRYABLE_STATES: ReadonlySet<string> = new Set([
  '25006', // read_only_sql_transaction: a standby, or a primary that was demoted
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '55P03', // lock_not_available
  '57014', // query_canceled, by a timeout or by somebody
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
])

/** Errors of sockets and of the driver that say that the connection was not made. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT', // the socket file of a server that is down
  'EADDRNOTAVAIL', // no port is left on this side
  'EMFILE', // no descriptor is left in this process
  'ENFILE', // nor on this machine
  'CONNECT_TIMEOUT',
])

/** Errors of sockets and of the driver that say that the connection is gone. */
const LOST: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTDOWN',
  'ENETDOWN',
  'ENOBUFS',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
])

/** What the drivers' errors have in common. */
interface DriverError extends Error {
  readonly code?: unknown
  /** Absent from what a pooler says. */
  readonly severity?: unknown
  readonly constraint?: unknown
  readonly constraint_name?: unknown
  readonly detail?: unknown
  readonly table?: unknown
  readonly table_name?: unknown
}

/** Translates what a driver threw; leaves a {@link DbError} as it is. */
export function toDbError(error: unknown): DbError {
  if (error instanceof DbError) return error
  if (!(error instanceof Error))
    return new DbError('DB_UNKNOWN', `the driver threw ${typeof error}`)
  return isServerError(error) ? fromServer(error) : fromDriver(error)
}

/**
 * Tells whether the connection is in a known state after the error: the server refused a statement
 * and waits for the next. After anything else it must not be used again.
 */
export function leavesConnectionUsable(error: unknown): boolean {
  return isServerError(error) && error.severity === 'ERROR'
}

function isServerError(error: unknown): error is DriverError & { readonly code: string } {
  return (
    error instanceof Error &&
    ('severity' in error || 'severity_local' in error) &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(error.code)
  )
}

// The driver's error is not kept as the cause: its `detail` and `where` quote the row and the
// parameters, and postgres.js hangs the parameters themselves on it.
function fromServer(error: DriverError & { readonly code: string }): DbError {
  const { code } = error
  if (code === '08P01' && error.message.startsWith('unsupported startup parameter')) {
    return new DbError(
      'DB_INVALID_OPTION',
      `connectPostgres: the URL leads to a pooler, which says "${error.message}": set pooler to 'transaction'`,
    )
  }
  const retryable = RETRYABLE_STATES.has(code) || RETRYABLE_CLASSES.has(code.slice(0, 2))
  return new DbError(code, `${withoutValues(code, error.message)} (SQLSTATE ${code})`, {
    retryable,
    constraint: text(error.constraint_name) ?? text(error.constraint),
    table: text(error.table_name) ?? text(error.table),
    detail: code.startsWith('CGK') ? text(error.detail) : undefined,
  })
}

/** Data exceptions quote the value: `invalid input syntax for type integer: "secret"`. */
function withoutValues(code: string, message: string): string {
  return code.startsWith('22') ? message.replace(/".*"/s, '"…"') : message
}

function fromDriver(error: DriverError): DbError {
  const code = text(error.code) ?? ''
  const message = error.message === '' ? code : error.message // Node's AggregateError has none.
  const cause = Object.assign(new Error(message), { code })
  if (NOT_CONNECTED.has(code)) return connectionError('DB_CONNECTION_FAILED', message, cause)
  if (LOST.has(code)) return connectionError('DB_CONNECTION_LOST', message, cause)
  return new DbError('DB_UNKNOWN', message, { cause })
}

function connectionError(code: DbErrorCode, message: string, cause: Error): DbError {
  const what = code === 'DB_CONNECTION_FAILED' ? 'not reached' : 'lost'
  return new DbError(code, `the connection to the database was ${what}: ${message}`, {
    retryable: true,
    cause,
  })
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
