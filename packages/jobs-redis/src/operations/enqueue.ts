import {
  backlogFull,
  idConflict,
  type CallOptions,
  type EnqueueResult,
  type JobsError,
  type NewJob,
} from '@cgk/jobs-core'
import { decodeRecord, type JobReply } from '../decode-record.ts'
import { jobArguments } from '../encode-job.ts'
import { halfDoneError } from '../errors.ts'
import { readLoneReply } from '../lone-reply.ts'
import { madeId } from '../made-id.ts'
import type { SettleJoiner } from '../settle-joiner.ts'
import type { Shards } from '../shards.ts'
import type { WakeUps } from '../wake-ups.ts'
import { enqueueAndSettle, type SettleTools } from './settle-in-shard.ts'

/** What became of one job: a serial, or a letter and what it means. See `lua/enqueuer.ts`. */
export type EnqueueReply =
  number | readonly ['e', serial: number, runAt: string] | readonly ['x' | 'r', JobReply]

/** The answer about the jobs of one queue. */
export interface Stored {
  readonly queue: string
  readonly now: string
  readonly series: string
}

/** What jobs are stored with. */
export interface EnqueueTools extends SettleTools {
  readonly joiner: SettleJoiner
  readonly wakeUps: WakeUps
}

/** Text is of a plain job that came alone. */
type Reply = FullReply | string

type FullReply =
  | readonly ['stored', readonly (readonly [string, string, readonly EnqueueReply[]])[]]
  | readonly ['conflict', readonly (readonly [number, number, string])[]]
  | readonly ['full', readonly (readonly [number, number, number, number, number])[]]

/**
 * Stores jobs, of one queue as a rule; of several all or none as well. On a cluster that takes a call a
 * shard: all are asked whether they would, and then told to.
 */
export async function enqueue(
  tools: EnqueueTools,
  jobs: readonly NewJob[],
  options: CallOptions | undefined,
): Promise<readonly EnqueueResult[]> {
  if (jobs.length === 0) return []
  if (jobs.length === 1) return [await enqueueOne(tools, jobs[0]!, options)]
  const { caller, registry, wakeUps } = tools
  const batches = batchesOf(caller.shards, jobs)
  const queues = batches.map(({ queue }) => queue)
  if (!queues.every((queue) => registry.has(queue))) await registry.add(queues, options)
  const parts = caller.partsOf(batches)
  const call = async (
    name: 'enqueue' | 'mayEnqueue',
    onSent?: (part: readonly Batch[]) => void,
  ): Promise<readonly FullReply[]> => {
    const calls = parts.map((part) => {
      const args = part.flatMap(({ places }) => jobArguments(places.map((place) => jobs[place]!)))
      const shards = part.map(({ shard }) => shard)
      const sent = onSent && { onSent: () => onSent(part) }
      return caller.call(name, shards, args, { ...options, ...sent })
    })
    const replies = await Promise.all(calls)
    return replies.map((reply) => inFull(reply as Reply))
  }
  const refuse = (replies: readonly FullReply[]): void => {
    const refusal = refusalOf(jobs, parts, replies)
    if (refusal !== undefined) throw refusal
  }
  if (parts.length > 1) refuse(await call('mayEnqueue'))
  const replies = await call('enqueue', (part) => {
    // Sent it is only when this has returned.
    queueMicrotask(() => {
      for (const { queue, places } of part) {
        if (places.some((place) => isDueAtOnce(jobs[place]!))) wakeUps.expect(queue)
      }
    })
  })
  const stored = replies.flatMap((reply) => (reply[0] === 'stored' ? [reply[1]] : []))
  if (stored.length === 0) refuse(replies)
  if (stored.length < parts.length) throw halfDoneError()
  const results: EnqueueResult[] = []
  for (const [index, [now, series, answers]] of stored.flat().entries()) {
    const { queue, places } = batches[index]!
    const from = { queue, now, series }
    for (const [at, place] of places.entries()) {
      results[place] = toEnqueueResult(from, jobs[place]!, answers[at]!)
    }
  }
  return results
}

