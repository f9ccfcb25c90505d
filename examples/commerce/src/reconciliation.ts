import { defineJob, type Job, type JobQueue } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

/** The outside shop, and the copy of its orders that we keep. */
export interface OrderMirror {
  changedOrders(tenantId: string, from: Date, to: Date): Promise<readonly string[]>
  upsert(tenantId: string, orderIds: readonly string[]): Promise<void>
}

const LOOK_BACK_MS = 2 * 3_600_000

/**
 * Every hour, for every tenant, the last two hours once more: what a webhook lost is found. The job's
 * tick, not the clock, says which hours, so that a run that is late or repeated asks for the same.
 */
export function reconcileJob(mirror: OrderMirror) {
  return defineJob({
    name: 'reconcile-orders',
    handler: async ({ tickAt, createdAt }: Job<Record<string, never>>, { tenantId }) => {
      const to = tickAt ?? createdAt
      const from = new Date(to.getTime() - LOOK_BACK_MS)
      const orderIds = await mirror.changedOrders(tenantId!, from, to)
      await mirror.upsert(tenantId!, orderIds)
      return { success: true, data: { reconciled: orderIds.length } }
    },
  })
}

/**
 * Safe to call with each start of a worker. After an outage the ticks of a day are caught up, those of
 * a tenant one after the other.
 */
export async function scheduleReconciliation(
  queue: JobQueue<never>,
  job: ReturnType<typeof reconcileJob>,
): Promise<void> {
  await queue.schedule('reconcile-orders', {
    job,
    payload: {},
    cron: '0 * * * *',
    forEach: 'tenant',
    options: { orderingKey: 'reconcile-orders' },
    catchUp: 'all',
    catchUpLimit: 24,
  })
}

export async function story(say: (line: string) => void): Promise<void> {
  const job = reconcileJob({
    changedOrders: async () => ['order_1', 'order_2'],
    upsert: async (tenantId, ids) => {
      say(`${tenantId}: ${ids.length} orders compared`)
    },
  })
  await using shop = createTestJobs({ jobs: [job], tenants: ['acme', 'globex'] })
  await scheduleReconciliation(shop.queue, job)
  await shop.advance(2 * 3_600_000)
}
