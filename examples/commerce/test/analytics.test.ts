import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { analyticsJobs, scheduleAnalytics } from '../src/analytics.ts'

const HOUR = 3_600_000

function warehouse() {
  return { aggregate: vi.fn(async (_tenantId: string, _day: number) => {}) }
}

it('goes on with the day it was at', async () => {
  const ours = warehouse()
  const jobs = analyticsJobs(ours)
  await using shop = createTestJobs({ jobs: [jobs.year] })
  ours.aggregate.mockImplementation(async (_tenantId, day) => {
    if (day === 100 && ours.aggregate.mock.calls.length === 101) throw new Error('connection lost')
  })
  const job = await shop.queue.enqueue(jobs.year, {}, { tenantId: 'acme' })
  await shop.runUntilIdle()
  expect(await shop.queue.getJob(job)).toMatchObject({
    status: 'retrying',
    progress: { done: 100, of: 365 },
  })
  await shop.advance(60_000)

  expect(await shop.queue.getJob(job)).toMatchObject({ status: 'completed' })
  expect(ours.aggregate.mock.calls.map(([, day]) => day)).toEqual([
    ...Array.from({ length: 101 }, (_, day) => day),
    ...Array.from({ length: 265 }, (_, index) => 100 + index),
  ])
})

it('has figures of every tenant each quarter of an hour', async () => {
  const ours = warehouse()
  const jobs = analyticsJobs(ours)
  await using shop = createTestJobs({ jobs: Object.values(jobs), tenants: ['acme', 'globex'] })
  await scheduleAnalytics(shop.queue, jobs)
  await shop.runUntilIdle()
  ours.aggregate.mockClear()
  await shop.advance(HOUR)

  const tenants = ours.aggregate.mock.calls.map(([tenantId]) => tenantId)
  expect(tenants.filter((tenantId) => tenantId === 'acme')).toHaveLength(4)
  expect(tenants.filter((tenantId) => tenantId === 'globex')).toHaveLength(4)
})
