import type { RetryConfig } from '../backoff/retry-policy.ts'
import { JobsError } from '../errors.ts'
import type { ClaimedJob } from '../storage/lease.ts'

/** How many of its workers may vanish before a job counts as the cause. */
const MAX_LOST_LEASES = 3

/** Why a claimed job must not run any more; `null` when it may. */
export function spentError(lease: ClaimedJob, { maxAttempts }: RetryConfig): JobsError | null {
  const { id, lostLeases, attempts } = lease
  if (lostLeases >= MAX_LOST_LEASES) {
    return new JobsError(
      'JOBS_WORKER_LOST',
      `worker lost: ${lostLeases} workers vanished while they held job ${id}; it is not run again`,
    )
  }
  if (attempts <= maxAttempts) return null
  return new JobsError(
    'JOBS_WORKER_LOST',
    `job ${id} has spent its attempts: this would be ${attempts} of ${maxAttempts}`,
  )
}
