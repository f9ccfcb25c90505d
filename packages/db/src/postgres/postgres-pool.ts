import { aborted, DbError, isDbError } from '../db-error.ts'
import type {
  CallOptions,
  ConnectionPool,
  QueryOptions,
  Row,
  Statement,
  Transaction,
} from '../db.ts'
import type { Parameter } from '../values/parameters.ts'
import type { PostgresConnection } from './postgres-connection.ts'

interface PoolOptions {
  readonly open: () => PostgresConnection
  readonly maxConnections: number
  readonly acquireTimeoutMs: number
  readonly idleTimeoutMs: number
  /** A server that only reads is not the one we want: every pool has to look for it anew. */
  readonly onReadOnly: () => void
}

interface Waiter {
  readonly resolve: (connection: PostgresConnection) => void
  readonly reject: (error: DbError) => void
}

interface IdleConnection {
  readonly connection: PostgresConnection
  readonly since: number
}

/**
 * Connections, each lent to one call at a time: statements of different callers never wait in one line
 * behind a slow one, and a call that is given up takes nobody else's statement with it.
 */
export class PostgresPool implements ConnectionPool {
  readonly #options: PoolOptions
  /** The one used last comes last, and is used first: the others grow old and are closed. */
  readonly #idle: IdleConnection[] = []
  /** Runs while there are idle connections, and once more. */
  #idleTimer: NodeJS.Timeout | undefined
  /** With how many calls each of them has under way. */
  readonly #busy = new Map<PostgresConnection, number>()
  /** Busy connections that are not to be used again. */
  readonly #discarded = new WeakSet<PostgresConnection>()
  readonly #waiting: Waiter[] = []
  #closed: Promise<void> | undefined
  #onDrained: () => void = () => {}

  constructor(options: PoolOptions) {
    this.#options = options
  }

