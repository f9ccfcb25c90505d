import { createJobQueue, currentTenant, processJobs, withTenant } from '@cgk/jobs'
import { waitForEnd } from './wait.ts'

const queue = createJobQueue({ name: 'tenants', tenancy: 'required' })
const processor = processJobs({
  queue,
  handlers: new Map([
    ['process-order', async () => ({ success: true, data: { tenant: currentTenant() } })],
  ]),
})
processor.start()

const job = await withTenant('rawdog', async () => {
  const order = await queue.enqueue('process-order', { orderId: 'order_123' })
  return waitForEnd(queue, order.id)
})
console.log(job.tenantId, job.result)

// An id is one of the current tenant's; the job itself says whose it is.
console.log(await withTenant('meliusly', () => queue.getJob(job.id)))
console.log((await queue.getJob(job))?.tenantId)
await processor.stop()
