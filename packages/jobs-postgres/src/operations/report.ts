import type { AttemptReport, CallOptions } from '@cgk/jobs-core'
import { parseJobId } from '../job-ids.ts'
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
  const made = parseJobId(lease.id)
  return {
    queue: lease.queue,
    tenant: lease.tenantId ?? '',
    jobId: lease.id,
    id: made === null ? null : String(made.id),
    createdAt: made?.createdAt ?? null,
    token: token?.claim ?? null,
    turn: token?.turn ?? null,
    progress,
    log,
    effects,
  }
}
