import {
  JobsError,
  type CallOptions,
  type JobCatalog,
  type JobRecord,
  type JobStatus,
} from '@cgk/jobs-core'
import { decodeRecord, type JobReply } from '../decode-record.ts'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { STATUSES } from './counts.ts'

/** Between the positions in a cursor. */
const SEPARATOR = '.'

type Reply = readonly [series: string, jobs: readonly JobReply[], nextBefore: string]

interface Found {
  readonly serial: number
  readonly record: JobRecord
}

/** One page of the jobs that a filter means, newest first, of all shards that may have some. */
export async function list(
  caller: FunctionsCaller,
  request: Parameters<JobCatalog['list']>[0],
  options?: CallOptions,
): ReturnType<JobCatalog['list']> {
  const { queue, tenantId, limit, cursor } = request
  const { shards } = caller
  const asked = tenantId === undefined ? shards.all(queue) : [shards.of(queue, tenantId)]
  const positions = asked.map(() => '')
  if (cursor !== undefined) positions.splice(0, Infinity, ...readCursor(cursor, asked.length))
  const found = await Promise.all(
    asked.map((shard, index) => listShard(caller, shard, request, positions[index]!, options)),
  )
  const jobs: JobRecord[] = []
  while (jobs.length < limit && found.some(({ length }) => length > 0)) {
    const newest = found.reduce((best, each) => (createdAt(each) > createdAt(best) ? each : best))
    const { serial, record } = newest.shift()!
    jobs.push(record)
    positions[found.indexOf(newest)] = String(serial)
  }
  const hasMore = found.some(({ length }) => length > 0)
  return { jobs, nextCursor: hasMore ? writeCursor(positions) : null }
}

/** Those of one shard, looked for in as many calls as it takes, and one more than the page if there is one. */
async function listShard(
  caller: FunctionsCaller,
  shard: string,
  request: Parameters<JobCatalog['list']>[0],
  position: string,
  options: CallOptions | undefined,
): Promise<Found[]> {
  const { queue, limit } = request
  const filter = JSON.stringify(filterOf(request))
  const found: Found[] = []
  let before = position
  do {
    const left = limit + 1 - found.length
    const reply = await caller.call('list', [shard], [filter, before, String(left)], options)
    const [series, jobs, nextBefore] = reply as Reply
    for (const job of jobs) {
      found.push({ serial: job[0], record: decodeRecord({ queue, series }, job) })
    }
    before = nextBefore
  } while (before !== '' && found.length <= limit)
  return found
}

function createdAt([first]: readonly Found[]): number {
  return first?.record.createdAt ?? -Infinity
}

function filterOf(request: Parameters<JobCatalog['list']>[0]): object {
  const { tenantId, names, keyPrefix, groupId, scheduleId, statuses } = request
  return {
    tenant: tenantId === undefined ? undefined : tenantText(tenantId),
    names,
    keyPrefix,
    group: groupId,
    schedule: scheduleId,
    standings: statuses?.map((status: JobStatus) => STATUSES.indexOf(status) + 1),
  }
}

/** The serials below which the page of each shard begins; empty for the newest. */
function writeCursor(positions: readonly string[]): string {
  return positions
    .map((serial) => (serial === '' ? '' : Number(serial).toString(36)))
    .join(SEPARATOR)
}

function readCursor(cursor: string, count: number): readonly string[] {
  const positions = cursor
    .split(SEPARATOR)
    .map((text) => (text === '' ? '' : String(Number.parseInt(text, 36))))
  if (positions.length === count && writeCursor(positions) === cursor) return positions
  throw new JobsError('JOBS_INVALID_OPTION', 'the cursor is not one that this store handed out')
}
