import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { opsJobs, scheduleOps } from '../src/ops-cron.ts'

const MINUTE = 60_000

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

it('lets no checks pile up behind work that takes long', async () => {
  const ops = operations()
  const sent = Promise.withResolvers<void>()
  ops.sendDigest.mockReturnValue(sent.promise)
  const jobs = opsJobs(ops)
  await using shop = createTestJobs({
    jobs: Object.values(jobs),
    maxConcurrency: 1,
    at: '2026-01-05T12:59:30Z',
  })
  await scheduleOps(shop.queue, jobs)
  await shop.advance(10 * MINUTE, { whileRunning: true })
  expect(ops.sendDigest).toHaveBeenCalledTimes(1)
  expect(await shop.enqueued('health')).toMatchObject([{ status: 'pending' }])
  expect(await shop.queue.schedules.get('health')).toMatchObject({ lastRun: { jobs: 0 } })

  sent.resolve()
  await shop.runUntilIdle()
  expect(ops.checkHealth).toHaveBeenCalledTimes(1)
  await shop.advance(2 * MINUTE)
  expect(ops.checkHealth).toHaveBeenCalledTimes(3)
})

it('gives up a check that hangs after thirty seconds, and makes the next at its time', async () => {
  const ops = operations()
  ops.checkHealth.mockImplementationOnce(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      }),
  )
  const jobs = opsJobs(ops)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await scheduleOps(shop.queue, jobs)
  const health = async () => (await shop.enqueued('health'))[0]!
  await shop.advance(MINUTE + 29_999, { whileRunning: true })
  expect(await health()).toMatchObject({ status: 'running' })
  await shop.advance(1, { whileRunning: true })
  expect(await health()).toMatchObject({
    status: 'failed',
    error: { code: 'JOBS_ATTEMPT_TIMED_OUT' },
  })
  await shop.advance(30_000)
  expect(ops.checkHealth).toHaveBeenCalledTimes(2)
})

it('makes no checks up for after an outage, and the end of each month', async () => {
  const ops = operations()
  const jobs = opsJobs(ops)
  await using shop = createTestJobs({ jobs: Object.values(jobs), at: '2026-01-31T00:00:00Z' })
  await scheduleOps(shop.queue, jobs)
  await shop.runUntilIdle()
  await shop.processor.stop()
  await shop.advanceTo('2026-04-01T00:00:30Z')
  shop.process({ jobs: Object.values(jobs) })
  await shop.runUntilIdle()

  expect(ops.checkHealth).toHaveBeenCalledTimes(1)
  expect(ops.closeMonth.mock.calls).toEqual([
    [new Date('2026-02-02T11:00:00Z')],
    [new Date('2026-03-02T11:00:00Z')],
  ])
})
