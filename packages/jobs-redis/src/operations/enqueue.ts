import {
  backlogFull,
  idConflict,
  type CallOptions,
  type EnqueueResult,
  type NewJob,
} from '@cgk/jobs-core'
import { decodeRecord, madeId, type JobReply } from '../decode-record.ts'
import { jobArguments } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { QueueRegistry } from '../queue-registry.ts'

/** What became of one job: a serial, or a letter and what it means. See `lua/enqueuer.ts`. */
export type EnqueueReply =
  number | readonly ['e', serial: number, runAt: string] | readonly ['x' | 'r', JobReply]

/** The answer about the jobs of one queue. */
export interface Stored {
  readonly queue: string
  readonly now: string
  readonly series: string
}

type Reply =
  | readonly ['stored', readonly (readonly [string, string, readonly EnqueueReply[]])[]]
  | readonly ['conflict', readonly (readonly [number, number, string])[]]
  | readonly ['full', readonly (readonly [number, number, number, number, number])[]]

/** Stores jobs, of one queue as a rule; of several all or none as well. */
export async function enqueue(
  caller: FunctionsCaller,
  registry: QueueRegistry,
  jobs: readonly NewJob[],
  options?: CallOptions,
): Promise<readonly EnqueueResult[]> {
  if (jobs.length === 0) return []
  const batches = batchesOf(jobs)
  const queues = batches.map(({ queue }) => queue)
  await registry.add(queues, options)
  const args = batches.flatMap(({ places }) => [
    String(places.length),
    ...jobArguments(places.map((place) => jobs[place]!)),
  ])
  const reply = (await caller.call('enqueue', queues, args, options)) as Reply
  if (reply[0] === 'conflict') throw firstConflict(jobs, batches, reply[1])
  if (reply[0] === 'full') throw firstFull(jobs, batches, reply[1])
  const results: EnqueueResult[] = []
  for (const [index, [now, series, answers]] of reply[1].entries()) {
    const { queue, places } = batches[index]!
    const from = { queue, now, series }
    for (const [at, place] of places.entries()) {
      results[place] = toEnqueueResult(from, jobs[place]!, answers[at]!)
    }
  }
  return results
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

interface Batch {
  readonly queue: string
  /** Where its jobs are in the call. */
  readonly places: number[]
}

function batchesOf(jobs: readonly NewJob[]): readonly Batch[] {
  const batches = new Map<string, Batch>()
  for (const [place, { queue }] of jobs.entries()) {
    const batch = batches.get(queue)
    if (batch === undefined) batches.set(queue, { queue, places: [place] })
    else batch.places.push(place)
  }
  return [...batches.values()]
}

function firstConflict(
  jobs: readonly NewJob[],
  batches: readonly Batch[],
  found: readonly (readonly [number, number, string])[],
) {
  const conflicts = found.map(([batch, at, holderName]) => ({
    place: batches[batch]!.places[at]!,
    holderName,
  }))
  const [first] = conflicts.toSorted((a, b) => a.place - b.place)
  return idConflict(jobs, first!.place, first!.holderName)
}

function firstFull(
  jobs: readonly NewJob[],
  batches: readonly Batch[],
  found: readonly (readonly [number, number, number, number, number])[],
) {
  const backlogs = found.map(([batch, at, quota, waiting, more]) => ({
    place: batches[batch]!.places[at]!,
    room: { quota, waiting, more },
  }))
  const [first] = backlogs.toSorted((a, b) => a.place - b.place)
  return backlogFull(jobs[first!.place]!, first!.room)
}
