import { createJobQueue, isJobsError } from '@cgk/jobs'
import { sendReceiptJob } from './define-with-valibot.ts'
import { resizeImageJob } from './define-with-zod.ts'

const queue = createJobQueue({ name: 'shop', jobs: [resizeImageJob, sendReceiptJob] })

// By name or by definition: the payload is the schema's input, and is checked before it is stored.
await queue.enqueue('resize-image', {
  url: 'https://example.com/1.jpg',
  takenAt: '2026-11-01T12:00:00Z',
})
await queue.enqueue(sendReceiptJob, { orderId: 'order_123' })

// @ts-expect-error -- no job of this queue has that name
await queue.enqueue('resize-imgae', {})

try {
  await queue.enqueue('send-receipt', { orderId: '123' })
} catch (error) {
  if (isJobsError(error, 'JOBS_INVALID_PAYLOAD')) console.log(error.message)
}
