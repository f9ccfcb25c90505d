import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { type Delivery, received, webhookJobs } from '../src/webhooks.ts'

const MINUTE = 60_000
const EVENT = { eventId: 'event_1', topic: 'order.paid' }

function endpoints() {
  return {
    subscribers: vi.fn(async () => ['https://crm.example', 'https://erp.example']),
    post: vi.fn(async (_delivery: Delivery) => {}),
  }
}

it('delivers an event once to each subscriber, however often it arrives', async () => {
  const web = endpoints()
  const jobs = webhookJobs(web)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await received(shop.queue, jobs, EVENT)
  await shop.advance(60 * MINUTE)
  await received(shop.queue, jobs, EVENT)
  await shop.advance(60 * MINUTE)

  expect(web.post.mock.calls.map(([{ endpoint }]) => endpoint)).toEqual([
    'https://crm.example',
    'https://erp.example',
  ])
})

it('tries again after 1, 5 and 30 minutes, 2 hours and a day', async () => {
  const web = endpoints()
  web.subscribers.mockResolvedValue(['https://erp.example'])
  const jobs = webhookJobs(web)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  const at: number[] = []
  const start = shop.now()
  web.post.mockImplementation(async () => {
    at.push((shop.now() - start) / MINUTE)
    throw new Error('503')
  })
  await received(shop.queue, jobs, EVENT)
  await shop.advance(3 * 1_440 * MINUTE)

  expect(at).toEqual([0, 1, 6, 36, 156, 1_596])
  expect((await shop.enqueued(jobs.deliver))[0]).toMatchObject({ status: 'failed' })
})
