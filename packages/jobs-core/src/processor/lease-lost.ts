import { JobsError } from '../errors.ts'
import type { ClaimedJob } from '../storage/lease.ts'

/** What an attempt hears that is no longer its job's. */
export function leaseLost({ id, attempts }: ClaimedJob): JobsError {
  return new JobsError(
    'JOBS_LEASE_LOST',
    `attempt ${attempts} of job ${id} lost its lease; another worker may run the job`,
    { retryable: true },
  )
}
