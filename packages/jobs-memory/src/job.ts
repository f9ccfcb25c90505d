import type { ClaimedJob, JobRecord, NewJob, StoredError } from '@cgk/jobs-core'
import type { LoggedItem, Page } from './creation-log.ts'
import type { Lane } from './lane.ts'
import type { QueueItem, SortedQueue } from './sorted-queue.ts'
import { PENDING, type Standing } from './standing.ts'

/**
 * What became of the token a job was last claimed with.
 * - `none`: never claimed, or its lease was lost.
 * - `held`: current. A cancelled job may be held too: its worker has not let go of it yet.
 * - `settled`, `cancelled`: ended with that answer, which the same settlement repeated gets again.
 */
export type LeaseStage = 'none' | 'held' | 'settled' | 'cancelled'

/** A job as this store keeps it: one object, of one shape, changed in place. */
export interface Job extends QueueItem<Job>, LoggedItem<Job> {
  readonly lane: Lane
  readonly id: string
  /** Whether the producer chose the id. */
  readonly isNamed: boolean
  readonly name: string
  readonly payload: string
  readonly metadata: string | null
  readonly priority: number
  readonly createdAt: number
  readonly maxAttempts: number | null
  readonly retryDelayMs: number | null
  readonly timeoutMs: number | null
  standing: Standing
  updatedAt: number
  runAt: number
  startedAt: number | null
  endedAt: number | null
  attempts: number
  releases: number
  lostLeases: number
  /** Its last lease ended with its worker, and no attempt has shown since that it is harmless. */
  isSuspect: boolean
  generation: number
  result: string | null
  error: StoredError | null
  progress: string | null
  /** Replaced, never changed: records share it. */
  log: readonly string[]
  /** Order of admission within its tenant; 0 until it is first admitted. */
  admission: number
  token: string
  leaseStage: LeaseStage
  expiresAt: number
  /**
   * The queue it is in: one of its lane's or of its queue's while it waits, the store's leases while
   * a worker holds it, else its queue's history.
   */
  home: SortedQueue<Job> | null
  heapIndex: number
  previous: Job | null
  next: Job | null
  /** Order of creation within its queue; names a position in a list. */
  serial: number
  page: Page<Job> | null
}

const NO_LINES: readonly string[] = Object.freeze([])

/** A job that has just been enqueued and is nowhere yet. */
export function createJob(lane: Lane, id: string, input: NewJob, now: number, runAt: number): Job {
  return {
    lane,
    id,
    isNamed: input.jobId !== undefined,
    name: input.name,
    payload: input.payload,
    metadata: input.metadata ?? null,
    priority: input.priority,
    createdAt: now,
    maxAttempts: input.maxAttempts ?? null,
    retryDelayMs: input.retryDelayMs ?? null,
    timeoutMs: input.timeoutMs ?? null,
    standing: PENDING,
    updatedAt: now,
    runAt,
    startedAt: null,
    endedAt: null,
    attempts: 0,
    releases: 0,
    lostLeases: 0,
    isSuspect: false,
    generation: 1,
    result: null,
    error: null,
    progress: null,
    log: NO_LINES,
    admission: 0,
    token: '',
    leaseStage: 'none',
    expiresAt: 0,
    home: null,
    heapIndex: -1,
    previous: null,
    next: null,
    serial: 0,
    page: null,
  }
}

/** Makes a job what it was before its first attempt, as the next generation. */
export function beginGeneration(job: Job, now: number): void {
  job.generation++
  job.updatedAt = now
  job.runAt = now
  job.startedAt = null
  job.endedAt = null
  job.attempts = 0
  job.releases = 0
  job.lostLeases = 0
  job.isSuspect = false
  job.result = null
  job.error = null
  job.progress = null
  job.log = NO_LINES
  job.admission = 0
}

/** A copy of the job as it is now, without its log. */
export function toRecord(job: Job, log: readonly string[] = NO_LINES): JobRecord {
  return {
    queue: job.lane.queue.name,
    tenantId: job.lane.tenantId,
    id: job.id,
    name: job.name,
    payload: job.payload,
    metadata: job.metadata,
    priority: job.priority,
    state: job.standing.state,
    createdAt: job.createdAt,
    updatedAt: job.updatedAt,
    runAt: job.runAt,
    startedAt: job.startedAt,
    endedAt: job.endedAt,
    attempts: job.attempts,
    releases: job.releases,
    lostLeases: job.lostLeases,
    generation: job.generation,
    maxAttempts: job.maxAttempts,
    retryDelayMs: job.retryDelayMs,
    timeoutMs: job.timeoutMs,
    result: job.result,
    error: job.error,
    progress: job.progress,
    log,
  }
}

/** {@link toRecord} with the token. Written out, because a spread costs more than all of a claim. */
export function toClaimedJob(job: Job): ClaimedJob {
  return {
    queue: job.lane.queue.name,
    tenantId: job.lane.tenantId,
    id: job.id,
    name: job.name,
    payload: job.payload,
    metadata: job.metadata,
    priority: job.priority,
    state: job.standing.state,
    createdAt: job.createdAt,
    updatedAt: job.updatedAt,
    runAt: job.runAt,
    startedAt: job.startedAt,
    endedAt: job.endedAt,
    attempts: job.attempts,
    releases: job.releases,
    lostLeases: job.lostLeases,
    generation: job.generation,
    maxAttempts: job.maxAttempts,
    retryDelayMs: job.retryDelayMs,
    timeoutMs: job.timeoutMs,
    result: job.result,
    error: job.error,
    progress: job.progress,
    log: NO_LINES,
    token: job.token,
  }
}
