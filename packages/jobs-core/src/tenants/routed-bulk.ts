import { JobsError } from '../errors.ts'
import { checkInteger } from '../job/check-job-options.ts'
import type { Job } from '../job/job.ts'
import type {
  BulkAnswer,
  JobListFilter,
  JobPage,
  JobSelection,
  TenantChoice,
} from '../queue/job-queue.ts'
import type { JobCounts } from '../storage/job-store.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'

const DEFAULT_PAGE = 100
const LARGEST_PAGE = 1_000
/** Jobs in the answer, as in that of one store. */
const SHOWN_JOBS = 100

/** Lists, counts and changes the jobs of a selection, store by store. */
export class RoutedBulk {
  readonly #routes: QueueRoutes

  constructor(routes: QueueRoutes) {
    this.#routes = routes
  }

  /** Newest first within each store. */
  async list({ cursor, limit = DEFAULT_PAGE, ...selection }: JobListFilter): Promise<JobPage> {
    checkInteger('limit', limit, 1, LARGEST_PAGE)
    const places = await this.#routes.placesOfChoice(selection.tenantId)
    if (places.length === 1) return places[0]!.queue.listJobs({ ...selection, limit, cursor })
    const listed = await pageThrough(places, { cursor, limit }, async ({ queue }, request) => {
      const page = await queue.listJobs({ ...selection, ...request })
      return { items: page, nextCursor: page.nextCursor }
    })
    const jobs: Job<unknown>[] = listed.items
    const { nextCursor } = listed
    return nextCursor === undefined ? jobs : Object.assign(jobs, { nextCursor })
  }

  async counts(choice: TenantChoice): Promise<JobCounts> {
    const places = await this.#routes.placesOfChoice(choice.tenantId)
    const counts = await Promise.all(places.map(({ queue }) => queue.counts(choice)))
    const sums: Record<string, number> = {}
    for (const count of counts) {
      for (const [status, jobs] of Object.entries(count)) sums[status] = (sums[status] ?? 0) + jobs
    }
    return sums as JobCounts
  }

  async run(
    { tenantId }: JobSelection,
    act: (place: QueuePlace) => Promise<BulkAnswer>,
  ): Promise<BulkAnswer> {
    const sum = { matched: 0, changed: 0, jobs: [] as Job<unknown>[] }
    for (const place of await this.#routes.placesOfChoice(tenantId)) {
      const { matched, changed, jobs } = await act(place)
      sum.matched += matched
      sum.changed += changed
      sum.jobs.push(...jobs.slice(0, SHOWN_JOBS - sum.jobs.length))
    }
    return sum
  }
}

/** A page of what is in several places: of the first until it has no more, then of the next. */
export async function pageThrough<T>(
  places: readonly QueuePlace[],
  { cursor, limit }: { readonly cursor: string | undefined; readonly limit: number },
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
