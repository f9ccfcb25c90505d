import type { DriverTransaction } from './driver-transaction.ts'
import type { Parameter } from './values/parameters.ts'
import type { Value } from './values/values.ts'

/** One row: its columns by name. What each type becomes is told at {@link Value}. */
export type Row = Readonly<Record<string, Value>>

/** A statement and what its `$1`, `$2`, … stand for. */
export interface Statement {
  readonly text: string
  readonly params?: readonly Parameter[]
  /** Promises that all columns are of type `text`: of many rows these are read faster, where the connection is ours. */
  readonly answersTexts?: boolean
}

/** What every call takes beside its request. */
export interface CallOptions {
  /**
   * When it aborts, the call rejects at once with `DB_ABORTED`, and its connection is given up: whether
   * a write took effect is then unknown. The server is asked to cancel the statement.
   */
  readonly signal?: AbortSignal
}

/** Runs statements as {@link ConnectionPool.pipeline} does, on a connection that is in use. */
export type Pipeline = ConnectionPool['pipeline']

/** What a call of one statement takes. */
export interface QueryOptions extends CallOptions {
  /**
   * On a pool of connections to a server: called once the statement is on its way. What it is given runs more on
   * the same connection, right behind the statement and without waiting for its answer. They share the
   * connection's fate: whoever gives up one of them gives up all. Once the statement is answered it is any pipeline.
   */
  readonly onSent?: (behind: Pipeline) => void
}

/**
 * Something that runs SQL: a pool, a transaction of ours, or one of the caller's.
 *
 * SQL means the same on every implementation if it casts parameters that are not plain text or
 * numbers, as in `$1::bigint[]`, and passes JSON as `$1::text::jsonb` (drivers differ in what they do
 * to JSON parameters).
 */
export interface Queryable {
  /**
   * Runs one statement.
   *
   * @throws {@link DbError}
   */
  query<R extends Row = Row>(
    text: string,
    params?: readonly Parameter[],
    options?: QueryOptions,
  ): Promise<readonly R[]>
}

/** A transaction, valid until the function it was given to returns. */
export interface Transaction extends Queryable {
  /** Runs a text of several statements, without parameters and without a time limit. */
  runScript(text: string): Promise<void>
  /** Calls `fn` once the transaction is committed: not if it is rolled back, nor if nobody knows. */
  onCommit(fn: () => void): void
  /** The driver's own transaction, to hand to libraries that know the driver. */
  readonly driver: DriverTransaction
}

/** A set of connections. */
export interface ConnectionPool extends Queryable {
  /**
   * Runs statements one after the other on one connection, each a transaction of its own, without
   * waiting for an answer in between, except through a pooler. Rejects with the first error; later
   * statements run all the same.
   */
  pipeline(
    statements: readonly Statement[],
    options?: CallOptions,
  ): Promise<readonly (readonly Row[])[]>

  /**
   * Runs `fn` in a transaction: committed when it resolves, rolled back when it rejects. A connection
   * lost during the commit rejects with a `retryable` error, and the outcome is unknown.
   */
  transaction<T>(fn: (tx: Transaction) => Promise<T>, options?: CallOptions): Promise<T>
}

/** What somebody who listens is told. */
export interface Listener {
  onNotify(payload: string): void
  /** Notifications may be missed from here on. */
  onLost?(error: Error): void
  /** Listening again after {@link Listener.onLost}; look for what was missed. */
  onRestored?(): void
}

/** A database. Opened without I/O by `connectPostgres`, or by `openPglite`. */
export interface Db extends ConnectionPool, AsyncDisposable {
  readonly kind: 'postgres' | 'pglite'
  /**
   * A few connections apart from the others, for heartbeats and the like: whoever holds all of the
   * others cannot keep these waiting. On PGlite the same single connection.
   */
  readonly control: ConnectionPool
  /**
   * Listens on a channel until the function it resolves with is called. Notifications are hints: they
   * may be lost with the connection, which is opened again by itself.
   *
   * @param channel - 1–63 characters of `A-Z a-z 0-9 _ . : -`
   * @throws {@link DbError} `DB_LISTEN_UNSUPPORTED` behind a pooler without a `directUrl`.
   */
  listen(channel: string, listener: Listener): Promise<() => Promise<void>>
  /** Waits a few seconds for running calls, then closes every connection. Later calls are refused. */
  close(): Promise<void>
}
