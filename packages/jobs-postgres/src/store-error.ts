import { isJobsError, JobsError } from '@cgk/jobs-core'
import { isDbError, type DbError } from '@cgk/db'

/** Those of the database's errors that say that time was up. */
const TIMEOUTS: ReadonlySet<string> = new Set([
  'DB_ABORTED',
  'DB_CONNECTION_SILENT',
  'DB_POOL_EXHAUSTED',
  '55P03', // lock_not_available
  '57014', // query_canceled: the server's own time limit
])

/**
 * What callers of the store are told. A `DbError` holds no parameter, neither do its causes, so that it can
 * be the cause.
 */
export function toStoreError(error: unknown): unknown {
  if (isJobsError(error) || !isDbError(error)) return error
  const { code, retryable } = error
  const options = { retryable, cause: error }
  if (code === 'DB_CLOSED')
    return new JobsError('JOBS_STORE_CLOSED', 'the store was closed', options)
  if (code === 'DB_NOT_INSTALLED') {
    return new JobsError('JOBS_STORE_NOT_INSTALLED', error.message, options)
  }
  if (code === 'DB_DIRECTORY_IN_USE') {
    return new JobsError(
      'JOBS_STORE_UNAVAILABLE',
      `${error.message}; an embedded database serves one process at a time: end the other one, or let both use a server (JOBS_STORE_URL=postgres://…)`,
      options,
    )
  }
  if (code === '42501') {
    return new JobsError(
      'JOBS_STORE_UNAVAILABLE',
      `the role lacks a privilege: ${error.message}; cgk-worker doctor says which it needs`,
      options,
    )
  }
  if (TIMEOUTS.has(code)) {
    return new JobsError(
      'JOBS_STORE_TIMEOUT',
      `the store did not answer in time: ${error.message}`,
      {
        ...options,
        retryable: true,
      },
    )
  }
  return new JobsError('JOBS_STORE_UNAVAILABLE', `the store failed: ${error.message}`, options)
}

/** What a setting is refused with. */
export function toConfigError(error: unknown): unknown {
  if (isDbError(error, 'DB_INVALID_OPTION') || isDbError(error, 'DB_INVALID_NAME')) {
    return new JobsError('JOBS_INVALID_CONFIG', (error as DbError).message, { cause: error })
  }
  return error
}

/** The answer to a call whose signal has aborted before it began, or while it waited to begin. */
export function abortedBefore(signal: AbortSignal): JobsError {
  return new JobsError('JOBS_STORE_TIMEOUT', 'the call was aborted before it began', {
    retryable: true,
    cause: signal.reason,
  })
}

export function storeClosed(): JobsError {
  return new JobsError('JOBS_STORE_CLOSED', 'the store was closed')
}
