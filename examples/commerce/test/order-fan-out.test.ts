import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { orderChanged, orderCreated, orderJobs } from '../src/order-fan-out.ts'

const ORDER = { orderId: 'order_1', totalAmount: 4_900, currency: 'EUR' }

function orderBook() {
  return {
    attribute: vi.fn(async () => {}),
    payCommission: vi.fn(async () => {}),
    followUp: vi.fn(async () => {}),
    close: vi.fn(async () => {}),
    apply: vi.fn(async () => {}),
  }
}

it('closes an order once, when all of its work is done, however often it was announced', async () => {
  const book = orderBook()
  book.payCommission.mockRejectedValueOnce(new Error('503'))
  const jobs = orderJobs(book)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await orderCreated(shop.queue, jobs, ORDER)
  await orderCreated(shop.queue, jobs, ORDER)
  await shop.runUntilIdle()
  expect(book.close).not.toHaveBeenCalled()

  await shop.advance(2_000)
  expect(book.attribute).toHaveBeenCalledOnce()
  expect(book.payCommission).toHaveBeenCalledTimes(2)
  expect(book.close.mock.calls).toEqual([[ORDER, 'done']])
})

it('says so when a part of the work failed for good', async () => {
  const book = orderBook()
  book.payCommission.mockRejectedValue(new Error('503'))
  const jobs = orderJobs(book)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await orderCreated(shop.queue, jobs, ORDER)
  await shop.advance(120_000)

  expect(book.payCommission).toHaveBeenCalledTimes(5)
  expect(book.close.mock.calls).toEqual([[ORDER, 'incomplete']])
})

it('applies what happens to an order in turn, also where the first has to be retried', async () => {
  const book = orderBook()
  const applied: string[] = []
  book.apply.mockRejectedValueOnce(new Error('busy'))
  book.apply.mockImplementation(async (...[event]: unknown[]) => {
    applied.push((event as { readonly type: string }).type)
  })
  const jobs = orderJobs(book)
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  for (const type of ['created', 'paid', 'cancelled'] as const) {
    await orderChanged(shop.queue, jobs, { orderId: 'order_1', type })
  }
  await shop.runUntilIdle()
  expect(applied).toEqual([])
  await shop.advance(2_000)

  expect(applied).toEqual(['created', 'paid', 'cancelled'])
})
