import { JobsError } from '../errors.ts'
import { checkInteger } from '../job/check-job-options.ts'
import { describe } from '../job/names.ts'

const DEFAULT_PAGE = 100

/** The most that one page holds. */
export const LARGEST_PAGE = 1_000

/** What stands beside a filter to say which page of its matches is meant. */
export const PAGE_OPTIONS: readonly string[] = ['limit', 'cursor']

/** @throws {@link JobsError} `JOBS_INVALID_OPTION` */
export function checkPage({
  limit = DEFAULT_PAGE,
  cursor,
}: {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}): { readonly limit: number; readonly cursor?: string } {
  checkInteger('limit', limit, 1, LARGEST_PAGE)
  if (cursor === undefined) return { limit }
  if (typeof cursor === 'string') return { limit, cursor }
  throw new JobsError('JOBS_INVALID_OPTION', `cursor must be a string, not ${describe(cursor)}`)
}
