import { once } from 'node:events'
import { createJobQueue, defineJob, type Job, processJobs } from '@cgk/jobs'
import { waitForEnd } from './wait.ts'

const exportOrdersJob = defineJob({
  name: 'export-orders',
  handler: async (job: Job<{ year: number }>, { signal }) => {
    console.log('exporting', job.payload.year)
    void queue.cancelJob(job) // Anybody may, in any process: here the job itself.
    await once(signal, 'abort')
    console.log('stopped:', signal.reason.code)
    return { success: true } // Refused: the job is cancelled already.
  },
})

const queue = createJobQueue({ name: 'exports', jobs: [exportOrdersJob] })

const waiting = await queue.enqueue('export-orders', { year: 2025 }, { delay: 60_000 })
console.log((await queue.cancelJob(waiting)).status)

const processor = processJobs({ queue, jobs: [exportOrdersJob] })
processor.start()
const running = await queue.enqueue('export-orders', { year: 2026 })
console.log((await waitForEnd(queue, running)).status)
await processor.stop() // Waits for the handler.
