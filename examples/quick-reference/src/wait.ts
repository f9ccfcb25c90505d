import type { Job, JobAddress, JobQueue } from '@cgk/jobs'

/** The job once it has ended: `completed`, `failed` or `cancelled`. */
export async function waitForEnd(
  queue: Pick<JobQueue, 'getJob' | 'waitFor'>,
  address: JobAddress,
): Promise<Job<unknown>> {
  await Promise.allSettled([queue.waitFor(address)])
  const job = await queue.getJob(address)
  if (job === null) throw new Error('no such job is retained')
  return job
}
