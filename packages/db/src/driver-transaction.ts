import type { Transaction as PgliteTransaction } from '@electric-sql/pglite'
import type { TransactionSql } from 'postgres'

/** A driver's own transaction. */
export type DriverTransaction =
  | { readonly kind: 'postgres'; readonly sql: TransactionSql }
  | { readonly kind: 'pglite'; readonly transaction: PgliteTransaction }
