import type { JobStatus } from '../storage/job-store.ts'

/** Why a job's last attempt failed, as it was stored. */
export interface JobError {
  readonly message: string
  /** Whether another attempt could have helped. */
  readonly retryable: boolean
  readonly code?: string
  readonly stack?: string
}

/**
 * A job as its readers see it: a snapshot, never changed afterwards.
 *
 * @typeParam TPayload - the type of `payload`; a claim about what was enqueued, checked only where a
 * definition has a schema.
 * @typeParam TResult - the type of `result`.
 */
export interface Job<TPayload = Record<string, unknown>, TResult = unknown> {
  /** Unique within its queue and tenant. */
  readonly id: string
  readonly queue: string
  readonly name: string
  readonly payload: TPayload
  readonly status: JobStatus
  /** Attempts begun, the running one included; attempts given back do not count. */
  readonly attempts: number
  /** What enqueue said, else the definition's, else 3. */
  readonly maxAttempts: number
  /** Higher runs first within the tenant. */
  readonly priority: number
  /** The earliest start of the next attempt (of the current one while running). */
  readonly scheduledAt: Date
  readonly createdAt: Date
  readonly updatedAt: Date
  /** When the last attempt began. */
  readonly startedAt?: Date
  readonly completedAt?: Date
  readonly failedAt?: Date
  readonly cancelledAt?: Date
  /** The last failed attempt's error; gone once the job completes. */
  readonly error?: JobError
  /** What the handler returned as `data`. */
  readonly result?: TResult
  readonly tenantId?: string
  readonly metadata?: Record<string, unknown>
  /** How often an attempt was given back without being spent: snooze, drain, unknown name. */
  readonly releases: number
  /** How often the job's worker vanished while it held the job. */
  readonly lostLeases: number
  /** 1 at first; each operator's retry begins the next. */
  readonly generation: number
  /** The last value an attempt passed to `progress`. */
  readonly progress?: unknown
  /** The newest lines attempts logged. Read by `getJob`; absent in lists. */
  readonly log?: readonly string[]
}

/** What an enqueue call may say about one job. Durations are milliseconds. */
export interface JobOptions {
  /** Integer from −32,768 to 32,767, higher first within the tenant. @defaultValue 0 */
  readonly priority?: number
  /** First start so long from now, by the store's clock; any length. Not beside `scheduledAt`. */
  readonly delay?: number
  /** First start at this instant. Not beside `delay`. */
  readonly scheduledAt?: Date
  /** Attempts before the job fails, at least 1. @defaultValue the definition's, else 3 */
  readonly maxAttempts?: number
  /** Replaces the retry policy's `initialDelay`. */
  readonly retryDelay?: number
  /** Longest run of one attempt. @defaultValue the definition's, else none */
  readonly timeout?: number
  /** The tenant of the job. @defaultValue the current tenant, see `withTenant` */
  readonly tenantId?: string
  /** Anything JSON that belongs to the job but is not its input. */
  readonly metadata?: Record<string, unknown>
  /**
   * The caller's own id, unique per queue and tenant while the job is retained. Enqueuing the same
   * id, name and payload again returns the job that is there; anything else under the same id is
   * refused with `JOBS_ID_CONFLICT`. Makes a repeated enqueue safe.
   */
  readonly jobId?: string
}
