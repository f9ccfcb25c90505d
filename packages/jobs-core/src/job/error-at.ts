import { isJobsError, JobsError } from '../errors.ts'

/**
 * An error about one of several things, its message beginning with which one.
 *
 * @param path - such as `followUps[3]`.
 */
export function errorAt(path: string, cause: unknown): unknown {
  if (!isJobsError(cause)) return cause
  const { code, message, retryable } = cause
  return new JobsError(code, `${path}: ${message}`, { retryable, cause })
}
