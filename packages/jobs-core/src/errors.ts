import type { StandardSchemaV1 } from '@standard-schema/spec'

/**
 * Every code an error of this project can carry. Codes are stable: test `error.code`, not the
 * message and not `instanceof`, which fails when two copies of a package are loaded.
 */
export type JobsErrorCode =
  // Values: payload, metadata, result, progress.
  | 'JOBS_VALUE_UNDEFINED'
  | 'JOBS_VALUE_BIGINT'
  | 'JOBS_VALUE_NOT_FINITE'
  | 'JOBS_VALUE_DATE'
  | 'JOBS_VALUE_UNSUPPORTED'
  | 'JOBS_VALUE_CYCLE'
  | 'JOBS_VALUE_TO_JSON_THREW'
  | 'JOBS_VALUE_NUL'
  | 'JOBS_VALUE_LONE_SURROGATE'
  | 'JOBS_VALUE_PROTO_KEY'
  | 'JOBS_VALUE_TOO_DEEP'
  | 'JOBS_VALUE_TOO_LARGE'
  // Names, ids and options.
  | 'JOBS_INVALID_QUEUE_NAME'
  | 'JOBS_INVALID_JOB_NAME'
  | 'JOBS_INVALID_JOB_ID'
  | 'JOBS_INVALID_TENANT_ID'
  | 'JOBS_TENANT_REQUIRED'
  | 'JOBS_FOREIGN_TENANT'
  | 'JOBS_INVALID_OPTION'
  | 'JOBS_INVALID_CONFIG'
  | 'JOBS_INVALID_PAYLOAD'
  | 'JOBS_INVALID_RESULT'
  | 'JOBS_INVALID_KEY'
  | 'JOBS_INVALID_LIMIT'
  | 'JOBS_INVALID_SCHEDULE'
  | 'JOBS_DEPENDENCY_CYCLE'
  // The life of a job.
  | 'JOBS_NOT_FOUND'
  | 'JOBS_ID_CONFLICT'
  | 'JOBS_KEY_TAKEN'
  | 'JOBS_BACKLOG_FULL'
  | 'JOBS_SCHEDULE_NOT_FOUND'
  | 'JOBS_ILLEGAL_TRANSITION'
  | 'JOBS_LEASE_LOST'
  | 'JOBS_CANCELLED'
  | 'JOBS_ATTEMPT_TIMED_OUT'
  | 'JOBS_WORKER_STOPPING'
  | 'JOBS_WORKER_LOST'
  | 'JOBS_RELEASED_TOO_OFTEN'
  | 'JOBS_HANDLER_FAILED'
  | 'JOBS_JOB_FAILED'
  | 'JOBS_WAIT_TIMEOUT'
  | 'JOBS_PAYLOAD_UNREADABLE'
  // Stores.
  | 'JOBS_STORE_UNAVAILABLE'
  | 'JOBS_STORE_TIMEOUT'
  | 'JOBS_STORE_UNCONFIRMED'
  | 'JOBS_STORE_CLOSED'
  | 'JOBS_STORE_NOT_INSTALLED'
  | 'JOBS_UNSUPPORTED'

/** What a {@link JobsError} is made of. */
export interface JobsErrorOptions {
  /** Whether the same call may succeed later without a change. Default `false`. */
  readonly retryable?: boolean
  readonly cause?: unknown
}

/** A tenant's backlog that had no room for the jobs of a call. */
export interface FullBacklog {
  readonly queue: string
  /** `null` for the jobs without a tenant. */
  readonly tenantId: string | null
  readonly quota: number
  /** How many jobs waited. */
  readonly waiting: number
  /** How many more the call would have made wait. */
  readonly more: number
}

/**
 * The one error class of this project.
 *
 * The message says what happened, to which job and what to do. It never holds a payload or a secret.
 */
export class JobsError extends Error {
  override readonly name: string = 'JobsError'
  readonly code: JobsErrorCode
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean
  /**
   * With `JOBS_INVALID_PAYLOAD`: what the schema found. Not enumerable, so that loggers leave it out:
   * schemas may quote the values they refuse.
   */
  declare readonly issues?: readonly StandardSchemaV1.Issue[]
  /** With `JOBS_BACKLOG_FULL`: whose backlog is full, and how full it was found. */
  declare readonly backlog?: FullBacklog

  constructor(code: JobsErrorCode, message: string, options: JobsErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? false
  }
}

/** Tells whether a value is a {@link JobsError}, also one of another copy of this package. */
export function isJobsError(value: unknown, code?: JobsErrorCode): value is JobsError {
  return (
    value instanceof Error &&
    'code' in value &&
    typeof value.code === 'string' &&
    value.code.startsWith('JOBS_') &&
    (code === undefined || value.code === code)
  )
}

/**
 * Thrown by a handler: the job fails now, whatever attempts it has left.
 *
 * @example
 * ```ts
 * throw new PermanentError('order was deleted', { code: 'ORDER_GONE' })
 * ```
 */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'
  readonly retryable = false
  /** The caller's own code, stored with the job. */
  readonly code?: string

  constructor(message: string, options: { readonly code?: string; readonly cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    if (options.code !== undefined) this.code = options.code
  }
}

/**
 * Thrown by a handler: the attempt fails, and the next follows at the time given instead of after the
 * backoff. Of a job with a limiter the attempt is given back instead, and no job of the limiter and the
 * tenant starts before that time. Any error with a `retryAfter` property (milliseconds or `Date`) has the
 * same effect.
 *
 * @example
 * ```ts
 * throw new RetryAfterError('shop API says 429', 30_000)
 * ```
 */
export class RetryAfterError extends Error {
  override readonly name = 'RetryAfterError'
  /** Milliseconds from now, or the instant. */
  readonly retryAfter: number | Date
  /** The caller's own code, stored with the job. */
  readonly code?: string

  constructor(
    message: string,
    retryAfter: number | Date,
    options: { readonly code?: string; readonly cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.retryAfter = retryAfter
    if (options.code !== undefined) this.code = options.code
  }
}
