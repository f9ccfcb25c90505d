import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { billingJobs, type Charge, scheduleBilling } from '../src/subscription-billing.ts'

const DAY = 24 * 3_600_000

function billing() {
  return {
    dueOn: vi.fn(async (tenantId: string, _date: string) => [`${tenantId}-1`, `${tenantId}-2`]),
    charge: vi.fn(async (_charge: Charge, _idempotencyKey: string) => {}),
  }
}

it('charges each day of the tenant at six of its morning', async () => {
  const ours = billing()
  const jobs = billingJobs(ours)
  await using shop = createTestJobs({ jobs: Object.values(jobs), at: '2026-01-05T20:59:59Z' })
  await scheduleBilling(shop.queue, jobs, 'acme', 'Asia/Tokyo')
  await shop.runUntilIdle()
  expect(ours.dueOn).not.toHaveBeenCalled()
  await shop.advance(1_000)

  expect(ours.dueOn.mock.calls).toEqual([['acme', '2026-01-06']])
  await shop.advance(DAY)
  expect(ours.charge.mock.calls.map(([{ subscription, date }]) => [subscription, date])).toEqual([
    ['acme-1', '2026-01-06'],
    ['acme-2', '2026-01-06'],
    ['acme-1', '2026-01-07'],
    ['acme-2', '2026-01-07'],
  ])
})

it('charges a subscription once for a day, though the look for it is repeated', async () => {
  const ours = billing()
  const jobs = billingJobs(ours)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  const payload = { timezone: 'UTC' }
  await shop.queue.enqueue(jobs.billDay, payload, { tenantId: 'acme' })
  await shop.queue.enqueue(jobs.billDay, payload, { tenantId: 'acme' })
  await shop.runUntilIdle()

  expect(ours.dueOn).toHaveBeenCalledTimes(2)
  expect(ours.charge).toHaveBeenCalledTimes(2)
})

it('makes up the days of an outage, each as itself and once', async () => {
  const ours = billing()
  const jobs = billingJobs(ours)
  const definitions = Object.values(jobs)
  await using shop = createTestJobs({ jobs: definitions, at: '2026-03-06T15:00:00Z' })
  await scheduleBilling(shop.queue, jobs, 'acme', 'America/New_York')
  await shop.runUntilIdle()
  await shop.processor.stop()
  // Clocks change on the 8th.
  await shop.advance(3 * DAY)
  expect(ours.dueOn).not.toHaveBeenCalled()
  shop.process({ jobs: definitions })
  await scheduleBilling(shop.queue, jobs, 'acme', 'America/New_York')
  await shop.runUntilIdle()

  const days = ['2026-03-07', '2026-03-08', '2026-03-09']
  expect(ours.dueOn.mock.calls).toEqual(days.map((day) => ['acme', day]))
  expect(ours.charge.mock.calls.map(([charge]) => charge)).toEqual(
    days.flatMap((date) => ['acme-1', 'acme-2'].map((subscription) => ({ subscription, date }))),
  )
})
