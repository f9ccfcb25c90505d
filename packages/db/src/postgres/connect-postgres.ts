import type {
  CallOptions,
  QueryOptions,
  ConnectionPool,
  Db,
  Listener,
  Row,
  Statement,
  Transaction,
} from '../db.ts'
import type { Parameter } from '../values/parameters.ts'
import { PostgresConnection } from './postgres-connection.ts'
import { PostgresListener } from './postgres-listener.ts'
import { PostgresPool } from './postgres-pool.ts'
import { type PostgresOptions, type PostgresSettings, readSettings } from './postgres-settings.ts'
import { ServerAddress } from './server-address.ts'

const CLOSE_TIMEOUT_MS = 5000

/**
 * Makes connections to a Postgres server. Synchronous, without I/O: each is opened when a call needs
 * it, and replaced when it is lost. A server that is down makes calls fail with a `retryable` error
 * within `connectTimeoutMs`; no call waits longer than its time limit and a few seconds.
 *
 * @throws {@link DbError} `DB_INVALID_OPTION`
 *
 * @example
 * ```ts
 * const db = connectPostgres({ url: 'postgres://app@localhost/shop' })
 * const [row] = await db.query<{ id: bigint }>('select id from orders where code = $1', ['A-1'])
 * ```
 */
export function connectPostgres(options: PostgresOptions): Db {
  return new PostgresDb(readSettings(options))
}

class PostgresDb implements Db {
  readonly kind = 'postgres'
  readonly control: ConnectionPool
  readonly #pools: readonly [PostgresPool, PostgresPool]
  readonly #listener: PostgresListener

  constructor(settings: PostgresSettings) {
    const address = new ServerAddress()
    const openPool = (maxConnections: number): PostgresPool =>
      new PostgresPool({
        open: () => new PostgresConnection(settings.connection, address),
        maxConnections,
        acquireTimeoutMs: settings.acquireTimeoutMs,
        idleTimeoutMs: settings.idleTimeoutMs,
        onReadOnly: () => {
          for (const pool of this.#pools) pool.discard()
        },
      })
    this.#pools = [openPool(settings.maxConnections), openPool(settings.maxControlConnections)]
    this.control = this.#pools[1]
    this.#listener = new PostgresListener(settings.listening, new ServerAddress())
  }

  query<R extends Row>(
    text: string,
    params?: readonly Parameter[],
    options?: QueryOptions,
  ): Promise<readonly R[]> {
    return this.#pools[0].query<R>(text, params, options)
  }

  pipeline(
    statements: readonly Statement[],
    options?: CallOptions,
  ): Promise<readonly (readonly Row[])[]> {
    return this.#pools[0].pipeline(statements, options)
  }

  transaction<T>(fn: (tx: Transaction) => Promise<T>, options?: CallOptions): Promise<T> {
    return this.#pools[0].transaction(fn, options)
  }

  listen(channel: string, listener: Listener): Promise<() => Promise<void>> {
    return this.#listener.listen(channel, listener)
  }

  async close(): Promise<void> {
    await Promise.all([
      this.#listener.close(),
      ...this.#pools.map((pool) => pool.close(CLOSE_TIMEOUT_MS)),
    ])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
