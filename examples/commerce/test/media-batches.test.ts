import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { type Image, mediaJobs, renderCampaign } from '../src/media-batches.ts'

const HALF_HOUR = 30 * 60_000
const IMAGES = [{ productId: 'a' }, { productId: 'b' }, { productId: 'c' }]

function studio() {
  const done = new Set<string>()
  return {
    done,
    begin: vi.fn(async ({ productId }: Image, _idempotencyKey: string) => `render-${productId}`),
    isDone: vi.fn(async (renderId: string) => done.has(renderId)),
    publish: vi.fn(async (_renderId: string) => {}),
  }
}

it('publishes once all are rendered, and asks for each once', async () => {
  const ours = studio()
  const jobs = mediaJobs(ours)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await renderCampaign(shop.queue, jobs, 'spring', IMAGES)
  await renderCampaign(shop.queue, jobs, 'spring', IMAGES)
  ours.done.add('render-a').add('render-c')
  await shop.advance(HALF_HOUR)
  expect(ours.publish).not.toHaveBeenCalled()
  ours.done.add('render-b')
  await shop.advance(HALF_HOUR)

  expect(ours.begin).toHaveBeenCalledTimes(3)
  expect(ours.publish.mock.calls.map(([renderId]) => renderId).toSorted()).toEqual([
    'render-a',
    'render-b',
    'render-c',
  ])
})

it('waits without spending attempts', async () => {
  const ours = studio()
  const jobs = mediaJobs(ours)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await renderCampaign(shop.queue, jobs, 'spring', [{ productId: 'a' }])
  await shop.advance(10 * HALF_HOUR)
  ours.done.add('render-a')
  await shop.advance(HALF_HOUR)

  const [render] = await shop.enqueued(jobs.render)
  expect(render).toMatchObject({ status: 'completed', attempts: 1 })
})
