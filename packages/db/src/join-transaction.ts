import type { Transaction as PgliteTransaction } from '@electric-sql/pglite'
import type { TransactionSql } from 'postgres'
import { DbError } from './db-error.ts'
import type { Queryable, Row, Transaction } from './db.ts'
import { toDbError } from './driver-error.ts'
import { runOnPglite } from './pglite/run-on-pglite.ts'
import { startStatement } from './postgres/statements.ts'

/**
 * A transaction that the caller began: of this package, of postgres.js, of PGlite, or of drizzle-orm on
 * either of the two.
 */
export type CallersTransaction =
  Transaction | TransactionSql | PgliteTransaction | { readonly _: { readonly session: object } }

/**
 * Runs statements in a transaction that the caller began and will end. Whatever parsers and serializers
 * the caller's client has, values come and go as elsewhere in this package; only column names pass
 * through the client's `transform`, so give columns names that survive it: one word in lower case.
 *
 * @throws {@link DbError} `DB_INVALID_OPTION` for something else.
 */
export function joinTransaction(transaction: CallersTransaction): Queryable {
  if ('driver' in transaction) return transaction
  const driver = driverOf(transaction)
  return {
    async query<R extends Row>(text: string, params: Parameters<Queryable['query']>[1] = []) {
      try {
        const rows = isPostgres(driver)
          ? await startStatement(driver, { text, params }, true).rows
          : await runOnPglite(driver, { text, params })
        return rows as readonly R[]
      } catch (error) {
        throw toDbError(error)
      }
    },
  }
}

function driverOf(
  transaction: Exclude<CallersTransaction, Transaction>,
): TransactionSql | PgliteTransaction {
  // drizzle-orm keeps the driver's transaction on its session.
  const candidate: unknown =
    '_' in transaction
      ? (transaction._.session as { readonly client?: unknown }).client
      : transaction
  if (isPostgres(candidate) || isPglite(candidate)) return candidate
  throw new DbError(
    'DB_INVALID_OPTION',
    'this is no transaction of postgres.js, PGlite or drizzle-orm',
  )
}

function isPostgres(value: unknown): value is TransactionSql {
  // A client has no savepoint: outside of a transaction there is nothing to join.
  return typeof value === 'function' && 'unsafe' in value && 'savepoint' in value
}

function isPglite(value: unknown): value is PgliteTransaction {
  return typeof value === 'object' && value !== null && 'rollback' in value && 'exec' in value
}
