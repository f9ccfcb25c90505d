import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import {
  catalogueChanged,
  type Page,
  syncCatalogueJob,
  TooManyRequests,
} from '../src/catalogue-sync.ts'

function catalogue() {
  return {
    page: vi.fn(async (cursor: string | undefined): Promise<Page> =>
      cursor === undefined ? { products: ['a'], next: '2' } : { products: ['b'] },
    ),
    store: vi.fn(async () => {}),
  }
}

it('goes on with the page it was at, and obeys Retry-After without losing attempts', async () => {
  const shopify = catalogue()
  const job = syncCatalogueJob(shopify)
  await using shop = createTestJobs({ jobs: [job] })
  await catalogueChanged(shop.queue, job, 'acme')
  await shop.advance(5_000)
  shopify.page.mockRejectedValueOnce(new TooManyRequests(20_000))
  await shop.advance(500)
  await shop.advance(19_999)
  expect(shopify.page.mock.calls.map(([cursor]) => cursor)).toEqual([undefined, '2'])
  await shop.advance(1)

  expect(shopify.page.mock.calls.map(([cursor]) => cursor)).toEqual([undefined, '2', '2'])
  const [sync] = await shop.enqueued(job)
  expect(sync).toMatchObject({ status: 'completed', attempts: 1 })
})

it('answers a burst of changes with one sync', async () => {
  const shopify = catalogue()
  const job = syncCatalogueJob(shopify)
  await using shop = createTestJobs({ jobs: [job] })
  for (let change = 0; change < 30; change++) {
    await catalogueChanged(shop.queue, job, 'acme')
    await shop.advance(1_000)
  }
  expect(shopify.page).not.toHaveBeenCalled()
  await shop.advance(60_000)
  expect(await shop.enqueued(job)).toHaveLength(1)
})
