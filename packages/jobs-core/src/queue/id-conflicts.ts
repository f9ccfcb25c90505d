import { JobsError } from '../errors.ts'
import type { JobRef } from '../storage/job-record.ts'
import type { NewJob } from '../storage/new-job.ts'
import type { StoreSession } from '../worker/store-session.ts'
import { isSamePayload } from './same-payload.ts'

type Identified = NewJob & { readonly jobId: string }

/** Whether two jobs under one id are one job. */
export function isSameJob(
  left: Pick<NewJob, 'name' | 'payload'>,
  right: Pick<NewJob, 'name' | 'payload'>,
): boolean {
  return left.name === right.name && isSamePayload(left.payload, right.payload)
}

/**
 * Refuses jobs whose ids belong to other jobs, before any of them is stored. A producer that takes such
 * an id between this look and the store's is noticed by the store alone.
 *
 * @throws {@link JobsError} `JOBS_ID_CONFLICT`, naming the index.
 */
export async function refuseIdConflicts(
  session: StoreSession,
  newJobs: readonly NewJob[],
): Promise<void> {
  const identified = newJobs.filter((newJob): newJob is Identified => newJob.jobId !== undefined)
  if (identified.length === 0) return
  const refs = identified.map(({ queue, tenantId, jobId }): JobRef => ({
    queue,
    tenantId,
    id: jobId,
  }))
  const records = await session.call('get', (call) => session.store.get(refs, call))
  const firsts = new Map<string, Identified>()
  for (const [index, newJob] of identified.entries()) {
    const key = JSON.stringify([newJob.tenantId, newJob.jobId])
    const first = records[index] ?? firsts.get(key)
    if (first === undefined) firsts.set(key, newJob)
    else if (!isSameJob(first, newJob))
      throw idConflict(newJob, first.name, newJobs.indexOf(newJob))
  }
}

/** The error for a job whose id belongs to another. */
export function idConflict(newJob: NewJob, holder: string, index?: number): JobsError {
  const which = index === undefined ? '' : `job ${index} of the batch: `
  return new JobsError(
    'JOBS_ID_CONFLICT',
    `${which}job id ${newJob.jobId} belongs to another job of queue ${newJob.queue}: ${
      holder === newJob.name ? 'its payload differs' : `its name is ${holder}`
    }`,
  )
}
