import { JobsError } from '../errors.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { JobOptions } from './job.ts'
import { checkJobId, checkKey, checkTenantId, describe } from './names.ts'

/** The longest duration that leads to an instant a `Date` can hold, with room for today's date. */
const MAX_DURATION_MS = 8.6e15 - 1

const MIN_PRIORITY = -32_768
const MAX_PRIORITY = 32_767
const MAX_ATTEMPTS = 1_000_000

const KNOWN = new Set([
  'priority',
  'delay',
  'scheduledAt',
  'maxAttempts',
  'retryDelay',
  'timeout',
  'tenantId',
  'metadata',
  'jobId',
  'headers',
  'uniqueKey',
  'orderingKey',
  'concurrencyKey',
  'limiter',
])

/**
 * Checks everything about job options but their keys and the content of metadata and headers.
 *
 * @throws {@link JobsError} `JOBS_INVALID_OPTION`, `JOBS_INVALID_JOB_ID`, `JOBS_INVALID_TENANT_ID`,
 * `JOBS_INVALID_KEY` for a limiter
 */
export function checkJobOptions(options: JobOptions, sizes: SizeLimits): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid('options', 'must be an object', options)
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) {
      throw new JobsError('JOBS_INVALID_OPTION', `there is no job option ${describe(name)}`)
    }
  }
  const { priority, delay, scheduledAt, maxAttempts, retryDelay, timeout, tenantId, jobId } =
    options
  if (priority !== undefined) checkInteger('priority', priority, MIN_PRIORITY, MAX_PRIORITY)
  if (delay !== undefined) checkDuration('delay', delay)
  if (scheduledAt !== undefined) {
    if (!(scheduledAt instanceof Date) || Number.isNaN(scheduledAt.getTime())) {
      throw invalid('scheduledAt', 'must be a valid Date', scheduledAt)
    }
    if (delay !== undefined) {
      throw new JobsError('JOBS_INVALID_OPTION', 'give delay or scheduledAt, not both')
    }
  }
  if (maxAttempts !== undefined) checkInteger('maxAttempts', maxAttempts, 1, MAX_ATTEMPTS)
  if (retryDelay !== undefined) checkDuration('retryDelay', retryDelay)
  if (timeout !== undefined) checkDuration('timeout', timeout, 1)
  if (tenantId !== undefined) checkTenantId(tenantId)
  if (jobId !== undefined) checkJobId(jobId, sizes.idLength)
  const { metadata, limiter } = options
  if (limiter !== undefined) checkKey('limiter', limiter, sizes.keyLength)
  if (metadata !== undefined && !isRecord(metadata)) {
    // Without the value: metadata is the caller's data, as the payload is.
    const kind = metadata === null ? 'null' : typeof metadata
    throw new JobsError('JOBS_INVALID_OPTION', `metadata must be an object, not of type ${kind}`)
  }
}

/** Whether a value is milliseconds from 0 on, and not so many that no `Date` could hold the end. */
export function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_DURATION_MS
}

/** @throws {@link JobsError} `JOBS_INVALID_OPTION` unless `value` is milliseconds from `min` on. */
export function checkDuration(name: string, value: unknown, min = 0): asserts value is number {
  if (!isDuration(value) || value < min) {
    throw invalid(name, `must be a number of milliseconds from ${min} to ${MAX_DURATION_MS}`, value)
  }
}

/** @throws {@link JobsError} `JOBS_INVALID_OPTION` unless `value` is a whole number in the range. */
export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalid(name, `must be a whole number from ${min} to ${max}`, value)
  }
}

/** A duration as stores take it. Rounded up, so that nothing happens earlier than was asked. */
export function wholeMs(ms: number): number {
  return Math.ceil(ms)
}

/** `retryAfter` as milliseconds from `now`; `null` when it is neither a duration nor a valid Date. */
export function retryAfterMs(value: unknown, now: number): number | null {
  const ms = value instanceof Date ? value.getTime() - now : value
  if (typeof ms !== 'number' || Number.isNaN(ms) || ms > MAX_DURATION_MS) return null
  return wholeMs(Math.max(0, ms))
}

/** Whether a value is an object and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(name: string, rule: string, value: unknown): JobsError {
  const shown =
    typeof value === 'number'
      ? String(value)
      : value instanceof Date
        ? 'Invalid Date'
        : describe(value)
  return new JobsError('JOBS_INVALID_OPTION', `${name} ${rule}, not ${shown}`)
}
