import { JobsError } from '@cgk/jobs-core'

/**
 * Epoch milliseconds.
 *
 * @throws {@link JobsError} `JOBS_INVALID_OPTION`
 */
export function parseInstant(given: Date | string | number): number {
  const ms = new Date(given).getTime()
  if (!Number.isNaN(ms)) return ms
  throw new JobsError(
    'JOBS_INVALID_OPTION',
    `not an instant, such as '2026-01-05T09:00:00Z': ${String(given)}`,
  )
}
