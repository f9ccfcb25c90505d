import type { PgQueryResultHKT, PgTransaction } from 'drizzle-orm/pg-core'
import type { Sql } from 'postgres'
import type { Transaction } from './db.ts'

/** drizzle-orm's view of a transaction, without a relational schema. */
export type DrizzleTransaction = PgTransaction<
  PgQueryResultHKT,
  Record<string, never>,
  Record<string, never>
>

/**
 * The transaction as drizzle-orm knows it, to run its queries in. Its own `transaction` is a savepoint.
 *
 * @example
 * ```ts
 * await db.transaction(async (tx) => {
 *   const orm = await drizzleOn(tx)
 *   await orm.insert(orders).values({ code: 'A-1' })
 * })
 * ```
 */
export async function drizzleOn({ driver }: Transaction): Promise<DrizzleTransaction> {
  const { PgDialect } = await import('drizzle-orm/pg-core')
  const dialect = new PgDialect()
  if (driver.kind === 'pglite') {
    const { PgliteSession, PgliteTransaction } = await import('drizzle-orm/pglite')
    const session = new PgliteSession(driver.transaction, dialect, undefined)
    return new PgliteTransaction(dialect, session, undefined) as unknown as DrizzleTransaction
  }
  const { PostgresJsSession, PostgresJsTransaction } = await import('drizzle-orm/postgres-js')
  // A session asks for a client, and takes the transaction of one, as drizzle-orm itself does.
  const session = new PostgresJsSession(driver.sql as unknown as Sql, dialect, undefined, {})
  return new PostgresJsTransaction(
    dialect,
    session as never,
    undefined,
  ) as unknown as DrizzleTransaction
}
