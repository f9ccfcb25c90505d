import type { JobRecord } from '../storage/job-record.ts'
import type { NewJob } from '../storage/new-job.ts'

/**
 * The job as the target gets it, under the id that it has. Text is carried over as it is. What its attempts
 * and its history were stays behind, and so does its time, for only jobs that are due are relayed.
 */
export function relayedJob(job: JobRecord): NewJob {
  const { queue, tenantId, id, name, payload, priority, keys } = job
  return {
    queue,
    tenantId,
    jobId: id,
    name,
    payload,
    priority,
    ...(job.metadata !== null && { metadata: job.metadata }),
    ...(job.headers !== null && { headers: job.headers }),
    ...(job.maxAttempts !== null && { maxAttempts: job.maxAttempts }),
    ...(job.retryDelayMs !== null && { retryDelayMs: job.retryDelayMs }),
    ...(job.timeoutMs !== null && { timeoutMs: job.timeoutMs }),
    ...(job.limiter !== null && { limiter: job.limiter }),
    ...(keys?.unique != null && { unique: { key: keys.unique, ifTaken: 'keep' } }),
    ...(keys?.ordering != null && { orderingKey: keys.ordering }),
    ...(keys?.concurrency != null && { concurrencyKey: keys.concurrency }),
    ...(keys?.concurrencyLimit != null && { concurrencyLimit: keys.concurrencyLimit }),
  }
}

/** What of a job a relay could not carry over; `null` where there is nothing. */
export function tieOf({ group, schedule }: JobRecord): string | null {
  if (group !== null) return 'a group'
  return schedule === null ? null : 'a schedule'
}
