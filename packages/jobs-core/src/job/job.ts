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
  /** What the option `headers` said and attempts added; no properties when there are none. */
  readonly headers: Readonly<Record<string, string>>
  readonly uniqueKey?: string
  readonly orderingKey?: string
  readonly concurrencyKey?: string
  /** What the option `limiter` said, else the definition's. */
  readonly limiter?: string
  /** The group of which the job is a member. */
  readonly groupId?: string
  /** The schedule that made the job. */
  readonly scheduleId?: string
  /** The tick the job stands for; absent for a run out of turn. */
  readonly tickAt?: Date
  /** The process that began the last attempt. */
  readonly worker?: string
  /** The newest attempts that did not succeed, oldest first. Read by `getJob`; empty in lists. */
  readonly failures: readonly FailedAttempt[]
  /**
   * `true` on what an enqueue call returned, where its job was not stored because the `jobId` or the
   * unique key was taken, and this is the job that has it.
   */
  readonly duplicate?: boolean
}

/** An attempt that did not succeed. */
export interface FailedAttempt {
  /** Counted from 1 within the generation. */
  readonly attempt: number
  readonly generation: number
  readonly startedAt: Date
  readonly endedAt: Date
  /** Milliseconds. */
  readonly durationMs: number
  /** The process that ran it. */
  readonly worker: string
  /** Absent where that process vanished with the job. */
  readonly error?: JobError
}

/** A key that at most one job of the queue and tenant holds, and what to do where one does. */
export type UniqueKeyOption =
  /** The same as `{ key }`. */
  | string
  | {
      readonly key: string
      /** The job that holds the key is the answer, and this one is not stored. @defaultValue 'keep' */
      readonly ifTaken?: 'keep'
      /** Milliseconds from the holder's enqueue for which it holds the key, ended or not; from 1. */
      readonly window?: number
    }
  | {
      readonly key: string
      /** A holder that waits becomes this job. One that runs goes on, and this one follows it. */
      readonly ifTaken: 'replace'
    }
  | {
      readonly key: string
      /** As `'replace'`, and the wait begins anew. Not beside `delay` or `scheduledAt`. */
      readonly ifTaken: 'debounce'
      /** Milliseconds from the last duplicate to the start; from 1. */
      readonly wait: number
      /** Milliseconds after the first of them at which the wait ends, whatever comes; from `wait`. */
      readonly maxWait?: number
    }

/** Options that leave the tenant to whoever takes them, such as a `TenantQueue`. */
export type TenantJobOptions = Omit<JobOptions, 'tenantId'> & { readonly tenantId?: never }

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
  /**
   * What travels with the job and its follow-ups, such as a trace: at most 32 names of 1 to 100
   * characters, 8 KiB of JSON in all.
   */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * At most one job of the queue and tenant holds the key, from its enqueue until it ends. 1 to 200
   * characters; with `'replace'` and `'debounce'` not beside `jobId`.
   */
  readonly uniqueKey?: UniqueKeyOption
  /**
   * Jobs of the same key, queue and tenant run one at a time, in the order in which they were enqueued,
   * whatever their priority: one that waits for its time or its retry blocks the others. 1 to 200
   * characters; not beside `concurrencyKey`.
   */
  readonly orderingKey?: string
  /**
   * Of the jobs of the same key, queue and tenant only so many run at a time as the definition's
   * `concurrencyLimit` says. 1 to 200 characters.
   */
  readonly concurrencyKey?: string
  /**
   * The limiter under which the job starts: what it says, `setLimits` says, for all jobs of the queue
   * and tenant that name it. Not inherited by follow-ups. 1 to 200 characters. @defaultValue the
   * definition's, else none
   */
  readonly limiter?: string
}
