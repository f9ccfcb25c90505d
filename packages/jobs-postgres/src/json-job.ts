import { parseJobId, type NewJob } from '@cgk/jobs-core'
import { makeJobId } from './job-ids.ts'

/** A job as `job_of` reads it: the keys are those of {@link NewJob}, and texts stay texts. */
export interface JsonJob extends NewJob {
  /** What is in the `jobId`, where it looks like one that the store made. */
  readonly made?: { readonly id: string; readonly createdAt: number }
}

/** The form in which jobs travel to SQL, to be written into JSON. */
export function toJsonJob(job: NewJob): JsonJob {
  const made = job.jobId === undefined ? null : parseJobId(job.jobId)
  if (made === null) return job
  const id = BigInt(`0x${made.random}`)
  const createdAt = made.timestamp.getTime()
  return makeJobId(id, createdAt) === job.jobId && id < 2n ** 63n
    ? { ...job, made: { id: String(id), createdAt } }
    : job
}
