import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { cartAbandoned, cartClosed, reminderJob } from '../src/cancellable-sequence.ts'

const HOUR = 3_600_000

function carts() {
  return {
    isBought: vi.fn(async (_cartId: string) => false),
    remind: vi.fn(async () => {}),
  }
}

it('reminds after an hour, a day and three days', async () => {
  const shopCarts = carts()
  const job = reminderJob(shopCarts)
  await using shop = createTestJobs({ jobs: [job] })
  await cartAbandoned(shop.queue, job, 'cart_1')
  for (const [hours, reminders] of [
    [1, 1],
    [22, 1],
    [1, 2],
    [48, 3],
  ] as const) {
    await shop.advance(hours * HOUR)
    expect(shopCarts.remind).toHaveBeenCalledTimes(reminders)
  }
})

it('says nothing more after a reply, and leaves other carts alone', async () => {
  const shopCarts = carts()
  const job = reminderJob(shopCarts)
  await using shop = createTestJobs({ jobs: [job] })
  await cartAbandoned(shop.queue, job, 'cart_1')
  await cartAbandoned(shop.queue, job, 'cart_10')
  await shop.advance(HOUR)
  await cartClosed(shop.queue, 'cart_1')
  await shop.advance(72 * HOUR)

  const statuses = (await shop.enqueued(job)).map(({ payload, status }) => [payload.cartId, status])
  expect(statuses.filter(([, status]) => status === 'cancelled')).toEqual([
    ['cart_1', 'cancelled'],
    ['cart_1', 'cancelled'],
  ])
  expect(shopCarts.remind).toHaveBeenCalledTimes(4)
})

it('looks once more before it sends', async () => {
  const shopCarts = carts()
  shopCarts.isBought.mockResolvedValue(true)
  const job = reminderJob(shopCarts)
  await using shop = createTestJobs({ jobs: [job] })
  await cartAbandoned(shop.queue, job, 'cart_1')
  await shop.advance(72 * HOUR)
  expect(shopCarts.remind).not.toHaveBeenCalled()
})
