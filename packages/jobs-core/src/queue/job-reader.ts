import { checkInteger } from '../job/check-job-options.ts'
import type { Job } from '../job/job.ts'
import type { JobCounts, JobStatus } from '../storage/job-store.ts'
import { jobRefOf } from './job-address.ts'
import type { JobAddress, JobListFilter, JobPage, TenantChoice } from './job-queue.ts'
import { checkSelection, checkTenantChoice } from './job-selection.ts'
import type { QueueParts } from './queue-parts.ts'

const DEFAULT_PAGE = 100
const LARGEST_PAGE = 1_000

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
    const { limit = DEFAULT_PAGE, cursor } = selection
    checkInteger('limit', limit, 1, LARGEST_PAGE)
    const request = {
      ...checkSelection(name, selection, sizes, ['limit', 'cursor']),
      limit,
      ...(cursor !== undefined && { cursor }),
    }
    const page = await session.call('list', (call) => session.store.list(request, call))
    const jobs = page.jobs.map((record) => viewer.show(record))
    return page.nextCursor === null ? jobs : Object.assign(jobs, { nextCursor: page.nextCursor })
  }

  async counts(choice: TenantChoice): Promise<JobCounts> {
    const { name, session } = this.#parts
    const request = checkTenantChoice(name, choice)
    return session.call('counts', (call) => session.store.counts(request, call))
  }
}
