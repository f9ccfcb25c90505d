import {
  MAX_FAILURES,
  type ClaimedJob,
  type GroupLinks,
  type JobRecord,
  type NewJob,
  type StoredError,
} from '@cgk/jobs-core'
import type { LoggedItem, Page } from './creation-log.ts'
import { extrasOf, NO_FAILURES, type Extras } from './extras.ts'
import type { Lane } from './lane.ts'
import { LONG_AGO } from './long-ago.ts'
import type { QueueItem, SortedQueue } from './sorted-queue.ts'
import { CANCELLED, COMPLETED, FAILED, PENDING, type Standing } from './standing.ts'
import { makeTies, type Ties } from './ties.ts'

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
  name: string
  payload: string
  priority: number
  readonly createdAt: number
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
  extras: Extras
  /** `null` for a job that nothing binds to others. */
  ties: Ties | null
  worker: string | null
  log: readonly string[]
  /** Order of admission within its tenant; 0 until it is first admitted. */
  admission: number
  token: string
  leaseStage: LeaseStage
  /** The end of its lease, or of the one it had last. */
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
export function createJob(
  lane: Lane,
  id: string,
  input: NewJob,
  now: number,
  runAt: number,
  group: GroupLinks | null,
): Job {
  const extras = extrasOf(input, group)
  return {
    lane,
    id,
    isNamed: input.jobId !== undefined,
    name: input.name,
    payload: input.payload,
    priority: input.priority,
    createdAt: now,
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
    extras,
    ties: extras.keys === null && group === null ? null : tiesOf(input),
    worker: null,
    log: NO_LINES,
    admission: 0,
    token: '',
    leaseStage: 'none',
    expiresAt: LONG_AGO,
    home: null,
    heapIndex: -1,
    previous: null,
    next: null,
    serial: 0,
    page: null,
  }
}

function tiesOf({ concurrencyLimit = 0 }: NewJob): Ties {
  const ties = makeTies()
  ties.concurrencyLimit = concurrencyLimit
  return ties
}

/** Makes a waiting job another, which keeps its id, its creation and its place in the order. */
export function becomeJob(job: Job, input: NewJob, now: number, runAt: number): void {
  forgetAttempts(job)
  job.name = input.name
  job.payload = input.payload
  job.priority = input.priority
  job.extras = extrasOf(input, null)
  job.ties!.concurrencyLimit = input.concurrencyLimit ?? 0
  job.worker = null
  job.updatedAt = now
  job.runAt = runAt
}

/** Makes a job what it was before its first attempt, as the next generation. */
export function beginGeneration(job: Job, now: number): void {
  forgetAttempts(job)
  job.generation++
  job.updatedAt = now
  job.runAt = now
  job.admission = 0
}

function forgetAttempts(job: Job): void {
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
}

/** A copy of the job as it is now; log, failures and effects only in full. */
export function toRecord(job: Job, inFull = false): JobRecord {
  const { extras } = job
  return {
    queue: job.lane.queue.name,
    tenantId: job.lane.tenantId,
    id: job.id,
    name: job.name,
    payload: job.payload,
    metadata: extras.metadata,
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
    maxAttempts: extras.maxAttempts,
    retryDelayMs: extras.retryDelayMs,
    timeoutMs: extras.timeoutMs,
    result: job.result,
    error: job.error,
    progress: job.progress,
    log: inFull ? job.log : NO_LINES,
    headers: extras.headers,
    keys: extras.keys,
    limiter: extras.limiter,
    group: extras.group,
    schedule: extras.schedule,
    worker: job.worker,
    failures: inFull ? extras.failures : NO_FAILURES,
    effects: inFull ? extras.effects : null,
  }
}

/** {@link toRecord} with the token. Written out, because a spread costs more than all of a claim. */
export function toClaimedJob(job: Job): ClaimedJob {
  const { extras } = job
  return {
    queue: job.lane.queue.name,
    tenantId: job.lane.tenantId,
    id: job.id,
    name: job.name,
    payload: job.payload,
    metadata: extras.metadata,
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
    maxAttempts: extras.maxAttempts,
    retryDelayMs: extras.retryDelayMs,
    timeoutMs: extras.timeoutMs,
    result: job.result,
    error: job.error,
    progress: job.progress,
    log: NO_LINES,
    headers: extras.headers,
    keys: extras.keys,
    limiter: extras.limiter,
    group: extras.group,
    schedule: extras.schedule,
    worker: job.worker,
    failures: NO_FAILURES,
    effects: extras.effects,
    token: job.token,
  }
}

export function hasEnded({ standing }: Job): boolean {
  return standing === COMPLETED || standing === FAILED || standing === CANCELLED
}

/** Notes how the attempt that ends now failed; `null` for one that was lost. */
export function noteFailure(job: Job, error: StoredError | null, now: number): void {
  const { attempts: attempt, extras, generation } = job
  const failure = {
    attempt,
    generation,
    startedAt: job.startedAt!,
    endedAt: now,
    worker: job.worker!,
    error,
  }
  const failures = Object.freeze([...extras.failures, failure].slice(-MAX_FAILURES))
  job.extras = { ...extras, failures }
}

/** Adds to what attempts said to remember; what is there stays. */
export function rememberEffects(job: Job, effects: Readonly<Record<string, string>>): void {
  job.extras = { ...job.extras, effects: Object.freeze({ ...effects, ...job.extras.effects }) }
}