  query<R extends Row>(
    text: string,
    params: readonly Parameter[] = [],
    options?: QueryOptions,
  ): Promise<readonly R[]> {
    const onSent = options?.onSent
    if (onSent === undefined) {
      return this.#use(
        options,
        (connection) => connection.query({ text, params }) as Promise<readonly R[]>,
      )
    }
    return this.#use(options, async (connection) => {
      const answer = connection.query({ text, params })
      let isUnderWay = connection.sendsAhead
      // The driver writes at the end of this turn; what is made ready before then would keep it.
      setImmediate(() => {
        setImmediate(() => {
          if (!isUnderWay) return
          onSent((statements, behind) =>
            isUnderWay
              ? this.#hold(connection, behind, () => connection.pipeline(statements))
              : this.pipeline(statements, behind),
          )
        })
      })
      try {
        return (await answer) as readonly R[]
      } finally {
        isUnderWay = false
      }
    })
  }

  pipeline(
    statements: readonly Statement[],
    options?: CallOptions,
  ): Promise<readonly (readonly Row[])[]> {
    return this.#use(options, (connection) => connection.pipeline(statements))
  }

  transaction<T>(fn: (tx: Transaction) => Promise<T>, options?: CallOptions): Promise<T> {
    return this.#use(options, (connection) => connection.transaction(fn))
  }

  /** Uses no connection again that is open now. */
  discard(): void {
    this.#discardIdle()
    for (const connection of this.#busy.keys()) this.#discarded.add(connection)
  }

  /** Waits for what is under way, but not for long. */
  close(timeoutMs: number): Promise<void> {
    this.#closed ??= this.#drain(timeoutMs)
    return this.#closed
  }

  async #drain(timeoutMs: number): Promise<void> {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(closed())
    if (this.#busy.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onDrained = resolve
      const timer = setTimeout(resolve, timeoutMs)
      await promise
      clearTimeout(timer)
    }
    for (const connection of this.#busy.keys()) connection.abandon(closed())
    await Promise.all(this.#takeIdle().map((connection) => connection.close()))
  }

  /** Without a promise of its own where a connection is free: this is on the way of every call. */
  #use<T>(
    options: CallOptions | undefined,
    call: (connection: PostgresConnection) => Promise<T>,
  ): Promise<T> {
    const signal = options?.signal
    if (this.#closed !== undefined) return Promise.reject(closed())
    if (signal?.aborted === true) return Promise.reject(aborted(signal))
    const connection = this.#takeFree()
    if (connection !== undefined) return this.#hold(connection, options, call)
    return this.#wait(signal).then((waitedFor) => this.#hold(waitedFor, options, call))
  }

  async #hold<T>(
    connection: PostgresConnection,
    options: CallOptions | undefined,
    call: (connection: PostgresConnection) => Promise<T>,
  ): Promise<T> {
    const signal = options?.signal
    this.#busy.set(connection, (this.#busy.get(connection) ?? 0) + 1)
    const onAbort = (): void => {
      connection.abandon(aborted(signal))
      // Their peers are as old: if this one was silent, each of them would cost somebody a deadline.
      this.#discardIdle()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await call(connection)
    } catch (error) {
      if (isDbError(error, '25006')) {
        connection.leaveHost()
        this.#options.onReadOnly()
      }
      if (isDbError(error, 'DB_CONNECTION_SILENT')) this.#discardIdle()
      throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#release(connection)
    }
  }

  #takeFree(): PostgresConnection | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      const { connection } = idle
      if (connection.isLost) continue
      connection.ref()
      return this.#lend(connection)
    }
    const isFull = this.#busy.size >= this.#options.maxConnections
    return isFull ? undefined : this.#lend(this.#options.open())
  }

  #wait(signal: AbortSignal | undefined): Promise<PostgresConnection> {
    const { maxConnections, acquireTimeoutMs } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<PostgresConnection>()
    const waiter: Waiter = { resolve, reject }
    const leave = (error: DbError): void => {
      const place = this.#waiting.indexOf(waiter)
      if (place === -1) return // A connection was handed over at this very moment.
      this.#waiting.splice(place, 1)
      reject(error)
    }
    const onAbort = (): void => leave(aborted(signal))
    signal?.addEventListener('abort', onAbort, { once: true })
    const timer = setTimeout(() => {
      const message = `all ${maxConnections} connections to the database were in use for ${acquireTimeoutMs} ms`
      leave(new DbError('DB_POOL_EXHAUSTED', message, { retryable: true }))
    }, acquireTimeoutMs)
    this.#waiting.push(waiter)
    return promise.finally(() => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    })
  }

  #lend(connection: PostgresConnection): PostgresConnection {
    this.#busy.set(connection, 0)
    return connection
  }

  #release(connection: PostgresConnection): void {
    const calls = this.#busy.get(connection)! - 1
    this.#busy.set(connection, calls)
    if (calls > 0) return
    this.#busy.delete(connection)
    if (this.#discarded.has(connection)) void connection.close()
    const usable = !connection.isLost
    const next = this.#waiting.shift()
    if (next !== undefined) next.resolve(this.#lend(usable ? connection : this.#options.open()))
    else if (usable) this.#keep(connection)
    if (this.#busy.size === 0) this.#onDrained()
  }

  #keep(connection: PostgresConnection): void {
    connection.unref()
    this.#idle.push({ connection, since: performance.now() })
    if (this.#idleTimer === undefined) this.#closeOldIn(this.#options.idleTimeoutMs)
  }

  #closeOldIn(ms: number): void {
    this.#idleTimer = setTimeout(() => {
      this.#idleTimer = undefined
      const now = performance.now()
      const { idleTimeoutMs } = this.#options
      // A timer may be early by a fraction.
      const kept = this.#idle.findIndex(({ since }) => now - since < idleTimeoutMs - 1)
      const old = this.#idle.splice(0, kept === -1 ? this.#idle.length : kept)
      for (const { connection } of old) void connection.close()
      const [oldest] = this.#idle
      if (oldest !== undefined) this.#closeOldIn(oldest.since + idleTimeoutMs - now)
    }, ms).unref()
  }

  #discardIdle(): void {
    for (const connection of this.#takeIdle()) void connection.close()
  }

  #takeIdle(): readonly PostgresConnection[] {
    return this.#idle.splice(0).map(({ connection }) => connection)
  }
}

function closed(): DbError {
  return new DbError('DB_CLOSED', 'the database connections are closed')
}