/**
 * The same for one job, for which lists of lists would cost as much as all the rest. What a worker of this process
 * claims because of it comes in the same call.
 */
async function enqueueOne(
  tools: EnqueueTools,
  job: NewJob,
  options: CallOptions | undefined,
): Promise<EnqueueResult> {
  const { caller, registry, joiner, wakeUps } = tools
  const { queue } = job
  if (!registry.has(queue)) await registry.add([queue], options)
  const shard = caller.shards.of(queue, job.tenantId)
  const args = jobArguments([job])
  const isExpected = wakeUps.isHeard && isDueAtOnce(job)
  const joined = isExpected ? joiner.gather(queue, () => wakeUps.expect(queue)) : null
  const reply = (await (joined === null
    ? caller.call('enqueue', [shard], args, options)
    : enqueueAndSettle(tools, shard, args, joined, options))) as Reply
  if (typeof reply === 'string') {
    const { now, series, serial } = readLoneReply(reply)
    return toEnqueueResult({ queue, now, series }, job, serial)
  }
  if (reply[0] !== 'stored') throw refusalOf([job], [[{ queue, shard, places: [0] }]], [reply])
  const [now, series, [answer]] = reply[1][0]!
  return toEnqueueResult({ queue, now, series }, job, answer!)
}

function inFull(reply: Reply): FullReply {
  if (typeof reply !== 'string') return reply
  const { now, series, serial } = readLoneReply(reply)
  return ['stored', [[now, series, [serial]]]]
}

/** What became of a job, as the port says it. */
export function toEnqueueResult(
  from: Stored,
  { jobId }: Pick<NewJob, 'jobId'>,
  reply: EnqueueReply,
): EnqueueResult {
  const createdAt = Number(from.now)
  if (typeof reply === 'number') {
    const id = madeId(from.series, createdAt, reply)
    return { status: 'enqueued', id, createdAt, runAt: createdAt }
  }
  if (reply[0] === 'e') {
    const id = jobId ?? madeId(from.series, createdAt, reply[1])
    return { status: 'enqueued', id, createdAt, runAt: Number(reply[2]) }
  }
  return {
    status: reply[0] === 'x' ? 'existing' : 'replaced',
    job: decodeRecord(from, reply[1]),
  }
}

function isDueAtOnce({ delayMs, runAt }: NewJob): boolean {
  return delayMs === undefined && runAt === undefined
}

interface Batch {
  readonly queue: string
  readonly shard: string
  /** Where its jobs are in the call. */
  readonly places: number[]
}

function batchesOf(shards: Shards, jobs: readonly NewJob[]): readonly Batch[] {
  const batches = new Map<string, Batch>()
  for (const [place, { queue, tenantId }] of jobs.entries()) {
    const shard = shards.of(queue, tenantId)
    const batch = batches.get(shard)
    if (batch === undefined) batches.set(shard, { queue, shard, places: [place] })
    else batch.places.push(place)
  }
  return [...batches.values()]
}

/** What the first refusal among the replies says, if there is one. */
function refusalOf(
  jobs: readonly NewJob[],
  parts: readonly (readonly Batch[])[],
  replies: readonly FullReply[],
): JobsError | undefined {
  const conflicts = replies.flatMap((reply, part) =>
    reply[0] === 'conflict'
      ? reply[1].map(([batch, at, holderName]) => ({
          place: parts[part]![batch]!.places[at]!,
          holderName,
        }))
      : [],
  )
  const [conflict] = conflicts.toSorted((a, b) => a.place - b.place)
  if (conflict !== undefined) return idConflict(jobs, conflict.place, conflict.holderName)
  const backlogs = replies.flatMap((reply, part) =>
    reply[0] === 'full'
      ? reply[1].map(([batch, at, quota, waiting, more]) => ({
          place: parts[part]![batch]!.places[at]!,
          room: { quota, waiting, more },
        }))
      : [],
  )
  const [backlog] = backlogs.toSorted((a, b) => a.place - b.place)
  return backlog && backlogFull(jobs[backlog.place]!, backlog.room)
}
