import type {
  AttemptFailure,
  GroupLinks,
  JobRecord,
  JobRef,
  JobState,
  JobStatus,
  NewJob,
} from '@cgk/jobs-core'

/** A lease that the model knows to be current. */
interface ModelLease {
  readonly token: string
  expiresAt: number
  /**
   * Of a cancelled job, after a bounded round of upkeep that may have taken this lease back or left
   * it: only the next call that needs it tells.
   */
  isUncertain: boolean
  /** It began while the breaker of its limiter was not closed. */
  readonly isProbe: boolean
}

/**
 * Where a job stands among those of its tenant and priority.
 *
 * The contract orders jobs by admission. When a job that waited for its time is admitted is the
 * store's affair, so such a job is ordered only against those it came and waits with.
 */
export interface Place {
  /** Order of admission, where the contract fixes it. */
  readonly turn: number
  /** Places of different cohorts are in no order. */
  readonly cohort: string
  /** Within one call, different parts (settlements, retried refs) are in no order. */
  readonly call: number
  readonly part: number
}

/** The cohort of jobs that never had to wait for their time: all of them are in order. */
export const IN_ORDER = 'in order'

/** A job as the contract says it must be by now. */
export interface ModelJob {
  ref: JobRef
  /** The store made its id, and has not told it yet. */
  isUnnamed: boolean
  /** What it was enqueued with, or replaced by. */
  input: NewJob
  readonly group: GroupLinks | null
  readonly createdAt: number
  place: Place
  /** Its turn when the store first saw it in this generation: the order of an ordering key. */
  seenAt: number
  /** When the first duplicate of a debounced burst came; `null` once the job has begun to run. */
  burstAt: number | null
  /** When the window of its unique key ends; `null` for a key that its end frees. */
  keyUntil: number | null
  /** Its unique key went to another job, while it lives (its window was over) or after its end. */
  hasLostKey: boolean
  /** It ended without a history to be kept, and stays only while something needs it. */
  isDiscarded: boolean
  /** When the job last changed its state. */
  changedAt: number
  state: JobState
  runAt: number
  /** `undefined` where the contract leaves it open. */
  startedAt: number | null | undefined
  /** When the last attempt was claimed, whatever the record still shows of it. */
  attemptAt: number
  endedAt: number | null
  attempts: number
  releases: number
  lostLeases: number
  generation: number
  result: string | null
  error: JobRecord['error']
  progress: string | null
  log: string[]
  headers: string | null
  worker: string | null
  failures: AttemptFailure[]
  effects: Record<string, string>
  suspect: boolean
  lease: ModelLease | null
  /** The token whose settlement was recorded last, unless the job was claimed since. */
  settledToken: string | null
  settledOutcome: string | null
  /** The token whose settlement was answered with `cancelled`, unless the job was claimed since. */
  cancelledToken: string | null
  /** The token that upkeep took back while the job was cancelled; either refusal is sound. */
  freedToken: string | null
  /** Upkeep freed the cancelled job, and whether that counts a lost lease is left open. */
  mayCountLostLease: boolean
}

/** Names a ref within the model. */
export function keyOf(ref: JobRef): string {
  return JSON.stringify([ref.queue, ref.tenantId, ref.id])
}

/** Whether two refs (of jobs, groups or schedules) name the same. */
export function sameRef(a: JobRef, b: JobRef): boolean {
  return a.id === b.id && sameLane(a, b)
}

/** Whether both are of one queue and tenant. */
export function sameLane(a: Omit<JobRef, 'id'>, b: Omit<JobRef, 'id'>): boolean {
  return a.queue === b.queue && a.tenantId === b.tenantId
}

/** Whether the contract has `a` claimed before `b`, both being claimable and of one tenant. */
export function mustPrecede(a: ModelJob, b: ModelJob): boolean {
  if (a.input.priority !== b.input.priority) return a.input.priority > b.input.priority
  if (a.place.cohort !== b.place.cohort) return false
  if (a.place.call === b.place.call && a.place.part !== b.place.part) return false
  return a.place.turn < b.place.turn
}

/** How a job is reported: see `JobStatus`. Written apart from core's on purpose. */
export function statusAt(job: ModelJob, now: number): JobStatus {
  if (job.state === 'pending' && job.attempts > 0) return 'retrying'
  if (job.state === 'pending' && job.runAt > now) return 'scheduled'
  return job.state
}

/** Whether the job has ended. */
export function hasEnded(job: ModelJob): boolean {
  return job.state === 'completed' || job.state === 'failed' || job.state === 'cancelled'
}
