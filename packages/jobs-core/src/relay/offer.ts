import { isJobsError, JobsError } from '../errors.ts'
import type { ClaimedJob } from '../storage/lease.ts'
import type { EnqueueResult } from '../storage/new-job.ts'
import type { StoreSession } from '../worker/store-session.ts'
import { relayedJob } from './relayed-job.ts'

/** Jobs that the target will not have now, and why. */
export interface Refusal {
  readonly jobs: readonly ClaimedJob[]
  readonly error: JobsError
}

/**
 * Offers jobs to the target, in their order. Those that it does not refuse are there when this resolves: they are
 * stored, or were before.
 *
 * @throws {@link JobsError} where the target cannot say. Offer all of them again.
 */
export async function offer(
  to: StoreSession,
  jobs: readonly ClaimedJob[],
): Promise<readonly Refusal[]> {
  if (jobs.length === 0) return []
  const newJobs = jobs.map(relayedJob)
  let results: readonly EnqueueResult[]
  try {
    results = await to.call('enqueue', (options) => to.store.enqueue(newJobs, options))
  } catch (error) {
    if (!isRefusal(error)) throw error
    const refused = refusedBy(error, jobs)
    if (refused.length === jobs.length) return [{ jobs, error }]
    if (refused.length > 0) {
      const rest = jobs.filter((job) => !refused.includes(job))
      return [{ jobs: refused, error }, ...(await offer(to, rest))]
    }
    const middle = jobs.length >> 1
    return [...(await offer(to, jobs.slice(0, middle))), ...(await offer(to, jobs.slice(middle)))]
  }
  jobs.forEach((job, index) => {
    checkElsewhere(job, results[index]!)
  })
  return []
}

function isRefusal(error: unknown): error is JobsError {
  if (!isJobsError(error) || error.code.startsWith('JOBS_STORE_')) return false
  return error.code === 'JOBS_BACKLOG_FULL' || !error.retryable
}

/** The jobs that the refusal is about; none where that has to be found out. */
function refusedBy({ backlog }: JobsError, jobs: readonly ClaimedJob[]): readonly ClaimedJob[] {
  if (jobs.length === 1) return jobs
  if (backlog === undefined) return []
  const { tenantId, quota, waiting, more } = backlog
  const room = Math.max(0, quota - waiting)
  return jobs.filter((job) => job.tenantId === tenantId).slice(-Math.max(1, more - room))
}

/** What a source finds in a target that is itself is the job that it is about to discard. */
function checkElsewhere(claimed: ClaimedJob, result: EnqueueResult): void {
  if (result.status !== 'existing') return
  const { job } = result
  const isSame =
    job.id === claimed.id &&
    job.worker === claimed.worker &&
    job.createdAt === claimed.createdAt &&
    job.startedAt === claimed.startedAt
  if (!isSame) return
  throw new JobsError(
    'JOBS_INVALID_CONFIG',
    `job ${job.id} of queue ${job.queue} cannot be relayed: from and to are the same store`,
  )
}
