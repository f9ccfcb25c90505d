import { setImmediate } from 'node:timers/promises'
import type { JobHandler, JobQueue, JobStore } from '@cgk/jobs-core'
import type { Payload } from '../payload.ts'
import type { CgkPackages } from './cgk-packages.ts'
import type { OpenQueue } from './system.ts'

const JOB_NAME = 'bench'

/** Our queue and processor on any store, everything at its default. */
export function openCgkQueue(core: CgkPackages['core'], store: JobStore): OpenQueue {
  const queue = core.createJobQueue({ name: 'bench', store })
  const handlers = new Map<string, JobHandler<Payload>>()
  const processor = core.processJobs({ queue, handlers })
  return {
    async enqueueOne(payload) {
      await queue.enqueue(JOB_NAME, payload)
    },
    async enqueueMany(payloads) {
      await queue.enqueueMany(payloads.map((payload) => ({ job: JOB_NAME, payload })))
    },
    start(onStart) {
      // An async function, as users write them: one promise per job.
      processor.registerHandler(JOB_NAME, async (job: { readonly payload: Payload }) => {
        onStart(job.payload)
        return { success: true }
      })
      processor.start()
    },
    async idle() {
      while ((await countUnfinished(queue)) > 0) await setImmediate()
    },
    async [Symbol.asyncDispose]() {
      await processor.stop()
      await store.close()
    },
  }
}

async function countUnfinished(queue: JobQueue): Promise<number> {
  const counts = await queue.counts()
  return counts.pending + counts.scheduled + counts.retrying + counts.running
}
