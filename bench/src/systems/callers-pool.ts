import type { Pool, PoolClient } from 'pg'

/** Connections that callers with transactions of their own share; the same for every system. */
export const CALLERS_CONNECTIONS = 20

/** The connections of an application that uses node-postgres. */
export class CallersPool implements AsyncDisposable {
  readonly #pool: Pool

  private constructor(pool: Pool) {
    this.#pool = pool
  }

  /** Opens it; connections follow as they are needed. */
  static async open(url: string): Promise<CallersPool> {
    const { default: pg } = await import('pg')
    return new CallersPool(new pg.Pool({ connectionString: url, max: CALLERS_CONNECTIONS }))
  }

  /** Calls the function in a transaction, which commits when it returns. */
  async transaction(call: (client: PoolClient) => Promise<unknown>): Promise<void> {
    const client = await this.#pool.connect()
    try {
      await client.query('begin')
      await call(client)
      await client.query('commit')
    } catch (error) {
      // Its transaction is open: it must not be handed on.
      client.release(true)
      throw error
    }
    client.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end()
  }
}
