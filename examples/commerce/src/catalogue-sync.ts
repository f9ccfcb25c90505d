import { defineJob, type Job, type JobQueue, RetryAfterError, snooze } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Page {
  readonly products: readonly string[]
  readonly next?: string
}

/** The outside catalogue. Throws {@link TooManyRequests} when asked too often. */
export interface Catalogue {
  page(cursor: string | undefined, size: number): Promise<Page>
  store(products: readonly string[]): Promise<void>
}

export class TooManyRequests extends Error {
  readonly retryAfterMs: number

  constructor(retryAfterMs: number) {
    super('429')
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * A catalogue page by page, half a second apart, in one job: the cursor travels in its headers through
 * every pause, retry and crash, and a page is never begun twice without need. Retry-After is obeyed
 * without an attempt being lost to it: the job is put off.
 */
export function syncCatalogueJob(catalogue: Catalogue) {
  return defineJob({
    name: 'sync-catalogue',
    handler: async (_job: Job<{ readonly shop: string }>, { headers }) => {
      try {
        const page = await catalogue.page(headers['cursor'], 250)
        await catalogue.store(page.products)
        if (page.next === undefined) return { success: true }
        headers['cursor'] = page.next
        return snooze(500)
      } catch (error) {
        if (error instanceof TooManyRequests) return snooze(error.retryAfterMs)
        throw new RetryAfterError('the catalogue does not answer', 30_000, { cause: error })
      }
    },
  })
}

/** Changes come in bursts; one sync answers for all that were announced before it began. */
export async function catalogueChanged(
  queue: JobQueue<never>,
  job: ReturnType<typeof syncCatalogueJob>,
  shop: string,
): Promise<void> {
  const uniqueKey = { key: shop, ifTaken: 'debounce', wait: 5_000, maxWait: 60_000 } as const
  await queue.enqueue(job, { shop }, { uniqueKey })
}

export async function story(say: (line: string) => void): Promise<void> {
  const pages = new Map<string | undefined, Page>([
    [undefined, { products: ['a', 'b'], next: '2' }],
    ['2', { products: ['c'], next: '3' }],
    ['3', { products: ['d'] }],
  ])
  let limited = false
  const job = syncCatalogueJob({
    async page(cursor) {
      if (cursor === '2' && !limited) {
        limited = true
        say('429: put off for 20 s')
        throw new TooManyRequests(20_000)
      }
      return pages.get(cursor)!
    },
    store: async (products) => {
      say(`stored ${products.join(', ')}`)
    },
  })
  await using shop = createTestJobs({ jobs: [job] })
  for (let change = 0; change < 5; change++) await catalogueChanged(shop.queue, job, 'acme')
  await shop.advance(60_000)
  say(`five changes, ${(await shop.enqueued(job)).length} sync`)
}
