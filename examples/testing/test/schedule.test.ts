import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it } from 'vitest'
import { nightlyReport, scheduleReports } from '../src/shop.ts'

it('reports once each night, also when the clocks go forward over 01:30', async () => {
  await using jobs = createTestJobs({
    jobs: [nightlyReport],
    tenants: ['acme'],
    at: '2026-03-28T00:00:00Z',
  })
  await scheduleReports(jobs.queue, 'Europe/London')
  await jobs.advanceTo('2026-03-31T00:00:00Z')

  const reports = await jobs.enqueued(nightlyReport)
  expect(reports.map(({ startedAt }) => startedAt?.toISOString())).toEqual([
    '2026-03-28T01:30:00.000Z',
    '2026-03-29T01:00:00.000Z',
    '2026-03-30T00:30:00.000Z',
  ])
})
