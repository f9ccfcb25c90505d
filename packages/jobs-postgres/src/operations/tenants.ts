import type { CallOptions, JobControls } from '@cgk/jobs-core'
import type { StoreContext } from '../store-context.ts'

interface TenantRow {
  readonly [column: string]: string | bigint | boolean | null
  readonly tenant: string
  readonly leased: bigint
  readonly waiting: bigint
  readonly oldest_due_at: bigint | null
  readonly paused: boolean
}

/** See `JobControls.listTenants`. The cursor is the last tenant shown, '' for none. */
export async function listTenants(
  { db, schema }: StoreContext,
  { queue, tenantId, limit, cursor }: Parameters<JobControls['listTenants']>[0],
  options?: CallOptions,
): ReturnType<JobControls['listTenants']> {
  const tenant = tenantId === undefined ? null : (tenantId ?? '')
  const rows = await db.query<TenantRow>(
    `select tenant, leased, waiting, oldest_due_at, paused
    from ${schema}.list_tenants($1, $2, $3, $4)`,
    // One more than is shown tells whether there is another page.
    [queue, tenant, limit + 1, cursor ?? null],
    options,
  )
  const shown = rows.slice(0, limit)
  return {
    tenants: shown.map((row) => ({
      tenantId: row.tenant === '' ? null : row.tenant,
      leased: Number(row.leased),
      waiting: Number(row.waiting),
      oldestDueAt: row.oldest_due_at === null ? null : Number(row.oldest_due_at),
      paused: row.paused,
    })),
    nextCursor: rows.length > limit ? shown.at(-1)!.tenant : null,
  }
}
