import type {
  AttemptFailure,
  ClaimedJob,
  JobRecord,
  JobState,
  ScheduledTick,
  StoredError,
} from '@cgk/jobs-core'
import { withFacts } from './claimed-lease.ts'
import { makeJobId } from './job-ids.ts'
import { writeToken } from './token.ts'

/** What most jobs have none of, as SQL writes it into JSON: columns of `job`, absent or null. */
interface StoredExtras {
  readonly job_id?: string | null
  readonly metadata?: string | null
  readonly headers?: string | null
  readonly max_attempts?: number | null
  readonly retry_delay_ms?: number | null
  readonly timeout_ms?: number | null
  readonly unique_key?: string | null
  readonly ordering_key?: string | null
  readonly concurrency_key?: string | null
  readonly concurrency_limit?: number | null
  readonly limiter?: string | null
  readonly member_of?: string | null
  readonly callback_of?: string | null
  readonly schedule?: ScheduledTick | null
  readonly error?: StoredError | null
  readonly progress?: string | null
  readonly effects?: Readonly<Record<string, string>> | null
}

/** What `record_of` answers, and `get_jobs` with log, failures and effects. */
interface StoredJob extends StoredExtras {
  readonly id: string
  readonly tenant: string
  readonly name: string
  readonly payload: string
  readonly priority: number
  readonly state: JobState
  readonly created_at: number
  readonly updated_at: number
  readonly run_at: number
  readonly started_at: number | null
  readonly ended_at: number | null
  readonly attempts: number
  readonly releases: number
  readonly lost_leases: number
  readonly generation: number
  readonly result: string | null
  readonly worker: string | null
  readonly log?: readonly string[] | null
  readonly failures?: readonly AttemptFailure[] | null
}

/** Reads what `record_of` answers for a job of the queue. */
export function readRecord(queue: string, json: string): JobRecord {
  const job = JSON.parse(json) as StoredJob
  return {
    queue,
    tenantId: job.tenant === '' ? null : job.tenant,
    id: job.job_id ?? makeJobId(job.id, job.created_at),
    name: job.name,
    payload: job.payload,
    metadata: job.metadata ?? null,
    priority: job.priority,
    state: job.state,
    createdAt: job.created_at,
    updatedAt: job.updated_at,
    runAt: job.run_at,
    startedAt: job.started_at,
    endedAt: job.ended_at,
    attempts: job.attempts,
    releases: job.releases,
    lostLeases: job.lost_leases,
    generation: job.generation,
    maxAttempts: job.max_attempts ?? null,
    retryDelayMs: job.retry_delay_ms ?? null,
    timeoutMs: job.timeout_ms ?? null,
    result: job.result,
    error: job.error ?? null,
    progress: job.progress ?? null,
    log: job.log ?? NOTHING,
    headers: job.headers ?? null,
    keys: keysOf(job),
    limiter: job.limiter ?? null,
    group: groupOf(job),
    schedule: job.schedule ?? null,
    worker: job.worker,
    failures: job.failures ?? NOTHING,
    effects: job.effects ?? null,
  }
}

/** A row of the SQL function `claimed`; numbers are texts. */
export interface ClaimedRow {
  readonly id: string
  readonly name: string
  readonly payload: string
  readonly created_at: string
  readonly tenant: string | null
  /** `null` for `created_at`. */
  readonly run_at: string | null
  /** JSON of {@link ClaimedExtras}; `null` for a new job about which nothing else was said. */
  readonly rest: string | null
}

export interface ClaimedExtras extends StoredExtras {
  readonly turn?: number
  readonly priority?: number
  /** Before this one. */
  readonly attempts?: number
  readonly releases?: number
  readonly lost_leases?: number
  readonly generation?: number
}

/** The lease that a row was claimed with. */
export interface ClaimedWith {
  readonly queue: string
  readonly worker: string
  /** The lease's uuid. */
  readonly token: string
  readonly startedAt: number
}

const PLAIN: ClaimedExtras = {}
const NOTHING: readonly never[] = Object.freeze([])

/** What a claimed job has, whatever was said about it. */
export interface ClaimedFacts {
  /** Of its row, in decimal digits. */
  readonly id: string
  readonly name: string
  readonly payload: string
  readonly createdAt: number
  readonly tenantId: string | null
  readonly runAt: number
}

/** Reads a row of the SQL function `claimed`. */
export function toClaimedJob(lease: ClaimedWith, row: ClaimedRow): ClaimedJob {
  const { id, name, payload, tenant: tenantId } = row
  const createdAt = Number(row.created_at)
  const runAt = row.run_at === null ? createdAt : Number(row.run_at)
  const extras = row.rest === null ? PLAIN : (JSON.parse(row.rest) as ClaimedExtras)
  return makeClaimedJob(lease, { id, name, payload, createdAt, tenantId, runAt }, extras)
}

/** Written out, because this is on the way of every job. */
export function makeClaimedJob(
  { queue, worker, token, startedAt }: ClaimedWith,
  { id, name, payload, createdAt, tenantId, runAt }: ClaimedFacts,
  extras: ClaimedExtras,
): ClaimedJob {
  const turn = extras.turn ?? 0
  const jobId = extras.job_id ?? null
  const keys = keysOf(extras)
  const limiter = extras.limiter ?? null
  const group = groupOf(extras)
  const schedule = extras.schedule ?? null
  const job: ClaimedJob = {
    queue,
    tenantId,
    id: jobId ?? makeJobId(id, createdAt),
    name,
    payload,
    metadata: extras.metadata ?? null,
    priority: extras.priority ?? 0,
    state: 'running',
    createdAt,
    updatedAt: startedAt,
    runAt,
    startedAt,
    endedAt: null,
    attempts: (extras.attempts ?? 0) + 1,
    releases: extras.releases ?? 0,
    lostLeases: extras.lost_leases ?? 0,
    generation: extras.generation ?? 1,
    maxAttempts: extras.max_attempts ?? null,
    retryDelayMs: extras.retry_delay_ms ?? null,
    timeoutMs: extras.timeout_ms ?? null,
    result: null,
    error: extras.error ?? null,
    progress: extras.progress ?? null,
    log: NOTHING,
    headers: extras.headers ?? null,
    keys,
    limiter,
    group,
    schedule,
    worker,
    failures: NOTHING,
    effects: extras.effects ?? null,
    token: writeToken({ claim: token, turn, id }),
  }
  const isBare =
    jobId === null && keys === null && limiter === null && group === null && schedule === null
  return withFacts(job, {
    claim: token,
    turn,
    id,
    jobId,
    createdAt: jobId === null ? createdAt : null,
    isBare,
  })
}

function keysOf(job: StoredExtras): JobRecord['keys'] {
  const unique = job.unique_key ?? null
  const ordering = job.ordering_key ?? null
  const concurrency = job.concurrency_key ?? null
  if (unique === null && ordering === null && concurrency === null) return null
  return { unique, ordering, concurrency, concurrencyLimit: job.concurrency_limit ?? null }
}

function groupOf(job: StoredExtras): JobRecord['group'] {
  const memberOf = job.member_of ?? null
  const callbackOf = job.callback_of ?? null
  return memberOf === null && callbackOf === null ? null : { memberOf, callbackOf }
}
