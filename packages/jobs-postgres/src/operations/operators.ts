import type { ActionResult, CallOptions, JobRef } from '@cgk/jobs-core'
import { makeJobId, refColumns } from '../job-ids.ts'
import { readRecord } from '../job-record.ts'
import type { StoreContext } from '../store-context.ts'

interface ActedRow {
  readonly [column: string]: string | number | null | readonly string[]
  readonly place: number
  readonly status: 'changed' | 'unchanged' | 'keyTaken'
  /** JSON; see {@link Holder}. */
  readonly holder: string | null
  readonly record: string
  readonly hints: readonly ('ready' | 'changed')[]
}

interface Holder {
  readonly id: string
  readonly job_id: string | null
  readonly created_at: number
}

type Act = (
  context: StoreContext,
  refs: readonly JobRef[],
  options?: CallOptions,
) => Promise<readonly ActionResult[]>

/** See `JobCatalog.cancel`. */
export const cancel: Act = acting('cancel')

/** See `JobCatalog.retry`. */
export const retry: Act = acting('retry')

/** See `JobCatalog.remove`. */
export const remove: Act = acting('remove')

function acting(action: 'cancel' | 'retry' | 'remove'): Act {
  return async ({ db, schema, wakeUps }, refs, options) => {
    const results = refs.map((): ActionResult => ({ status: 'notFound' }))
    if (refs.length === 0) return results
    const rows = await db.query<ActedRow>(
      `select place, status, holder, record, hints from ${schema}.act($1, $2, $3, $4, $5, $6)`,
      [action, ...refColumns(refs)],
      options,
    )
    for (const row of rows) {
      const { queue } = refs[row.place - 1]!
      results[row.place - 1] = readResult(queue, row)
      for (const hint of row.hints) wakeUps[hint](queue)
    }
    return results
  }
}

function readResult(queue: string, { status, holder, record }: ActedRow): ActionResult {
  const job = readRecord(queue, record)
  if (status !== 'keyTaken') return { status, job }
  const { id, job_id: jobId, created_at: createdAt } = JSON.parse(holder!) as Holder
  return { status, job, holderId: jobId ?? makeJobId(id, createdAt) }
}
