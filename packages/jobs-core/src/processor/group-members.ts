import type { Job } from '../job/job.ts'
import { readableJob, statusOf } from '../job/job-from-record.ts'
import type { Clock } from '../runtime/ports.ts'
import type { ClaimedJob } from '../storage/lease.ts'
import { recordPages } from '../worker/record-pages.ts'
import type { StoreSession } from '../worker/store-session.ts'

/** Jobs a page: with their results they may be large. */
const PAGE = 100

/** The members of a group, read page by page as they are asked for; the last enqueued first. */
export async function* groupMembers(
  groupId: string,
  { queue, tenantId }: ClaimedJob,
  session: StoreSession,
  clock: Clock,
): AsyncGenerator<Job<unknown>, void, undefined> {
  for await (const page of recordPages(session, { queue, tenantId, groupId }, PAGE)) {
    for (const record of page) yield readableJob(record, statusOf(record, clock.now()))
  }
}
