import { createJobQueue } from '@cgk/jobs'

const queue = createJobQueue({ name: 'by-hand' })
await queue.enqueueMany([
  { job: 'import-row', payload: { row: 1 } },
  { job: 'import-row', payload: { row: 2 }, options: { maxAttempts: 1 } },
])

// Yours for 30 s; what is not acknowledged by then returns to the queue.
for (const job of await queue.dequeue(10, { leaseMs: 30_000 })) {
  if (job.maxAttempts > 1) await queue.acknowledge(job, 'completed')
  else await queue.acknowledge(job, 'failed', new Error('row 2 is empty'))
}

for (const { payload, status, error } of await queue.listJobs()) {
  console.log(payload, status, error?.message)
}
