import type { AttemptReport, CallOptions } from '@cgk/jobs-core'
import { nameOf } from '../lease-batch.ts'
import type { StoreContext } from '../store-context.ts'
import { readToken } from '../token.ts'

/** See `LeaseStore.report`. */
export async function report(
  { db, schema }: StoreContext,
  reports: readonly AttemptReport[],
  options?: CallOptions,
): Promise<readonly boolean[]> {
  if (reports.length === 0) return []
  const [row] = await db.query<{ readonly current: readonly boolean[] }>(
    `select ${schema}.report($1::text::jsonb) as current`,
    [JSON.stringify(reports.map(toJson))],
    options,
  )
  return row!.current
}

function toJson({ lease, progress, log, effects }: AttemptReport): object {
  const token = readToken(lease.token)
  return {
    queue: lease.queue,
    token: token?.claim,
    turn: token?.turn,
    id: token?.id,
    tenant: lease.tenantId ?? '',
    ...(token !== null && nameOf(lease.id, token.id)),
    progress,
    log,
    effects,
  }
}
