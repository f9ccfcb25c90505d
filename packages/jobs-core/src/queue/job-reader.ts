import type { Job } from '../job/job.ts'
import type { JobCounts, JobStatus } from '../storage/job-store.ts'
import { statusOf } from '../job/job-from-record.ts'
import { recordPages } from '../worker/record-pages.ts'
import { checkPage, PAGE_OPTIONS } from './check-page.ts'
import { type JobAddress, jobRefOf } from './job-address.ts'
import type { JobListFilter, JobPage } from './job-queue.ts'
import { checkSelection, isByTenant, type JobSelection, STATUSES } from './job-selection.ts'
import type { ProgressOptions } from './operator-calls.ts'
import type { QueueParts } from './queue-parts.ts'

const BATCH_JOBS = 500

type MutableCounts = { -readonly [S in JobStatus]: JobCounts[S] }

/** Looks at the jobs of one queue. */
export class JobReader {
  readonly #parts: QueueParts

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  async get(job: JobAddress): Promise<Job<unknown> | null> {
    const { name, session, sizes, viewer } = this.#parts
    const refs = [jobRefOf(name, job, sizes)]
    const [record] = await session.call('get', (call) => session.store.get(refs, call))
    return record == null ? null : viewer.show(record)
  }

  async list(filter: JobStatus | JobListFilter): Promise<JobPage> {
    const { name, session, sizes, viewer } = this.#parts
    const selection: JobListFilter = typeof filter === 'string' ? { status: filter } : filter
    const request = {
      ...checkSelection(name, selection, sizes, PAGE_OPTIONS),
      ...checkPage(selection),
    }
    const page = await session.call('list', (call) => session.store.list(request, call))
    const jobs = page.jobs.map((record) => viewer.show(record))
    return page.nextCursor === null ? jobs : Object.assign(jobs, { nextCursor: page.nextCursor })
  }

  async counts(selection: JobSelection, { onProgress }: ProgressOptions): Promise<JobCounts> {
    const { name, session, sizes, runtime } = this.#parts
    const filter = checkSelection(name, selection, sizes)
    if (isByTenant(selection)) {
      return session.call('counts', (call) => session.store.counts(filter, call))
    }
    const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as MutableCounts
    let matched = 0
    for await (const records of recordPages(session, filter, BATCH_JOBS)) {
      const now = runtime.ports.clock.now()
      for (const record of records) counts[statusOf(record, now)] += 1
      matched += records.length
      await onProgress?.({ matched, changed: 0 })
    }
    return counts
  }
}
