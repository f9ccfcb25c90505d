import type { GroupLinks } from '../storage/job-record.ts'
import type { EnqueueResult, NewJob } from '../storage/new-job.ts'
import type { Mutable } from '../mutable.ts'
import type { Job } from './job.ts'
import { NO_FAILURES, NO_HEADERS, setSchedule } from './job-from-record.ts'

type Enqueued = Extract<EnqueueResult, { readonly status: 'enqueued' }>

/**
 * A job that was just stored, as `jobFromRecord` would show it, without a record of it: every enqueue
 * call ends here.
 *
 * @param maxAttempts - the definition's, for a job whose enqueue said nothing.
 */
export function enqueuedJob(
  newJob: NewJob,
  { id, createdAt: storedAt, runAt }: Enqueued,
  maxAttempts: number,
  group: GroupLinks | null,
): Job<unknown> {
  const { tenantId, metadata, headers, unique, orderingKey, concurrencyKey, limiter, schedule } =
    newJob
  const createdAt = new Date(storedAt)
  const job: Mutable<Job<unknown>> = {
    id,
    queue: newJob.queue,
    name: newJob.name,
    payload: JSON.parse(newJob.payload),
    status: runAt > storedAt ? 'scheduled' : 'pending',
    attempts: 0,
    maxAttempts: newJob.maxAttempts ?? maxAttempts,
    priority: newJob.priority,
    scheduledAt: runAt === storedAt ? createdAt : new Date(runAt),
    createdAt,
    updatedAt: createdAt,
    releases: 0,
    lostLeases: 0,
    generation: 1,
    headers: headers === undefined ? NO_HEADERS : (JSON.parse(headers) as Record<string, string>),
    failures: NO_FAILURES,
  }
  if (tenantId !== null) job.tenantId = tenantId
  if (metadata !== undefined) job.metadata = JSON.parse(metadata) as Record<string, unknown>
  if (unique !== undefined) job.uniqueKey = unique.key
  if (orderingKey !== undefined) job.orderingKey = orderingKey
  if (concurrencyKey !== undefined) job.concurrencyKey = concurrencyKey
  if (limiter !== undefined) job.limiter = limiter
  if (group?.memberOf != null) job.groupId = group.memberOf
  if (schedule !== undefined) setSchedule(job, schedule)
  return job
}
