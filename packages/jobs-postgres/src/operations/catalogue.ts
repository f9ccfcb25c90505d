import type {
  CallOptions,
  JobCatalog,
  JobCounts,
  JobRecord,
  JobRef,
  JobStatus,
} from '@cgk/jobs-core'
import { refColumns } from '../job-ids.ts'
import { readRecord } from '../job-record.ts'
import { foreignCursor, readCursor, writeCursor } from '../page-cursor.ts'
import type { StoreContext } from '../store-context.ts'

/** See `JobCatalog.get`. */
export async function get(
  { db, schema }: StoreContext,
  refs: readonly JobRef[],
  options?: CallOptions,
): Promise<readonly (JobRecord | null)[]> {
  if (refs.length === 0) return []
  const rows = await db.query<{ readonly place: number; readonly record: string }>(
    `select place, record from ${schema}.get_jobs($1, $2, $3, $4, $5)`,
    refColumns(refs),
    options,
  )
  const records = refs.map((): JobRecord | null => null)
  for (const { place, record } of rows) {
    records[place - 1] = readRecord(refs[place - 1]!.queue, record)
  }
  return records
}

/** See `JobCatalog.list`. The cursor is the id of the row of the last job shown. */
export async function list(
  { db, schema }: StoreContext,
  request: Parameters<JobCatalog['list']>[0],
  options?: CallOptions,
): ReturnType<JobCatalog['list']> {
  const { queue, tenantId, limit, cursor } = request
  const rows = await db.query<{ readonly id: bigint; readonly record: string }>(
    `select id, record from ${schema}.list_jobs($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      queue,
      tenantColumn(tenantId),
      request.statuses ?? null,
      request.names ?? null,
      request.keyPrefix ?? null,
      request.groupId ?? null,
      request.scheduleId ?? null,
      cursor === undefined ? AFTER_ALL : readId(cursor),
      // One more than is shown tells whether there is another page.
      limit + 1,
    ],
    options,
  )
  const shown = rows.slice(0, limit)
  return {
    jobs: shown.map(({ record }) => readRecord(queue, record)),
    nextCursor: rows.length > limit ? writeCursor([String(rows[limit - 1]!.id)]) : null,
  }
}

/** See `JobCatalog.counts`. */
export async function counts(
  { db, schema }: StoreContext,
  { queue, tenantId }: Parameters<JobCatalog['counts']>[0],
  options?: CallOptions,
): Promise<JobCounts> {
  const rows = await db.query<{ readonly status: JobStatus; readonly jobs: bigint }>(
    `select status, jobs from ${schema}.count_jobs($1, $2)`,
    [queue, tenantColumn(tenantId)],
    options,
  )
  const counted: Record<JobStatus, number> = {
    pending: 0,
    scheduled: 0,
    retrying: 0,
    running: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
  }
  for (const { status, jobs } of rows) counted[status] = Number(jobs)
  return counted
}

/** A filter's tenant: null for all, '' for jobs without one. */
function tenantColumn(tenantId: string | null | undefined): string | null {
  return tenantId === undefined ? null : (tenantId ?? '')
}

/** Greater than any id of a row. */
const AFTER_ALL = 2n ** 63n - 1n

function readId(cursor: string): bigint {
  const [text = ''] = readCursor(cursor, 1)
  if (!/^[1-9]\d{0,18}$/.test(text) || BigInt(text) > AFTER_ALL) throw foreignCursor()
  return BigInt(text)
}
