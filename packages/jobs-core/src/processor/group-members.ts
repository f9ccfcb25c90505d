import type { Job } from '../job/job.ts'
import { readableJob, statusOf } from '../job/job-from-record.ts'
import type { Clock } from '../runtime/ports.ts'
import type { ClaimedJob } from '../storage/lease.ts'
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
  const { store } = session
  const filter = { queue, tenantId, groupId, limit: PAGE }
  let cursor: string | null | undefined
  while (cursor !== null) {
    const request = cursor === undefined ? filter : { ...filter, cursor }
    const page = await session.call('list', (call) => store.list(request, call))
    for (const record of page.jobs) yield readableJob(record, statusOf(record, clock.now()))
    cursor = page.nextCursor
  }
}
