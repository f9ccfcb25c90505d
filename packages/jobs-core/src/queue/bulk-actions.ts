import { JobsError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import type { JobRecord } from '../storage/job-record.ts'
import type { JobStatus } from '../storage/job-store.ts'
import type { BulkAnswer, BulkOptions, JobSelection } from './job-queue.ts'
import { checkSelection } from './job-selection.ts'
import type { QueueParts } from './queue-parts.ts'

/** Refs in one call to the store. */
const BATCH_JOBS = 500
/** Jobs in the answer. */
const SHOWN_JOBS = 100

type BulkAction = 'cancel' | 'retry'

/** The statuses that an action can change. */
const CHANGEABLE: Readonly<Record<BulkAction, readonly JobStatus[]>> = {
  cancel: ['pending', 'scheduled', 'retrying', 'running'],
  retry: ['failed', 'cancelled'],
}

/** The statuses meant where a selection names none: somebody wanted the cancelled to stay so. */
const MEANT: Readonly<Record<BulkAction, readonly JobStatus[]>> = {
  ...CHANGEABLE,
  retry: ['failed'],
}

/** What operators do to all jobs of a selection. */
export class BulkActions {
  readonly #parts: QueueParts

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  async run(
    action: BulkAction,
    selection: JobSelection,
    { preview = false }: BulkOptions,
  ): Promise<BulkAnswer> {
    const { name, session, sizes, viewer } = this.#parts
    checkNarrow(selection)
    const filter = checkSelection(name, selection, sizes)
    const statuses = checkChangeable(action, filter.statuses ?? MEANT[action])
    const answer = { matched: 0, changed: 0, jobs: [] as Job<unknown>[] }
    let cursor: string | null | undefined
    // What is enqueued meanwhile is newer than the cursor: this ends.
    while (cursor !== null) {
      const request = {
        ...filter,
        statuses,
        limit: BATCH_JOBS,
        ...(cursor !== undefined && { cursor }),
      }
      const page = await session.call('list', (call) => session.store.list(request, call))
      const after = preview ? page.jobs : await this.#act(action, page.jobs, answer)
      answer.matched += page.jobs.length
      for (const record of after.slice(0, SHOWN_JOBS - answer.jobs.length)) {
        answer.jobs.push(viewer.show(record))
      }
      cursor = page.nextCursor
    }
    return answer
  }

  /** The records afterwards, without those that are gone. */
  async #act(
    action: BulkAction,
    jobs: readonly JobRecord[],
    answer: { changed: number },
  ): Promise<readonly JobRecord[]> {
    if (jobs.length === 0) return jobs
    const { session, events, viewer } = this.#parts
    const results = await session.call(action, (call) => session.store[action](jobs, call))
    const after: JobRecord[] = []
    for (const result of results) {
      if (result.status === 'changed') answer.changed += 1
      if (result.status === 'changed' && action === 'cancel' && events.hears('cancelled')) {
        events.emit('cancelled', viewer.show(result.job), {})
      }
      if (result.status !== 'notFound') after.push(result.job)
    }
    return after
  }
}

/**
 * A selection for many jobs must narrow something, and say nothing by accident: a variable that is
 * `undefined` would widen it to every job there is.
 */
function checkNarrow(selection: JobSelection): void {
  const given = Object.entries(selection ?? {})
  if (given.length === 0) {
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      'an empty filter would mean every job: give a status, name, keyPrefix, groupId, scheduleId or tenantId',
    )
  }
  for (const [property, value] of given) {
    if (value !== undefined) continue
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `${property} of the filter is undefined; leave it out to mean any`,
    )
  }
}

function checkChangeable(action: BulkAction, statuses: readonly JobStatus[]): readonly JobStatus[] {
  for (const status of statuses) {
    if (CHANGEABLE[action].includes(status)) continue
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `${action} changes no job that is ${status}, only ${CHANGEABLE[action].join(', ')}`,
    )
  }
  return statuses
}
