import type { JobRecord } from '../storage/job-record.ts'
import type { JobFilter, JobStatus } from '../storage/job-store.ts'
import type { StoreSession } from './store-session.ts'

/**
 * The records of a selection, newest first, a page at a time as they are asked for. What is enqueued
 * meanwhile is newer than where it is: this ends.
 */
export async function* recordPages(
  session: StoreSession,
  filter: JobFilter & { readonly statuses?: readonly JobStatus[] },
  limit: number,
): AsyncGenerator<readonly JobRecord[], void, undefined> {
  let cursor: string | null | undefined
  while (cursor !== null) {
    const request = { ...filter, limit, ...(cursor !== undefined && { cursor }) }
    const page = await session.call('list', (call) => session.store.list(request, call))
    yield page.jobs
    cursor = page.nextCursor
  }
}
