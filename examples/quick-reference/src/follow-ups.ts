import { createJobQueue, defineJob, type Job, jobRequest, processJobs } from '@cgk/jobs'
import { sendReceiptJob } from './define-with-valibot.ts'
import { waitForEnd } from './wait.ts'

const processOrderJob = defineJob({
  name: 'process-order',
  handler: async (job: Job<{ orderId: string }>) => {
    const { orderId } = job.payload
    // The receipt's job comes to exist if and only if this success is stored.
    const receipt = jobRequest(sendReceiptJob, { orderId }, { jobId: `receipt-${orderId}` })
    return { success: true, followUps: [receipt] }
  },
})

const queue = createJobQueue({ name: 'orders' })
const processor = processJobs({ queue, jobs: [processOrderJob, sendReceiptJob] })
processor.start()

const order = await queue.enqueue(processOrderJob, { orderId: 'order_123' })
await waitForEnd(queue, order)
const receipt = await waitForEnd(queue, 'receipt-order_123')
console.log(receipt.name, receipt.status, receipt.result)
await processor.stop()
