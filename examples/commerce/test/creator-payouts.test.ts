import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { type Payout, payOut, payoutJobs } from '../src/creator-payouts.ts'

const HOUR = 3_600_000
const REQUEST: Payout = { payoutId: '1', creatorId: 'ada', amount: 12_000, currency: 'EUR' }

function bank() {
  return {
    transfer: vi.fn(async (_payout: Payout, _idempotencyKey: string) => 'transfer_1'),
    statusOf: vi.fn(async (): Promise<'pending' | 'settled' | 'rejected'> => 'settled'),
  }
}

it('pays once, however often it is asked to, also later', async () => {
  const ours = bank()
  const jobs = payoutJobs(ours)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await payOut(shop.queue, jobs, REQUEST)
  await payOut(shop.queue, jobs, REQUEST)
  await shop.advance(2 * HOUR)
  await payOut(shop.queue, jobs, REQUEST)
  await shop.advance(2 * HOUR)
  expect(ours.transfer).toHaveBeenCalledOnce()
})

it('tries three times under one idempotency key, and then no more', async () => {
  const ours = bank()
  ours.transfer.mockRejectedValue(new Error('timeout'))
  const jobs = payoutJobs(ours)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await payOut(shop.queue, jobs, REQUEST)
  await shop.advance(HOUR)

  const keys = ours.transfer.mock.calls.map(([, key]) => key)
  expect(keys).toHaveLength(3)
  expect(new Set(keys).size).toBe(1)
  await shop.expectNotEnqueued(jobs.check)
})

it('looks at the transfer every hour until it is settled or rejected', async () => {
  const ours = bank()
  ours.statusOf.mockResolvedValueOnce('pending').mockResolvedValueOnce('rejected')
  const jobs = payoutJobs(ours)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await payOut(shop.queue, jobs, REQUEST)
  await shop.advance(HOUR)
  expect(ours.statusOf).toHaveBeenCalledTimes(1)
  await shop.advance(HOUR)
  const check = await shop.expectEnqueued(jobs.check, { transferId: 'transfer_1' })
  expect(check.status).toBe('failed')
})
