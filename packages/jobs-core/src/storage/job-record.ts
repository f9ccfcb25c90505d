/**
 * The states a store keeps. `scheduled` and `retrying` are not states: they are how a `pending`
 * job is reported (see {@link JobStatus}), so nothing has to move a job when its time comes.
 */
export type JobState = 'pending' | 'running' | EndState

/** The states that a job never leaves by itself. */
export type EndState = 'completed' | 'failed' | 'cancelled'

/** Names one job: ids are unique within a queue and a tenant, and mean nothing outside of them. */
export interface JobRef {
  readonly queue: string
  /** `null` for a job without a tenant. */
  readonly tenantId: string | null
  readonly id: string
}

/** What went wrong, as it is stored: plain text and flags, never a payload. */
export interface StoredError {
  readonly message: string
  readonly retryable: boolean
  readonly code?: string
  readonly stack?: string
}

/**
 * The schedule that made a job, in the job's own queue: named in full, for a tenant may have one of the
 * same id as one that makes jobs for all tenants.
 */
export interface ScheduledTick {
  readonly id: string
  /** The schedule's, which for one that makes jobs for all tenants is `null`. */
  readonly tenantId: string | null
  /** The schedule's. A later one of the same name, made after its removal, is another. */
  readonly createdAt: number
  /** The tick the job stands for; `null` for a run out of turn. */
  readonly tickAt: number | null
}

/** The keys a job was enqueued with. */
export interface JobKeys {
  readonly unique: string | null
  readonly ordering: string | null
  readonly concurrency: string | null
  /** How many of its concurrency key may be leased, as the job's own enqueue said; `null` without one. */
  readonly concurrencyLimit: number | null
}

/** How a job takes part in groups. */
export interface GroupLinks {
  /** The group that waits for the job. */
  readonly memberOf: string | null
  /** The group at whose end the job was made. */
  readonly callbackOf: string | null
}

/** How many {@link AttemptFailure}s a store keeps per job: the newest. */
export const MAX_FAILURES = 20

/** An attempt that did not succeed. */
export interface AttemptFailure {
  /** Counted from 1 within the generation. */
  readonly attempt: number
  readonly generation: number
  readonly startedAt: number
  readonly endedAt: number
  /** The process that held the lease. */
  readonly worker: string
  /** `null` where the lease ended with its worker. */
  readonly error: StoredError | null
}

/**
 * A job as a store keeps it. Instants are epoch milliseconds of the store's clock, durations are
 * milliseconds, and payload, metadata, result and progress are JSON *text*: stores never parse them.
 */
export interface JobRecord extends JobRef {
  readonly name: string
  readonly payload: string
  readonly metadata: string | null
  /** Higher is claimed first within the tenant. */
  readonly priority: number
  readonly state: JobState
  readonly createdAt: number
  readonly updatedAt: number
  /** The earliest instant at which a waiting job may be claimed. */
  readonly runAt: number
  /** When the last attempt was claimed. */
  readonly startedAt: number | null
  /** When the job ended; `null` while it is live. */
  readonly endedAt: number | null
  /** Attempts begun, the one in progress included, less those given back (released, lost). */
  readonly attempts: number
  /** How often a claim was given back without spending its attempt (snooze, drain, unknown name). */
  readonly releases: number
  /** How often a lease ended with its worker instead of with a settlement. */
  readonly lostLeases: number
  /** Starts at 1; an operator's retry of an ended job begins the next. */
  readonly generation: number
  /** What the enqueue call said; `null` where it said nothing, so that the processor's policy applies. */
  readonly maxAttempts: number | null
  readonly retryDelayMs: number | null
  readonly timeoutMs: number | null
  readonly result: string | null
  /** The last failed attempt's error; kept until the job completes. */
  readonly error: StoredError | null
  readonly progress: string | null
  /** The newest lines an attempt logged, oldest first. Empty but where `get` answers. */
  readonly log: readonly string[]
  /** JSON text of an object of strings. */
  readonly headers: string | null
  readonly keys: JobKeys | null
  readonly limiter: string | null
  readonly group: GroupLinks | null
  readonly schedule: ScheduledTick | null
  /** The process that claimed the job last; `null` before the first claim. */
  readonly worker: string | null
  /** Attempts that failed or were lost, of every generation, oldest first. Empty but where `get` answers. */
  readonly failures: readonly AttemptFailure[]
  /**
   * What attempts said to remember, JSON texts by key; `null` for nothing. It outlives attempts and
   * generations, and is filled by `get` and `claim` alone.
   */
  readonly effects: Readonly<Record<string, string>> | null
}
