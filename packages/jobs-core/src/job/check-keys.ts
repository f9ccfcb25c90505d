import { JobsError } from '../errors.ts'
import type { SizeLimits } from '../size-limits.ts'
import { checkDuration } from './check-job-options.ts'
import type { JobOptions } from './job.ts'
import { checkKey, describe } from './names.ts'

type KeyOptions = Pick<
  JobOptions,
  'uniqueKey' | 'orderingKey' | 'concurrencyKey' | 'jobId' | 'delay' | 'scheduledAt'
>

/**
 * Checks the keys of one job, and what stands beside them.
 *
 * @throws {@link JobsError} `JOBS_INVALID_KEY`, `JOBS_INVALID_OPTION`
 */
export function checkKeys(options: KeyOptions, { keyLength }: Pick<SizeLimits, 'keyLength'>): void {
  const { uniqueKey, orderingKey, concurrencyKey } = options
  if (uniqueKey !== undefined) checkUniqueKey(uniqueKey, options, keyLength)
  if (orderingKey !== undefined) {
    checkKey('orderingKey', orderingKey, keyLength)
    if (concurrencyKey !== undefined) throw invalid('give orderingKey or concurrencyKey, not both')
  }
  if (concurrencyKey !== undefined) checkKey('concurrencyKey', concurrencyKey, keyLength)
}

/** What stands beside `key`, per answer to a taken key. */
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  keep: ['window'],
  replace: [],
  debounce: ['wait', 'maxWait'],
}

function checkUniqueKey(uniqueKey: unknown, options: KeyOptions, keyLength: number): void {
  if (typeof uniqueKey !== 'object' || uniqueKey === null) {
    checkKey('uniqueKey', uniqueKey, keyLength)
    return
  }
  const { key, ifTaken = 'keep', ...settings } = uniqueKey as Readonly<Record<string, unknown>>
  checkKey('uniqueKey.key', key, keyLength)
  if (typeof ifTaken !== 'string' || !Object.hasOwn(SETTINGS, ifTaken)) {
    throw invalid(
      `uniqueKey.ifTaken must be 'keep', 'replace' or 'debounce', not ${describe(ifTaken)}`,
    )
  }
  for (const name of Object.keys(settings)) {
    if (!SETTINGS[ifTaken]!.includes(name)) {
      throw invalid(`a uniqueKey with ifTaken '${ifTaken}' has no setting ${describe(name)}`)
    }
  }
  if (settings['window'] !== undefined) checkDuration('uniqueKey.window', settings['window'], 1)
  if (ifTaken !== 'keep' && options.jobId !== undefined) {
    throw invalid(`a uniqueKey with ifTaken '${ifTaken}' cannot stand beside jobId`)
  }
  if (ifTaken === 'debounce') checkDebounce(settings, options)
}

function checkDebounce(
  { wait, maxWait }: { readonly wait?: unknown; readonly maxWait?: unknown },
  { delay, scheduledAt }: KeyOptions,
): void {
  checkDuration('uniqueKey.wait', wait, 1)
  if (maxWait !== undefined) checkDuration('uniqueKey.maxWait', maxWait, wait)
  if (delay !== undefined || scheduledAt !== undefined) {
    throw invalid(
      'a debounced uniqueKey says itself when the job starts: leave out delay and scheduledAt',
    )
  }
}

function invalid(message: string): JobsError {
  return new JobsError('JOBS_INVALID_OPTION', message)
}
