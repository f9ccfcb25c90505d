import { createJobQueue } from '@cgk/jobs'

const queue = createJobQueue({ name: 'default' })

await queue.enqueue('sync-inventory', { productId: '123' })

await queue.enqueue(
  'send-email',
  { to: 'user@example.com', template: 'welcome' },
  { delay: 60000 }, // milliseconds
)

await queue.enqueue('process-order', { orderId: 'order_123' }, { tenantId: 'rawdog' })
