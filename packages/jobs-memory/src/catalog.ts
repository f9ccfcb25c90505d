import {
  JobsError,
  type JobCounts,
  type JobFilter,
  type JobRecord,
  type JobStatus,
} from '@cgk/jobs-core'
import { toRecord, type Job } from './job.ts'
import { emptyTally, STANDINGS, toCounts, type Standing } from './standing.ts'
import type { StoreState } from './store-state.ts'

/** One page of the jobs that a filter means, newest first. */
export function listJobs(
  state: StoreState,
  request: JobFilter & {
    readonly statuses?: readonly JobStatus[]
    readonly limit: number
    readonly cursor?: string
  },
  now: number,
): { readonly jobs: readonly JobRecord[]; readonly nextCursor: string | null } {
  const before = request.cursor === undefined ? Infinity : readCursor(request.cursor)
  const queue = state.queues.get(request.queue)
  const jobs: JobRecord[] = []
  if (queue === undefined) return { jobs, nextCursor: null }
  queue.promote(now)
  const standings = standingsNamed(request.statuses)
  let last = before
  for (const job of queue.newestFirst(before)) {
    if (standings !== null && !standings.includes(job.standing)) continue
    if (!isMeant(job, request)) continue
    if (jobs.length >= request.limit) return { jobs, nextCursor: writeCursor(last) }
    jobs.push(toRecord(job))
    last = job.serial
  }
  return { jobs, nextCursor: null }
}

/** How many jobs of a queue, or of a tenant in it, have each status. */
export function countJobs(
  state: StoreState,
  request: { readonly queue: string; readonly tenantId?: string | null },
  now: number,
): JobCounts {
  const queue = state.queues.get(request.queue)
  queue?.promote(now)
  const scope = request.tenantId === undefined ? queue : queue?.findLane(request.tenantId)
  return toCounts(scope?.tally ?? emptyTally())
}

function isMeant(job: Job, filter: JobFilter): boolean {
  const { tenantId, names, keyPrefix, groupId, scheduleId } = filter
  if (tenantId !== undefined && job.lane.tenantId !== tenantId) return false
  if (names !== undefined && !names.includes(job.name)) return false
  if (keyPrefix !== undefined && !hasKey(job, keyPrefix)) return false
  if (groupId !== undefined && job.extras.group?.memberOf !== groupId) return false
  return scheduleId === undefined || job.extras.schedule?.id === scheduleId
}

function hasKey({ extras: { keys } }: Job, prefix: string): boolean {
  if (keys === null) return false
  return [keys.unique, keys.ordering, keys.concurrency].some((key) => key?.startsWith(prefix))
}

function standingsNamed(statuses: readonly JobStatus[] | undefined): readonly Standing[] | null {
  if (statuses === undefined) return null
  return STANDINGS.filter(({ status }) => statuses.includes(status))
}

function writeCursor(serial: number): string {
  return serial.toString(36)
}

function readCursor(cursor: string): number {
  const serial = Number.parseInt(cursor, 36)
  if (writeCursor(serial) === cursor) return serial
  throw new JobsError('JOBS_INVALID_OPTION', 'the cursor is not one that this store handed out')
}
