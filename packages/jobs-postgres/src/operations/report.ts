import type { AttemptReport, CallOptions } from '@cgk/jobs-core'
import { factsOf } from '../claimed-lease.ts'
import type { StoreContext } from '../store-context.ts'

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
  const facts = factsOf(lease)
  return {
    queue: lease.queue,
    token: facts?.claim,
    turn: facts?.turn,
    id: facts?.id,
    tenant: lease.tenantId ?? '',
    jobId: facts?.jobId,
    createdAt: facts?.createdAt,
    progress,
    log,
    effects,
  }
}
