import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { type Email, mailingJob, sendMailing } from '../src/paced-email.ts'

const email = (index = 0, sequence = 'thanks'): Email => ({
  orderId: 'order_1',
  sequence,
  to: `customer-${index}@example.com`,
})

function mailer() {
  return { send: vi.fn(async (_batch: readonly Email[], _idempotencyKey: string) => {}) }
}

it('sends fifty at a time, half a second apart', async () => {
  const provider = mailer()
  const job = mailingJob(provider)
  await using shop = createTestJobs({ jobs: [job] })
  await sendMailing(shop.queue, job, [email(), ...Array.from({ length: 119 }, (_, i) => email(i))])
  await shop.runUntilIdle()
  expect(provider.send).toHaveBeenCalledTimes(1)
  await shop.advance(499)
  expect(provider.send).toHaveBeenCalledTimes(1)
  await shop.advance(501)

  expect(provider.send.mock.calls.map(([batch]) => batch.length)).toEqual([50, 50, 20])
})

it('sends a step of a sequence once within a day', async () => {
  const provider = mailer()
  const job = mailingJob(provider)
  await using shop = createTestJobs({ jobs: [job] })
  await sendMailing(shop.queue, job, [email()])
  await shop.runUntilIdle()
  await sendMailing(shop.queue, job, [email()])
  await sendMailing(shop.queue, job, [email(0, 'review')])
  await shop.runUntilIdle()
  expect(provider.send).toHaveBeenCalledTimes(2)

  await shop.advance(24 * 3_600_000)
  await sendMailing(shop.queue, job, [email()])
  await shop.runUntilIdle()
  expect(provider.send).toHaveBeenCalledTimes(3)
})

it('repeats a batch under the same idempotency key', async () => {
  const provider = mailer()
  provider.send.mockRejectedValueOnce(new Error('timeout'))
  const job = mailingJob(provider)
  await using shop = createTestJobs({ jobs: [job] })
  await sendMailing(shop.queue, job, [email()])
  await shop.advance(60_000)

  const keys = provider.send.mock.calls.map(([, key]) => key)
  expect(keys).toHaveLength(2)
  expect(keys[0]).toBe(keys[1])
})
