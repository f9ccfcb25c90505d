import { createJobQueue, processJobs } from '@cgk/jobs'
import { syncInventoryJob } from './define-job.ts'
import { processOrder, sendEmail } from './handlers.ts'

const queue = createJobQueue({ name: 'default' })

const handlers = new Map()
handlers.set('sync-inventory', syncInventoryJob.handler)
handlers.set('send-email', sendEmail)
handlers.set('process-order', processOrder)

const processor = processJobs({
  queue,
  handlers,
  maxConcurrency: 5,
  onError: (job, error) => console.error(`Job ${job.id} failed:`, error),
  onComplete: (job, result) => console.log(`Job ${job.id} completed:`, result),
})

processor.start()
process.on('SIGTERM', () => processor.stop())
