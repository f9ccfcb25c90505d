import type { Payload } from '../payload.ts'
import { until } from '../until.ts'
import type { OpenQueue, Work } from './system.ts'

const JOB_NAME = 'bench'

/** What is used of BullMQ's `Queue`, whose type depends on the backend. */
interface BullQueue {
  add(name: string, data: Payload): Promise<unknown>
  addBulk(jobs: { readonly name: string; readonly data: Payload }[]): Promise<unknown>
  getJobCounts(
    ...types: ('wait' | 'active' | 'prioritized' | 'delayed')[]
  ): Promise<Record<string, number>>
  close(): Promise<void>
}

/** What is used of BullMQ's `Worker`. */
interface BullWorker {
  on(event: 'error', listener: (error: Error) => void): unknown
  waitUntilReady(): Promise<unknown>
  close(force: boolean): Promise<void>
}

/** BullMQ's queue and worker, whatever they keep their jobs in. */
export function openBullQueue(
  queue: BullQueue,
  createWorker: (work: Work) => BullWorker,
): Omit<OpenQueue, 'address' | 'server'> {
  let worker: BullWorker | undefined
  return {
    async enqueueOne(payload) {
      await queue.add(JOB_NAME, payload)
    },
    async enqueueMany(payloads) {
      await queue.addBulk(payloads.map((data) => ({ name: JOB_NAME, data })))
    },
    async start(work) {
      worker = createWorker(work)
      worker.on('error', (error) => process.stderr.write(`bullmq: ${error.message}\n`))
      await worker.waitUntilReady()
    },
    idle: () =>
      until(async () => {
        const counts = await queue.getJobCounts('wait', 'active', 'prioritized', 'delayed')
        return Object.values(counts).every((count) => count === 0)
      }),
    async [Symbol.asyncDispose]() {
      // It is told not to wait for jobs that are left.
      await worker?.close(true)
      await queue.close()
    },
  }
}

/** An async function, as users write them: one promise per job. */
export function processorOf(work: Work): (job: { readonly data: Payload }) => Promise<void> {
  return async ({ data }) => work(data)
}
