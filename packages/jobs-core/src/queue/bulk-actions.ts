import { JobsError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import { describe } from '../job/names.ts'
import type { JobRecord } from '../storage/job-record.ts'
import type { ActionResult, JobStatus } from '../storage/job-store.ts'
import { recordPages } from '../worker/record-pages.ts'
import { checkNarrow, checkSelection, type JobSelection } from './job-selection.ts'
import type { BulkAnswer, BulkOptions, RemoveOptions } from './operator-calls.ts'
import type { QueueParts } from './queue-parts.ts'

/** Refs in one call to the store. */
const BATCH_JOBS = 500
/** Jobs in the answer. */
const SHOWN_JOBS = 100

/** How long a removal waits for workers to let go of what it cancelled, and how often it looks. */
const LET_GO_MS = 10_000
const LOOK_MS = 250

type BulkAction = 'cancel' | 'retry' | 'remove'

const LIVE: readonly JobStatus[] = ['pending', 'scheduled', 'retrying', 'running']

/** The statuses that an action can change. */
const CHANGEABLE: Readonly<Record<BulkAction, readonly JobStatus[]>> = {
  cancel: LIVE,
  retry: ['failed', 'cancelled'],
  remove: [...LIVE, 'completed', 'failed', 'cancelled'],
}

/** The statuses meant where a selection names none: somebody wanted the cancelled to stay so. */
const MEANT: Readonly<Record<BulkAction, readonly JobStatus[]>> = {
  ...CHANGEABLE,
  retry: ['failed'],
}

/** What is done to a batch of jobs: its results, in their order. */
type Act = (jobs: readonly JobRecord[]) => Promise<readonly ActionResult[]>

/** What operators do to all jobs of a selection. */
export class BulkActions {
  readonly #parts: QueueParts

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  cancel(selection: JobSelection, options: BulkOptions): Promise<BulkAnswer> {
    return this.#run('cancel', selection, options, (jobs) => this.#cancel(jobs))
  }

  retry(selection: JobSelection, options: BulkOptions): Promise<BulkAnswer> {
    return this.#run('retry', selection, options, (jobs) => this.#call('retry', jobs))
  }

  async remove(selection: JobSelection, options: RemoveOptions): Promise<BulkAnswer> {
    const { cancelRunning = false, ...others } = options
    const held: JobRecord[] = []
    const answer = await this.#run('remove', selection, others, async (jobs) => {
      const results = await this.#call('remove', jobs)
      if (cancelRunning) held.push(...heldOf(results))
      return results
    })
    if (held.length === 0) return answer
    const { matched } = answer
    const changed = answer.changed + (await this.#cancelAndRemove(held))
    await options.onProgress?.({ matched, changed })
    return { ...answer, changed }
  }

  async #run(
    action: BulkAction,
    selection: JobSelection,
    options: BulkOptions,
    act: Act,
  ): Promise<BulkAnswer> {
    const { name, session, sizes, viewer } = this.#parts
    checkOptions(options)
    checkNarrow(selection)
    const filter = checkSelection(name, selection, sizes)
    const statuses = checkChangeable(action, filter.statuses ?? MEANT[action])
    const answer = { matched: 0, changed: 0, jobs: [] as Job<unknown>[] }
    for await (const jobs of recordPages(session, { ...filter, statuses }, BATCH_JOBS)) {
      const results = options.preview === true ? [] : await act(jobs)
      const after = options.preview === true ? jobs : recordsOf(results)
      answer.matched += jobs.length
      answer.changed += changesOf(results)
      for (const record of after.slice(0, SHOWN_JOBS - answer.jobs.length)) {
        answer.jobs.push(viewer.show(record))
      }
      const { matched, changed } = answer
      await options.onProgress?.({ matched, changed })
    }
    return answer
  }

  async #cancel(jobs: readonly JobRecord[]): Promise<readonly ActionResult[]> {
    const { events, viewer } = this.#parts
    const results = await this.#call('cancel', jobs)
    if (!events.hears('cancelled')) return results
    for (const result of results) {
      if (result.status === 'changed') events.emit('cancelled', viewer.show(result.job), {})
    }
    return results
  }

  /** Cancels jobs, and tells how many could be removed in the time their workers have to let go. */
  async #cancelAndRemove(held: readonly JobRecord[]): Promise<number> {
    const { session, runtime } = this.#parts
    const { clock, timers } = runtime.ports
    const until = clock.monotonic() + LET_GO_MS
    for (const jobs of batchesOf(held)) await this.#cancel(jobs)
    let left = held
    while (left.length > 0 && clock.monotonic() < until) {
      await new Promise<void>((resolve) => timers.after(LOOK_MS, resolve))
      // Nobody else may be there to take expired leases back.
      await session.maintain()
      const stillHeld: JobRecord[] = []
      for (const jobs of batchesOf(left)) {
        stillHeld.push(...heldOf(await this.#call('remove', jobs)))
      }
      left = stillHeld
    }
    return held.length - left.length
  }

  async #call(action: BulkAction, jobs: readonly JobRecord[]): Promise<readonly ActionResult[]> {
    const { session } = this.#parts
    if (jobs.length === 0) return []
    return session.call(action, (call) => session.store[action](jobs, call))
  }
}

function batchesOf(jobs: readonly JobRecord[]): readonly (readonly JobRecord[])[] {
  const batches: (readonly JobRecord[])[] = []
  for (let from = 0; from < jobs.length; from += BATCH_JOBS) {
    batches.push(jobs.slice(from, from + BATCH_JOBS))
  }
  return batches
}

function changesOf(results: readonly ActionResult[]): number {
  return results.filter(({ status }) => status === 'changed').length
}

/** The records afterwards, without those of jobs that were gone before. */
function recordsOf(results: readonly ActionResult[]): readonly JobRecord[] {
  return results.flatMap((result) => (result.status === 'notFound' ? [] : [result.job]))
}

/** What a removal left because a worker holds it. */
function heldOf(results: readonly ActionResult[]): readonly JobRecord[] {
  return results.flatMap((result) => (result.status === 'unchanged' ? [result.job] : []))
}

/** A misspelt `preview` must not do what it was to prevent. */
function checkOptions(options: BulkOptions): void {
  for (const option of Object.keys(options)) {
    if (option === 'preview' || option === 'onProgress') continue
    throw new JobsError('JOBS_INVALID_OPTION', `this call has no option ${describe(option)}`)
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
