import { DEFAULT_RETRY } from '../backoff/retry-policy.ts'
import { JobsError } from '../errors.ts'
import type { Mutable } from '../mutable.ts'
import type { AttemptFailure, JobKeys, JobRecord, ScheduledTick } from '../storage/job-record.ts'
import type { JobStatus } from '../storage/job-store.ts'
import type { FailedAttempt, Job } from './job.ts'

// Shared, because most jobs have none.
export const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})
export const NO_FAILURES: readonly FailedAttempt[] = Object.freeze([])

/** How a store's record is reported; `now` is the store's. */
export function statusOf(
  record: Pick<JobRecord, 'state' | 'attempts' | 'runAt'>,
  now: number,
): JobStatus {
  if (record.state !== 'pending') return record.state
  if (record.attempts > 0) return 'retrying'
  return record.runAt > now ? 'scheduled' : 'pending'
}

/**
 * A record as a {@link Job}.
 *
 * @param status - what `statusOf` made of it.
 * @param maxAttempts - the definition's, for a job whose enqueue said nothing.
 * @throws {@link JobsError} `JOBS_PAYLOAD_UNREADABLE` when stored text is not JSON.
 */
export function jobFromRecord(
  record: JobRecord,
  status: JobStatus,
  maxAttempts: number = DEFAULT_RETRY.maxAttempts,
): Job<unknown> {
  // Instants that are one instant share their Date: a claim makes many jobs.
  const createdAt = new Date(record.createdAt)
  const updatedAt = new Date(record.updatedAt)
  const job: Mutable<Job<unknown>> = {
    id: record.id,
    queue: record.queue,
    name: record.name,
    payload: parse(record, 'payload', record.payload),
    status,
    attempts: record.attempts,
    maxAttempts: record.maxAttempts ?? maxAttempts,
    priority: record.priority,
    scheduledAt: record.runAt === record.createdAt ? createdAt : new Date(record.runAt),
    createdAt,
    updatedAt,
    releases: record.releases,
    lostLeases: record.lostLeases,
    generation: record.generation,
    headers:
      record.headers === null
        ? NO_HEADERS
        : (parse(record, 'headers', record.headers) as Record<string, string>),
    failures: record.failures.length === 0 ? NO_FAILURES : record.failures.map(failedAttempt),
  }
  const { startedAt } = record
  if (startedAt !== null) {
    job.startedAt = startedAt === record.updatedAt ? updatedAt : new Date(startedAt)
  }
  if (record.endedAt !== null) setEnd(job, record.state, new Date(record.endedAt))
  if (record.tenantId !== null) job.tenantId = record.tenantId
  if (record.metadata !== null) {
    job.metadata = parse(record, 'metadata', record.metadata) as Record<string, unknown>
  }
  if (record.error !== null) job.error = record.error
  if (record.result !== null) job.result = parse(record, 'result', record.result)
  if (record.progress !== null) job.progress = parse(record, 'progress', record.progress)
  if (record.log.length > 0) job.log = record.log
  if (record.worker !== null) job.worker = record.worker
  if (record.keys !== null) setKeys(job, record.keys)
  if (record.limiter !== null) job.limiter = record.limiter
  if (record.group?.memberOf != null) job.groupId = record.group.memberOf
  if (record.schedule !== null) setSchedule(job, record.schedule)
  return job
}

/** A record with unreadable text, shown without it: one bad row must not hide the others. */
function unreadableJob(record: JobRecord, status: JobStatus): Job<unknown> {
  return jobFromRecord(
    { ...record, payload: 'null', metadata: null, result: null, progress: null, headers: null },
    status,
  )
}

/** A record for a reader: what cannot be read is absent, and `error` says so. */
export function readableJob(
  record: JobRecord,
  status: JobStatus,
  maxAttempts?: number,
): Job<unknown> {
  try {
    return jobFromRecord(record, status, maxAttempts)
  } catch (error) {
    const { code, message } = error as JobsError
    return { ...unreadableJob(record, status), error: { code, message, retryable: false } }
  }
}

function setEnd(job: Mutable<Job<unknown>>, state: JobRecord['state'], endedAt: Date): void {
  if (state === 'completed') job.completedAt = endedAt
  else if (state === 'failed') job.failedAt = endedAt
  else job.cancelledAt = endedAt
}

function setKeys(job: Mutable<Job<unknown>>, keys: JobKeys): void {
  if (keys.unique !== null) job.uniqueKey = keys.unique
  if (keys.ordering !== null) job.orderingKey = keys.ordering
  if (keys.concurrency !== null) job.concurrencyKey = keys.concurrency
}

/** What a job shows of the tick that it stands for. */
export function setSchedule(job: Mutable<Job<unknown>>, { id, tickAt }: ScheduledTick): void {
  job.scheduleId = id
  if (tickAt !== null) job.tickAt = new Date(tickAt)
}

function failedAttempt({ error, startedAt, endedAt, ...failure }: AttemptFailure): FailedAttempt {
  return {
    ...failure,
    startedAt: new Date(startedAt),
    endedAt: new Date(endedAt),
    durationMs: endedAt - startedAt,
    ...(error !== null && { error }),
  }
}

function parse(record: JobRecord, what: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // No `cause`: the parser's message quotes the text.
    throw new JobsError(
      'JOBS_PAYLOAD_UNREADABLE',
      `the stored ${what} of job ${record.id} (${record.name}) is not JSON`,
    )
  }
}
