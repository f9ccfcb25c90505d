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

type Reply = readonly [series: string, jobs: readonly JobReply[], nextBefore: string]

/** One page of the jobs that a filter means, newest first, looked for in as many calls as it takes. */
export async function list(
  caller: FunctionsCaller,
  request: Parameters<JobCatalog['list']>[0],
  options?: CallOptions,
): ReturnType<JobCatalog['list']> {
  const { queue, limit, cursor } = request
  let before = cursor === undefined ? '' : readCursor(cursor)
  const filter = JSON.stringify(filterOf(request))
  const found: { readonly serial: number; readonly record: JobRecord }[] = []
  do {
    const left = limit + 1 - found.length
    const reply = await caller.call('list', [queue], [filter, before, String(left)], options)
    const [series, jobs, nextBefore] = reply as Reply
    for (const job of jobs) {
      found.push({ serial: job[0], record: decodeRecord({ queue, series }, job) })
    }
    before = nextBefore
  } while (before !== '' && found.length <= limit)
  const page = found.slice(0, limit)
  return {
    jobs: page.map(({ record }) => record),
    nextCursor: found.length > limit ? writeCursor(page.at(-1)!.serial) : null,
  }
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

function writeCursor(serial: number): string {
  return serial.toString(36)
}

function readCursor(cursor: string): string {
  const serial = Number.parseInt(cursor, 36)
  if (writeCursor(serial) === cursor) return String(serial)
  throw new JobsError('JOBS_INVALID_OPTION', 'the cursor is not one that this store handed out')
}
