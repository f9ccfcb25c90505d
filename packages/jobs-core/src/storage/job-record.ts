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
  /** The newest lines an attempt logged, oldest first. Empty in lists; filled by `get`. */
  readonly log: readonly string[]
}
