import { JobsError } from '../errors.ts'

/** @throws {@link JobsError} `JOBS_INVALID_CONFIG` unless it is a function. */
export function checkMiddleware(middleware: unknown): void {
  if (typeof middleware === 'function') return
  throw new JobsError('JOBS_INVALID_CONFIG', 'use takes a function (see docs/middleware.md)')
}
