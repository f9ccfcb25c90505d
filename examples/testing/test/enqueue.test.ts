import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it } from 'vitest'
import { importOrder, placeOrder, sendReceipt } from '../src/shop.ts'

const order = { orderId: 'order_1', email: 'ada@example.com' }

it('imports an order once, however often it is placed', async () => {
  await using jobs = createTestJobs({ jobs: [importOrder, sendReceipt] })
  await placeOrder(jobs.queue, order)
  await placeOrder(jobs.queue, order)

  await jobs.expectEnqueued(importOrder, { orderId: 'order_1' })
  expect(await jobs.enqueued(importOrder)).toHaveLength(1)
  await jobs.expectNotEnqueued(sendReceipt)
})

it('sends the receipt once the order is imported', async () => {
  await using jobs = createTestJobs({ jobs: [importOrder, sendReceipt] })
  await placeOrder(jobs.queue, order)
  await jobs.runUntilIdle()

  const receipt = await jobs.expectEnqueued(sendReceipt, { orderId: 'order_1' })
  expect(receipt.status).toBe('completed')
  expect(receipt.result).toEqual({ sentTo: 'ada@example.com' })
})
