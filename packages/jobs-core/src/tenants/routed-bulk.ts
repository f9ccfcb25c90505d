import { currentTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import { checkPage } from '../queue/check-page.ts'
import type { JobListFilter, JobPage } from '../queue/job-queue.ts'
import { checkSaid, checkSelection, type JobSelection } from '../queue/job-selection.ts'
import type {
  BulkAnswer,
  BulkOptions,
  ProgressOptions,
  TenantListFilter,
  TenantLoad,
  TenantPage,
} from '../queue/operator-calls.ts'
import type { JobCounts } from '../storage/job-store.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'

/** Jobs in the answer, as in that of one store. */
const SHOWN_JOBS = 100

/** Lists, counts and changes the jobs of a selection, store by store. */
export class RoutedBulk {
  readonly #routes: QueueRoutes

  constructor(routes: QueueRoutes) {
    this.#routes = routes
  }

  /** Newest first within each store. */
  async list({ cursor, limit, ...selection }: JobListFilter): Promise<JobPage> {
    const page = checkPage({ limit, cursor })
    const places = await this.#routes.placesOfChoice(selection.tenantId)
    if (places.length === 1) return places[0]!.queue.listJobs({ ...selection, ...page })
    const listed = await pageThrough(places, page, async ({ queue }, request) => {
      const items = await queue.listJobs({ ...selection, ...request })
      return { items, nextCursor: items.nextCursor }
    })
    const jobs: Job<unknown>[] = listed.items
    const { nextCursor } = listed
    return nextCursor === undefined ? jobs : Object.assign(jobs, { nextCursor })
  }

  async counts(selection: JobSelection, options: ProgressOptions): Promise<JobCounts> {
    const progress = new SummedProgress(options)
    const sums: Record<string, number> = {}
    for (const { queue } of await this.#routes.placesOfChoice(selection.tenantId)) {
      const counts = await queue.counts(selection, progress.next())
      for (const [status, jobs] of Object.entries(counts)) sums[status] = (sums[status] ?? 0) + jobs
    }
    return sums as JobCounts
  }

  async oldestAge(selection: JobSelection, options: ProgressOptions): Promise<number | null> {
    const progress = new SummedProgress(options)
    let oldest: number | null = null
    for (const { queue } of await this.#routes.placesOfChoice(selection.tenantId)) {
      const age = await queue.oldestAge(selection, progress.next())
      if (age !== null) oldest = Math.max(oldest ?? 0, age)
    }
    return oldest
  }

  /** By their ids within each store; one that has jobs in two is in both. */
  async tenants({ cursor, limit, ...choice }: TenantListFilter): Promise<TenantPage> {
    const page = checkPage({ limit, cursor })
    const places = await this.#routes.placesOfChoice(choice.tenantId)
    if (places.length === 1) return places[0]!.queue.tenants({ ...choice, ...page })
    const listed = await pageThrough(places, page, async ({ queue }, request) => {
      const items = await queue.tenants({ ...choice, ...request })
      return { items, nextCursor: items.nextCursor }
    })
    const loads: TenantLoad[] = listed.items
    const { nextCursor } = listed
    return nextCursor === undefined ? loads : Object.assign(loads, { nextCursor })
  }

  async run<TOptions extends BulkOptions>(
    selection: JobSelection,
    options: TOptions,
    act: (place: QueuePlace, options: TOptions) => Promise<BulkAnswer>,
  ): Promise<BulkAnswer> {
    const progress = new SummedProgress(options)
    const sum = { matched: 0, changed: 0, jobs: [] as Job<unknown>[] }
    for (const place of await this.#routes.placesOfChoice(selection?.tenantId)) {
      const { matched, changed, jobs } = await act(place, { ...options, ...progress.next() })
      sum.matched += matched
      sum.changed += changed
      sum.jobs.push(...jobs.slice(0, SHOWN_JOBS - sum.jobs.length))
    }
    return sum
  }

  /** The selection is checked, and its tenant read, now: whoever reads the lines may do so elsewhere. */
  export(selection: JobSelection): AsyncIterable<string> {
    const { name, sizes } = this.#routes.basis
    checkSaid(selection)
    checkSelection(name, selection, sizes)
    const { tenantId = currentTenant() } = selection
    return this.#linesOf(tenantId === undefined ? selection : { ...selection, tenantId })
  }

  async *#linesOf(selection: JobSelection): AsyncGenerator<string, void, undefined> {
    for (const { queue } of await this.#routes.placesOfChoice(selection.tenantId)) {
      yield* queue.exportJobs(selection)
    }
  }
}

/** Tells how far a call has come that goes through one store after the other. */
class SummedProgress {
  readonly #tell: ProgressOptions['onProgress']
  #before = { matched: 0, changed: 0 }
  #last = { matched: 0, changed: 0 }

  constructor({ onProgress }: ProgressOptions) {
    this.#tell = onProgress
  }

  /** Options for the next store. */
  next(): ProgressOptions {
    const tell = this.#tell
    if (tell === undefined) return {}
    this.#before = this.#last
    return {
      onProgress: ({ matched, changed }) => {
        const { matched: matchedBefore, changed: changedBefore } = this.#before
        this.#last = { matched: matchedBefore + matched, changed: changedBefore + changed }
        return tell(this.#last)
      },
    }
  }
}

/** A page of what is in several places: of the first until it has no more, then of the next. */
export async function pageThrough<T>(
  places: readonly QueuePlace[],
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
  list: (
    place: QueuePlace,
    request: { readonly limit: number; readonly cursor?: string | undefined },
  ) => Promise<{ readonly items: readonly T[]; readonly nextCursor: string | undefined }>,
): Promise<{ readonly items: T[]; readonly nextCursor?: string }> {
  const items: T[] = []
  const from = cursor === undefined ? null : readCursor(cursor)
  let index = from === null ? 0 : places.findIndex(({ label }) => label === from.label)
  if (index < 0) throw badCursor()
  let inner = from?.cursor
  for (; index < places.length; index++) {
    const place = places[index]!
    // What was filled exactly at the end of a place goes on with the next one.
    if (items.length === limit) return { items, nextCursor: cursorAt(place.label, undefined) }
    const page = await list(place, { limit: limit - items.length, cursor: inner })
    items.push(...page.items)
    inner = page.nextCursor
    if (inner !== undefined) return { items, nextCursor: cursorAt(place.label, inner) }
  }
  return { items }
}

function cursorAt(label: string, cursor: string | undefined): string {
  return JSON.stringify(cursor === undefined ? [label] : [label, cursor])
}

function readCursor(text: string): { readonly label: string; readonly cursor?: string } {
  try {
    const [label, cursor] = JSON.parse(text) as readonly unknown[]
    if (typeof label === 'string' && (cursor === undefined || typeof cursor === 'string')) {
      return cursor === undefined ? { label } : { label, cursor }
    }
  } catch {
    // Said below.
  }
  throw badCursor()
}

function badCursor(): JobsError {
  return new JobsError(
    'JOBS_INVALID_OPTION',
    'cursor is not one of a page before, or its store is there no more; begin again',
  )
}
