import { defineJob, type JobQueue, jobRequest } from '@cgk/jobs'

export interface Order {
  readonly orderId: string
  readonly email: string
}

export const sendReceipt = defineJob<Order, { sentTo: string }, 'send-receipt'>({
  name: 'send-receipt',
  handler: async ({ payload }) => ({ success: true, data: { sentTo: payload.email } }),
})

export const importOrder = defineJob<Order, { imported: string }, 'import-order'>({
  name: 'import-order',
  handler: async ({ payload }) => ({
    success: true,
    data: { imported: payload.orderId },
    followUps: [jobRequest(sendReceipt, payload)],
  }),
})

export const nightlyReport = defineJob({
  name: 'nightly-report',
  handler: async () => ({ success: true }),
})

/** What the shop's checkout calls. */
export async function placeOrder(queue: JobQueue<never>, order: Order): Promise<void> {
  await queue.enqueue(importOrder, order, { uniqueKey: `order/${order.orderId}` })
}

/** What the worker calls when it starts. */
export async function scheduleReports(queue: JobQueue<never>, timezone: string): Promise<void> {
  await queue.schedule('nightly-report', {
    job: nightlyReport,
    payload: {},
    cron: '30 1 * * *',
    timezone,
    forEach: 'tenant',
  })
}
