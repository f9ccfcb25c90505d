import type { GroupLinks, JobRecord } from '../storage/job-record.ts'
import type { EnqueueResult, NewJob } from '../storage/new-job.ts'

type Enqueued = Extract<EnqueueResult, { readonly status: 'enqueued' }>

/** The record of a job that was just stored, without asking for it again. */
export function newRecord(
  newJob: NewJob,
  { id, createdAt, runAt }: Enqueued,
  group: GroupLinks | null = null,
): JobRecord {
  const { unique, orderingKey, concurrencyKey } = newJob
  const hasKeys = unique !== undefined || orderingKey !== undefined || concurrencyKey !== undefined
  return {
    queue: newJob.queue,
    tenantId: newJob.tenantId,
    id,
    name: newJob.name,
    payload: newJob.payload,
    metadata: newJob.metadata ?? null,
    priority: newJob.priority,
    state: 'pending',
    createdAt,
    updatedAt: createdAt,
    runAt,
    startedAt: null,
    endedAt: null,
    attempts: 0,
    releases: 0,
    lostLeases: 0,
    generation: 1,
    maxAttempts: newJob.maxAttempts ?? null,
    retryDelayMs: newJob.retryDelayMs ?? null,
    timeoutMs: newJob.timeoutMs ?? null,
    result: null,
    error: null,
    progress: null,
    log: [],
    headers: newJob.headers ?? null,
    keys: hasKeys
      ? {
          unique: unique?.key ?? null,
          ordering: orderingKey ?? null,
          concurrency: concurrencyKey ?? null,
        }
      : null,
    limiter: newJob.limiter ?? null,
    group,
    schedule: newJob.schedule ?? null,
    worker: null,
    failures: [],
    effects: null,
  }
}
