import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { smsJob } from '../src/sms-quiet-hours.ts'

const SMS = { to: '+49', text: 'shipped' }

it.for([
  ['2026-01-05T19:59:00Z', '2026-01-05T19:59:00Z'],
  ['2026-01-05T20:00:00Z', '2026-01-06T08:00:00Z'],
  ['2026-01-06T07:59:30Z', '2026-01-06T08:00:00Z'],
  // The night in which Berlin loses an hour.
  ['2026-03-28T21:00:00Z', '2026-03-29T07:00:00Z'],
] as const)('what is sent at %s goes out at %s in Berlin', async ([at, expected]) => {
  const send = vi.fn(async () => {})
  const job = smsJob({ timezoneOf: () => 'Europe/Berlin', send })
  await using shop = createTestJobs({ jobs: [job], at })
  await shop.queue.enqueue(job, SMS, { tenantId: 'acme', concurrencyKey: 'gateway' })
  await shop.runUntilIdle()
  if (at !== expected) {
    await shop.advanceTo(Date.parse(expected) - 1)
    expect(send).not.toHaveBeenCalled()
    await shop.advance(1)
  }
  expect(send).toHaveBeenCalledOnce()
  const [sms] = await shop.enqueued(job)
  expect(sms).toMatchObject({ status: 'completed', attempts: 1 })
})
