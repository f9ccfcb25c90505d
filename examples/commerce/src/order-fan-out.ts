import { defineJob, type Job, type JobQueue, jobRequest } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Order {
  readonly orderId: string
  readonly totalAmount: number
  readonly currency: string
}

export interface OrderEvent {
  readonly orderId: string
  readonly type: 'created' | 'paid' | 'cancelled'
}

/** What the shop does with its orders. */
export interface OrderBook {
  attribute(order: Order): Promise<void>
  payCommission(order: Order): Promise<void>
  followUp(order: Order): Promise<void>
  close(order: Order, outcome: 'done' | 'incomplete'): Promise<void>
  apply(event: OrderEvent): Promise<void>
}

/** One order, three pieces of work that may fail apart, and one job when all have ended. */
export function orderJobs(book: OrderBook) {
  const retry = {
    maxAttempts: 5,
    backoff: 'exponential',
    initialDelay: 2_000,
    maxDelay: 60_000,
  } as const
  const piece = <TName extends string>(name: TName, work: (order: Order) => Promise<void>) =>
    defineJob({
      name,
      retry,
      options: { timeout: 30_000 },
      handler: async ({ payload }: Job<Order>) => {
        await work(payload)
        return { success: true }
      },
    })
  return {
    attribution: piece('attribution', (order) => book.attribute(order)),
    commission: piece('commission', (order) => book.payCommission(order)),
    followUp: piece('follow-up', (order) => book.followUp(order)),
    done: piece('order-done', (order) => book.close(order, 'done')),
    incomplete: piece('order-incomplete', (order) => book.close(order, 'incomplete')),
    event: defineJob({
      name: 'order-event',
      retry,
      handler: async ({ payload }: Job<OrderEvent>) => {
        await book.apply(payload)
        return { success: true }
      },
    }),
  }
}

type OrderJobs = ReturnType<typeof orderJobs>

/** A webhook that arrives twice makes one group: its id is the order's. */
export async function orderCreated(
  queue: JobQueue<never>,
  jobs: OrderJobs,
  order: Order,
): Promise<void> {
  await queue.enqueueGroup(
    [jobs.attribution, jobs.commission, jobs.followUp].map((job) => jobRequest(job, order)),
    {
      groupId: `order/${order.orderId}`,
      onComplete: jobRequest(jobs.done, order),
      onAnyFailed: jobRequest(jobs.incomplete, order),
    },
  )
}

/** Created, paid and cancelled race each other to us; of one order they are applied in turn. */
export async function orderChanged(
  queue: JobQueue<never>,
  jobs: OrderJobs,
  event: OrderEvent,
): Promise<void> {
  await queue.enqueue(jobs.event, event, { orderingKey: `order/${event.orderId}` })
}

export async function story(say: (line: string) => void): Promise<void> {
  const jobs = orderJobs({
    attribute: async ({ orderId }) => {
      say(`${orderId}: attributed to a creator`)
    },
    payCommission: async ({ orderId }) => {
      say(`${orderId}: commission booked`)
    },
    followUp: async ({ orderId }) => {
      say(`${orderId}: follow-up planned`)
    },
    close: async ({ orderId }, outcome) => {
      say(`${orderId}: ${outcome}`)
    },
    apply: async ({ orderId, type }) => {
      say(`${orderId}: ${type}`)
    },
  })
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  const order = { orderId: 'order_1', totalAmount: 4_900, currency: 'EUR' }
  await orderCreated(shop.queue, jobs, order)
  await orderCreated(shop.queue, jobs, order)
  await shop.runUntilIdle()
  for (const type of ['created', 'paid', 'cancelled'] as const) {
    await orderChanged(shop.queue, jobs, { orderId: 'order_1', type })
  }
  await shop.runUntilIdle()
}
