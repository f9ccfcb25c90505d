import {
  idConflict,
  JobsError,
  type AdvanceResult,
  type CallOptions,
  type ScheduleAdvance,
  type ScheduleEnd,
  type SchedulePut,
  type ScheduleRecord,
  type ScheduleRef,
  type ScheduleStore,
} from '@cgk/jobs-core'
import { jobArguments, tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { QueueRegistry } from '../queue-registry.ts'
import { toEnqueueResult, type EnqueueReply } from './enqueue.ts'
import { perQueue } from './per-queue.ts'

/** A row as `lua/schedules.ts` keeps it. */
interface Row {
  readonly spec: string
  readonly revision: number
  readonly paused: boolean
  readonly nextAt?: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly lastFire?: {
    readonly tickAt: string
    readonly firedAt: string
    readonly jobs: number
    readonly jobId?: string
  }
  readonly lastEnd?: {
    readonly jobId: string
    readonly tenantId: string
    readonly tickAt?: string
    readonly state: ScheduleEnd['state']
    readonly endedAt: string
  }
}

/** Between the parts of a name: no tenant and no id has it. */
const SEPARATOR = '\n'

/** Makes or changes a schedule. */
export async function putSchedule(
  caller: FunctionsCaller,
  registry: QueueRegistry,
  put: SchedulePut,
  options?: CallOptions,
): ReturnType<ScheduleStore['putSchedule']> {
  const { queue, spec, paused, nextAt, expected } = put
  await registry.add([queue], options)
  const seen = expected && JSON.stringify({ ...seenOf(expected), paused: expected.paused })
  const value = JSON.stringify({ spec, paused, nextAt: instantText(nextAt) })
  const args = [fieldOf(put), seen ?? '', value]
  const reply = await caller.call('putSchedule', [queue], args, options)
  const [status, text] = reply as readonly ['stored' | 'stale', string]
  const schedule = text === '' ? null : toRecord(queue, fieldOf(put), text)
  return status === 'stored' ? { status, schedule: schedule! } : { status, schedule }
}

/** Schedules by their names. */
export async function getSchedules(
  caller: FunctionsCaller,
  refs: readonly ScheduleRef[],
  options?: CallOptions,
): ReturnType<ScheduleStore['getSchedules']> {
  let now = 0
  const schedules = await perQueue(refs, async (queue, ofQueue) => {
    const fields = ofQueue.map(fieldOf)
    const reply = await caller.call('getSchedules', [queue], fields, options)
    const [itsNow, rows] = reply as readonly [string, readonly string[]]
    now = Number(itsNow)
    return rows.map((text, index) => (text === '' ? null : toRecord(queue, fields[index]!, text)))
  })
  return { now, schedules }
}

/** One page of the schedules of a queue. */
export async function listSchedules(
  caller: FunctionsCaller,
  { queue, tenantId, limit, cursor = '' }: Parameters<ScheduleStore['listSchedules']>[0],
  options?: CallOptions,
): ReturnType<ScheduleStore['listSchedules']> {
  if (cursor !== '' && !cursor.includes(SEPARATOR)) {
    throw new JobsError('JOBS_INVALID_OPTION', 'the cursor is not one that this store handed out')
  }
  const all = (await caller.call('listSchedules', [queue], [], options)) as readonly string[]
  const fields = all
    .filter((field) => field > cursor)
    .filter((field) => tenantId === undefined || refOf(queue, field).tenantId === tenantId)
    .toSorted((a, b) => (a < b ? -1 : 1))
  const page = fields.slice(0, limit)
  if (page.length === 0) return { schedules: [], nextCursor: null }
  const { schedules } = await getSchedules(
    caller,
    page.map((field) => refOf(queue, field)),
    options,
  )
  return {
    schedules: schedules.filter((schedule) => schedule !== null),
    nextCursor: fields.length > limit ? page.at(-1)! : null,
  }
}

/** The schedules that have a tick to deal with, the oldest tick first. */
export async function dueSchedules(
  caller: FunctionsCaller,
  { queues, limit }: { readonly queues: readonly string[]; readonly limit: number },
  options?: CallOptions,
): ReturnType<ScheduleStore['dueSchedules']> {
  const replies = await Promise.all(
    [...new Set(queues)].map(async (queue) => {
      const reply = await caller.call('dueSchedules', [queue], [String(limit)], options)
      const [now, fields, rows, next] = reply as readonly [
        string,
        readonly string[],
        readonly string[],
        string,
      ]
      const due = fields.map((field, index) => toRecord(queue, field, rows[index]!))
      return { now: Number(now), due, nextAt: next === '' ? Infinity : Number(next) }
    }),
  )
  const now = Math.max(0, ...replies.map((reply) => reply.now))
  const due = replies.flatMap((reply) => reply.due).toSorted((a, b) => a.nextAt! - b.nextAt!)
  const nextAt = Math.min(due[limit]?.nextAt ?? Infinity, ...replies.map((reply) => reply.nextAt))
  return {
    now,
    schedules: due.slice(0, limit),
    nextInMs: nextAt === Infinity ? null : Math.max(0, nextAt - now),
  }
}

/** Enqueues the jobs of ticks and moves the cursors. */
export function advanceSchedules(
  caller: FunctionsCaller,
  registry: QueueRegistry,
  advances: readonly ScheduleAdvance[],
  options?: CallOptions,
): Promise<readonly AdvanceResult[]> {
  return perQueue(advances, async (queue, ofQueue) => {
    await registry.add([queue], options)
    const args = ofQueue.flatMap(advanceArguments)
    const reply = await caller.call('advanceSchedules', [queue], args, options)
    const answer = reply as
      | readonly ['conflict', number, number, string]
      | readonly ['advanced', string, string, readonly (0 | readonly EnqueueReply[])[]]
    if (answer[0] === 'conflict') {
      const jobs = ofQueue[answer[1]]!.ticks.flatMap((tick) => tick.jobs)
      throw idConflict(jobs, answer[2], answer[3])
    }
    const [, now, series, results] = answer
    return results.map((ofOne, index): AdvanceResult => {
      if (ofOne === 0) return { status: 'stale' }
      const jobs = ofQueue[index]!.ticks.flatMap((tick) => tick.jobs)
      const from = { queue, now, series }
      return {
        status: 'advanced',
        jobs: ofOne.map((each, at) => toEnqueueResult(from, jobs[at]!, each)),
      }
    })
  })
}

/** Deletes schedules. */
export function removeSchedules(
  caller: FunctionsCaller,
  refs: readonly ScheduleRef[],
  options?: CallOptions,
): Promise<readonly boolean[]> {
  return perQueue(refs, async (queue, ofQueue) => {
    const reply = await caller.call('removeSchedules', [queue], ofQueue.map(fieldOf), options)
    return (reply as readonly number[]).map((wasThere) => wasThere === 1)
  })
}

function fieldOf({ tenantId, id }: Pick<ScheduleRef, 'tenantId' | 'id'>): string {
  return tenantText(tenantId) + SEPARATOR + id
}

function refOf(queue: string, field: string): ScheduleRef {
  const at = field.indexOf(SEPARATOR)
  return { queue, tenantId: field.slice(0, at) || null, id: field.slice(at + 1) }
}

function instantText(instant: number | null): string | undefined {
  return instant === null ? undefined : String(instant)
}

function seenOf(seen: Pick<ScheduleRecord, 'createdAt' | 'revision' | 'nextAt'>): object {
  const { createdAt, revision, nextAt } = seen
  return { createdAt: String(createdAt), revision, nextAt: instantText(nextAt) }
}

function advanceArguments(advance: ScheduleAdvance): string[] {
  const { expected, nextAt, ticks } = advance
  return [
    fieldOf(advance),
    JSON.stringify(seenOf(expected)),
    instantText(nextAt) ?? '',
    String(ticks.length),
    ...ticks.flatMap(({ tickAt, jobs }) => [
      String(tickAt),
      String(jobs.length),
      ...jobArguments(jobs),
    ]),
  ]
}

function toRecord(queue: string, field: string, text: string): ScheduleRecord {
  const { lastFire, lastEnd, ...row } = JSON.parse(text) as Row
  return {
    ...refOf(queue, field),
    spec: row.spec,
    revision: row.revision,
    paused: row.paused,
    nextAt: row.nextAt === undefined ? null : Number(row.nextAt),
    createdAt: Number(row.createdAt),
    updatedAt: Number(row.updatedAt),
    lastFire:
      lastFire === undefined
        ? null
        : {
            tickAt: Number(lastFire.tickAt),
            firedAt: Number(lastFire.firedAt),
            jobs: lastFire.jobs,
            jobId: lastFire.jobId ?? null,
          },
    lastEnd:
      lastEnd === undefined
        ? null
        : {
            jobId: lastEnd.jobId,
            tenantId: lastEnd.tenantId || null,
            tickAt: lastEnd.tickAt === undefined ? null : Number(lastEnd.tickAt),
            state: lastEnd.state,
            endedAt: Number(lastEnd.endedAt),
          },
  }
}
