import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { opsJobs, scheduleOps } from '../src/ops-cron.ts'

function operations() {
  return {
    checkHealth: vi.fn(async (_signal: AbortSignal) => {}),
    sendDigest: vi.fn(async (_day: Date) => {}),
    closeMonth: vi.fn(async (_day: Date) => {}),
  }
}

it('sends digests on weekdays at eight in New York, also where clocks change', async () => {
  const ops = operations()
  const jobs = opsJobs(ops)
  await using shop = createTestJobs({ jobs: Object.values(jobs), at: '2026-03-06T12:00:00Z' })
  await scheduleOps(shop.queue, jobs)
  await scheduleOps(shop.queue, jobs)
  await shop.advanceTo('2026-03-09T13:00:00Z')

  expect(ops.sendDigest.mock.calls.map(([day]) => day.toISOString())).toEqual([
    '2026-03-06T13:00:00.000Z',
    '2026-03-09T12:00:00.000Z',
  ])
})

it('closes the month on the second, once', async () => {
  const ops = operations()
  const jobs = opsJobs(ops)
  await using shop = createTestJobs({ jobs: Object.values(jobs), at: '2026-02-02T10:00:00Z' })
  await scheduleOps(shop.queue, jobs)
  await shop.advance(3 * 3_600_000)
  expect(ops.closeMonth.mock.calls).toEqual([[new Date('2026-02-02T11:00:00Z')]])
})

it('has paused what is paused', async () => {
  const ops = operations()
  const jobs = opsJobs(ops)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await scheduleOps(shop.queue, jobs)
  await shop.queue.schedules.pause('health')
  await shop.advance(600_000)
  expect(ops.checkHealth).not.toHaveBeenCalled()
})
