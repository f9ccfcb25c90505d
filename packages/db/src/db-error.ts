/**
 * What a {@link DbError} carries where the server gave no SQLSTATE: something that happened on this
 * side of the connection.
 */
export type DbErrorCode =
  | 'DB_ABORTED'
  | 'DB_CLOSED'
  | 'DB_CONNECTION_FAILED'
  | 'DB_CONNECTION_LOST'
  | 'DB_CONNECTION_SILENT'
  | 'DB_POOL_EXHAUSTED'
  | 'DB_TRANSACTION_ENDED'
  | 'DB_NESTED_IN_TRANSACTION'
  | 'DB_INVALID_PARAMETER'
  | 'DB_INVALID_NAME'
  | 'DB_INVALID_OPTION'
  | 'DB_LISTEN_UNSUPPORTED'
  | 'DB_DIRECTORY_IN_USE'
  | 'DB_FORMAT_MISMATCH'
  | 'DB_NOT_INSTALLED'
  | 'DB_MIGRATION_DRIFT'
  | 'DB_MIGRATION_NEWER'
  | 'DB_UNKNOWN'

/** What a {@link DbError} is made of. */
export interface DbErrorOptions {
  /** Whether the same call may succeed later without a change. Default `false`. */
  readonly retryable?: boolean
  /** The constraint or the table the server named. */
  readonly constraint?: string | undefined
  readonly table?: string | undefined
  readonly detail?: string | undefined
  readonly cause?: unknown
}

/**
 * The one error class of this package.
 *
 * The message never holds a parameter value, and nothing it refers to does. After a `retryable` error
 * of a write it is unknown whether the write took effect, unless the server gave a reason (a deadlock,
 * a serialization failure, a timeout), which rolled it back.
 */
export class DbError extends Error {
  override readonly name = 'DbError'
  /** A SQLSTATE of five characters, e.g. `23505`, or one of {@link DbErrorCode}. */
  readonly code: string
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean
  /** The constraint that was violated, where the server names one. */
  declare readonly constraint?: string
  /** The table concerned, where the server names one. */
  declare readonly table?: string
  /**
   * What a function that raised one of our own SQLSTATEs, `CGK…`, gave as the detail. A server's own details
   * quote rows, and are dropped.
   */
  declare readonly detail?: string

  constructor(code: string, message: string, options: DbErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? false
    if (options.constraint !== undefined) this.constraint = options.constraint
    if (options.table !== undefined) this.table = options.table
    if (options.detail !== undefined) this.detail = options.detail
  }
}

/** Tells whether a value is a {@link DbError}, also one of another copy of this package. */
export function isDbError(value: unknown, code?: string): value is DbError {
  return (
    value instanceof Error &&
    value.name === 'DbError' &&
    'code' in value &&
    (code === undefined || value.code === code)
  )
}

/** What a call rejects with when its signal aborts. */
export function aborted(signal: AbortSignal | undefined): DbError {
  const message = 'the call to the database was aborted; whether a write took effect is unknown'
  return new DbError('DB_ABORTED', message, { retryable: true, cause: signal?.reason })
}
