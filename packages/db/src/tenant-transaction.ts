import { parseTenantId } from '@cgk/core'
import type { CallOptions, Db, Transaction } from './db.ts'

/**
 * Runs `fn` in a transaction that acts for one tenant: `current_setting('cgk.tenant', true)` is its id
 * until the transaction ends, for the policies of row-level security to compare. Outside of such a
 * transaction it is empty, which a policy has to refuse.
 *
 * @throws {@link InvalidTenantIdError} for what is no tenant id; {@link DbError}
 */
export async function withTenantTransaction<T>(
  db: Pick<Db, 'transaction'>,
  tenantId: string,
  fn: (tx: Transaction) => Promise<T>,
  options?: CallOptions,
): Promise<T> {
  const tenant = parseTenantId(tenantId)
  return db.transaction(async (tx) => {
    await tx.query(`select set_config('cgk.tenant', $1, true)`, [tenant])
    return fn(tx)
  }, options)
}
