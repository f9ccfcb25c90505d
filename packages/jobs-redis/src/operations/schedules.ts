import {
  idConflict,
  JobsError,
  type AdvanceResult,
  type CallOptions,
  type NewJob,
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
import type { Shards } from '../shards.ts'
import { toEnqueueResult, type EnqueueReply } from './enqueue.ts'
import { perShard } from './per-shard.ts'

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

/** When to look again for what a node that did not answer may have. */
const FAILURE_PAUSE_MS = 1_000

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
  const reply = await caller.call(
    'putSchedule',
    [caller.shards.of(queue, put.tenantId)],
    args,
    options,
  )
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
  const schedules = await perShard(caller.shards, refs, async (shard, ofShard, queue) => {
    const fields = ofShard.map(fieldOf)
    const reply = await caller.call('getSchedules', [shard], fields, options)
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
  const replies = await Promise.all(
    caller.shards.all(queue).map((shard) => caller.call('listSchedules', [shard], [], options)),
  )
  const fields = (replies as readonly (readonly string[])[])
    .flat()
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
  const outcomes = await Promise.allSettled(
    shardsOf(caller.shards, queues).map(async ({ queue, shard }) => {
      const reply = await caller.call('dueSchedules', [shard], [String(limit)], options)
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
  const replies = outcomes.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  const failure = outcomes.find((each) => each.status === 'rejected')
  // Where one node of a cluster is down, the schedules of the others go on.
  if (failure !== undefined && replies.length === 0) throw failure.reason
  const now = Math.max(0, ...replies.map((reply) => reply.now))
  const due = replies.flatMap((reply) => reply.due).toSorted((a, b) => a.nextAt! - b.nextAt!)
  const nextAt = Math.min(
    due[limit]?.nextAt ?? Infinity,
    failure === undefined ? Infinity : now + FAILURE_PAUSE_MS,
    ...replies.map((reply) => reply.nextAt),
  )
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
  return perShard(caller.shards, advances, async (shard, ofShard, queue) => {
    for (const advance of ofShard) checkTenants(caller.shards, shard, advance)
    await registry.add([queue], options)
    const args = ofShard.flatMap(advanceArguments)
    const reply = await caller.call('advanceSchedules', [shard], args, options)
    const answer = reply as
      | readonly ['conflict', number, number, string]
      | readonly ['advanced', string, string, readonly (0 | readonly EnqueueReply[])[]]
    if (answer[0] === 'conflict') {
      const jobs = ofShard[answer[1]]!.ticks.flatMap((tick) => tick.jobs)
      throw idConflict(jobs, answer[2], answer[3])
    }
    const [, now, series, results] = answer
    return results.map((ofOne, index): AdvanceResult => {
      if (ofOne === 0) return { status: 'stale' }
      const jobs = ofShard[index]!.ticks.flatMap((tick) => tick.jobs)
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
  return perShard(caller.shards, refs, async (shard, ofShard) => {
    const reply = await caller.call('removeSchedules', [shard], ofShard.map(fieldOf), options)
    return (reply as readonly number[]).map((wasThere) => wasThere === 1)
  })
}

function shardsOf(
  shards: Shards,
  queues: readonly string[],
): readonly { readonly queue: string; readonly shard: string }[] {
  return [...new Set(queues)].flatMap((queue) =>
    shards.all(queue).map((shard) => ({ queue, shard })),
  )
}

/** What a schedule does is one transition, in one shard. */
function checkTenants(shards: Shards, shard: string, { queue, id, ticks }: ScheduleAdvance): void {
  const isElsewhere = ({ tenantId }: NewJob): boolean => shards.of(queue, tenantId) !== shard
  if (!ticks.some(({ jobs }) => jobs.some(isElsewhere))) return
  throw new JobsError(
    'JOBS_UNSUPPORTED',
    `schedule ${id} of queue ${queue} makes jobs of tenants in other shards: a schedule for each tenant needs a Redis store with one shard`,
  )
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
    ...ticks.flatMap(({ tickAt, jobs }) => [String(tickAt), ...jobArguments(jobs)]),
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
