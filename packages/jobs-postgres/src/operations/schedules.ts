import {
  idConflict,
  type AdvanceResult,
  type CallOptions,
  type EnqueueResult,
  type ScheduleAdvance,
  type SchedulePut,
  type ScheduleRecord,
  type ScheduleRef,
  type ScheduleStore,
} from '@cgk/jobs-core'
import { isDbError } from '@cgk/db'
import { makeJobId } from '../job-ids.ts'
import { toJsonJob } from '../json-job.ts'
import { readCursor, writeCursor } from '../page-cursor.ts'
import { refusalOf } from '../refusal.ts'
import type { StoreContext } from '../store-context.ts'
import { readStoredResults, type StoredResult } from '../stored-results.ts'

/** A row of `schedule`, with the name of its queue. */
type ScheduleColumns = {
  readonly queue: string
  readonly tenant: string
  readonly id: string
  readonly spec: string
  readonly revision: bigint
  readonly paused: boolean
  readonly next_at: bigint | null
  readonly created_at: bigint
  readonly updated_at: bigint
  readonly last_fire: string | null
  readonly last_end: string | null
}

/** A job as the notes on a schedule name it. */
interface NotedJob {
  readonly id: string
  readonly jobId?: string | null
  readonly createdAt: number
}

const COLUMNS = `s.tenant, s.id, s.spec, s.revision, s.paused, s.next_at, s.created_at, s.updated_at,
  s.last_fire::text as last_fire, s.last_end::text as last_end`

/** See `ScheduleStore.putSchedule`. */
export async function putSchedule(
  { db, schema }: StoreContext,
  { queue, tenantId, id, spec, paused, nextAt, expected }: SchedulePut,
  options?: CallOptions,
): ReturnType<ScheduleStore['putSchedule']> {
  const [row] = await db.query<ScheduleColumns & { readonly stored: boolean }>(
    `select p.stored, ${COLUMNS.replaceAll('s.', '(p.kept).')}, $1 as queue
     from ${schema}.put_schedule($1, $2, $3, $4, $5, $6, $7::text::jsonb) p`,
    [queue, tenantId ?? '', id, spec, paused, nextAt, expected && JSON.stringify(expected)],
    options,
  )
  const schedule = row!.id === null ? null : readSchedule(row!)
  return row!.stored ? { status: 'stored', schedule: schedule! } : { status: 'stale', schedule }
}

/** See `ScheduleStore.getSchedules`. */
export async function getSchedules(
  { db, schema }: StoreContext,
  refs: readonly ScheduleRef[],
  options?: CallOptions,
): Promise<{ readonly now: number; readonly schedules: readonly (ScheduleRecord | null)[] }> {
  const rows = await db.query<ScheduleColumns & { readonly place: bigint; readonly now: bigint }>(
    `select t.now, r.place, r.queue, ${COLUMNS}
     from (select ${schema}.now_ms() as now) t
     left join unnest($1::text[], $2::text[], $3::text[]) with ordinality as r (queue, tenant, id, place) on true
     left join ${schema}.queue q on q.name = r.queue
     left join ${schema}.schedule s on s.queue = q.id and s.tenant = r.tenant and s.id = r.id
     order by r.place`,
    [
      refs.map(({ queue }) => queue),
      refs.map(({ tenantId }) => tenantId ?? ''),
      refs.map(({ id }) => id),
    ],
    options,
  )
  return {
    now: Number(rows[0]!.now),
    schedules: refs.map((_, index) =>
      rows[index]!.id === null ? null : readSchedule(rows[index]!),
    ),
  }
}

/** See `ScheduleStore.listSchedules`. */
export async function listSchedules(
  { db, schema }: StoreContext,
  { queue, tenantId, limit, cursor }: Parameters<ScheduleStore['listSchedules']>[0],
  options?: CallOptions,
): ReturnType<ScheduleStore['listSchedules']> {
  const [afterTenant, afterId] = cursor === undefined ? [null, null] : readCursor(cursor, 2)
  const rows = await db.query<ScheduleColumns>(
    `select q.name as queue, ${COLUMNS}
     from ${schema}.queue q join ${schema}.schedule s on s.queue = q.id
     where q.name = $1 and ($2::text is null or s.tenant = $2)
       and ($3::text is null or (${schema}.utf16_order(s.tenant), ${schema}.utf16_order(s.id))
         > (${schema}.utf16_order($3), ${schema}.utf16_order($4)))
     order by ${schema}.utf16_order(s.tenant), ${schema}.utf16_order(s.id)
     limit $5::bigint`,
    [queue, tenantId === undefined ? null : (tenantId ?? ''), afterTenant, afterId, limit + 1],
    options,
  )
  const schedules = rows.slice(0, limit).map(readSchedule)
  const last = schedules.at(-1)
  return {
    schedules,
    nextCursor:
      rows.length > limit && last !== undefined
        ? writeCursor([last.tenantId ?? '', last.id])
        : null,
  }
}

