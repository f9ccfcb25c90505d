import { setTimeout as sleep } from 'node:timers/promises'
import type { Job, JobAddress, JobQueue } from '@cgk/jobs'

/** The job once it has ended: `completed`, `failed` or `cancelled`. */
export async function waitForEnd(
  queue: Pick<JobQueue, 'getJob'>,
  address: JobAddress,
): Promise<Job<unknown>> {
  for (;;) {
    const job = await queue.getJob(address)
    if (job === null) throw new Error('no such job is retained')
    if (['completed', 'failed', 'cancelled'].includes(job.status)) return job
    await sleep(50)
  }
}