/** See `ScheduleStore.dueSchedules`. */
export async function dueSchedules(
  { db, schema }: StoreContext,
  { queues, limit }: { readonly queues: readonly string[]; readonly limit: number },
  options?: CallOptions,
): ReturnType<ScheduleStore['dueSchedules']> {
  const rows = await db.query<ScheduleColumns & { readonly now: bigint }>(
    `select t.now, d.*
     from (select ${schema}.now_ms() as now) t
     left join lateral (
       select q.name as queue, ${COLUMNS}
       from ${schema}.queue q join ${schema}.schedule s on s.queue = q.id
       where q.name = any($1::text[]) and not s.paused and s.next_at is not null
       order by s.next_at
       limit $2::bigint
     ) d on true
     order by d.next_at`,
    // One more than is shown tells when the next is due.
    [queues, limit + 1],
    options,
  )
  const now = Number(rows[0]!.now)
  const upcoming = rows.filter(({ id }) => id !== null).map(readSchedule)
  const due = upcoming.slice(0, limit).filter(({ nextAt }) => nextAt! <= now)
  const next = upcoming[due.length]
  return {
    now,
    schedules: due,
    nextInMs: next === undefined ? null : Math.max(0, next.nextAt! - now),
  }
}

/** See `ScheduleStore.advanceSchedules`. */
export async function advanceSchedules(
  { db, schema, wakeUps }: StoreContext,
  advances: readonly ScheduleAdvance[],
  options?: CallOptions,
): Promise<readonly AdvanceResult[]> {
  if (advances.length === 0) return []
  const input = advances.map(({ queue, tenantId, id, expected, nextAt, ticks }) => ({
    queue,
    tenant: tenantId ?? '',
    id,
    expected,
    nextAt,
    ticks: ticks.map(({ tickAt, jobs }) => ({ tickAt, jobs: jobs.map(toJsonJob) })),
  }))
  try {
    const [row] = await db.query<{ readonly answers: string }>(
      `select ${schema}.advance_schedules($1::text::jsonb)::text as answers`,
      [JSON.stringify(input)],
      options,
    )
    const answers = JSON.parse(row!.answers) as readonly (readonly StoredResult[] | null)[]
    for (const { queue, ticks } of advances) if (ticks.length > 0) wakeUps.ready(queue)
    return answers.map((made, index): AdvanceResult => {
      if (made === null) return { status: 'stale' }
      return { status: 'advanced', jobs: jobsOf(advances[index]!, made) }
    })
  } catch (error) {
    if (!isDbError(error, 'CGK02')) throw error
    const { advance, index, holderName } = refusalOf(error) as {
      readonly advance: number
      readonly index: number
      readonly holderName: string
    }
    throw idConflict(newJobsOf(advances[advance]!), index, holderName)
  }
}

/** See `ScheduleStore.removeSchedules`. */
export async function removeSchedules(
  { db, schema }: StoreContext,
  refs: readonly ScheduleRef[],
  options?: CallOptions,
): Promise<readonly boolean[]> {
  const rows = await db.query<{ readonly place: bigint }>(
    `delete from ${schema}.schedule s
     using unnest($1::text[], $2::text[], $3::text[]) with ordinality as r (queue, tenant, id, place),
       ${schema}.queue q
     where q.name = r.queue and s.queue = q.id and s.tenant = r.tenant and s.id = r.id
     returning r.place`,
    [
      refs.map(({ queue }) => queue),
      refs.map(({ tenantId }) => tenantId ?? ''),
      refs.map(({ id }) => id),
    ],
    options,
  )
  const removed = new Set(rows.map(({ place }) => Number(place)))
  return refs.map((_, index) => removed.has(index + 1))
}

function jobsOf(advance: ScheduleAdvance, made: readonly StoredResult[]): readonly EnqueueResult[] {
  return readStoredResults(newJobsOf(advance), made)
}

function newJobsOf({
  ticks,
}: ScheduleAdvance): readonly ScheduleAdvance['ticks'][number]['jobs'][number][] {
  return ticks.flatMap(({ jobs }) => jobs)
}

function readSchedule(row: ScheduleColumns): ScheduleRecord {
  return {
    queue: row.queue,
    tenantId: row.tenant === '' ? null : row.tenant,
    id: row.id,
    spec: row.spec,
    revision: Number(row.revision),
    paused: row.paused,
    nextAt: row.next_at === null ? null : Number(row.next_at),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    lastFire: readFire(row.last_fire),
    lastEnd: readEnd(row.last_end),
  }
}

function readFire(text: string | null): ScheduleRecord['lastFire'] {
  if (text === null) return null
  const { job, ...fire } = JSON.parse(text) as Omit<
    NonNullable<ScheduleRecord['lastFire']>,
    'jobId'
  > & {
    readonly job: NotedJob | null
  }
  return { ...fire, jobId: job === null ? null : idOf(job) }
}

function readEnd(text: string | null): ScheduleRecord['lastEnd'] {
  if (text === null) return null
  const { job, ...end } = JSON.parse(text) as Omit<
    NonNullable<ScheduleRecord['lastEnd']>,
    'jobId'
  > & {
    readonly job: NotedJob
  }
  return { jobId: idOf(job), ...end }
}

function idOf({ id, jobId, createdAt }: NotedJob): string {
  return jobId ?? makeJobId(id, createdAt)
}
