import { parseTenantId } from '@cgk/core'
import { JobsError } from '../errors.ts'

const QUEUE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const CONTROL = /[\u0000-\u001f\u007f]/

/** @throws {@link JobsError} `JOBS_INVALID_QUEUE_NAME` */
export function checkQueueName(name: unknown): string {
  if (typeof name === 'string' && QUEUE_NAME.test(name)) return name
  throw new JobsError(
    'JOBS_INVALID_QUEUE_NAME',
    `queue name ${describe(name)} is not allowed: 1 to 100 characters of A-Z, a-z, 0-9, '.', '_' and '-', the first a letter or a digit`,
  )
}

/** @throws {@link JobsError} `JOBS_INVALID_JOB_NAME` */
export function checkJobName(name: unknown, maxLength: number): string {
  if (isPlainText(name, maxLength)) return name
  throw new JobsError(
    'JOBS_INVALID_JOB_NAME',
    `job name ${describe(name)} is not allowed: 1 to ${maxLength} characters, none of them a control character or half a surrogate pair`,
  )
}

/**
 * @param what - what the id names, for the message.
 * @throws {@link JobsError} `JOBS_INVALID_JOB_ID`
 */
export function checkJobId(id: unknown, maxLength: number, what = 'job id'): string {
  if (isPlainText(id, maxLength)) return id
  throw new JobsError(
    'JOBS_INVALID_JOB_ID',
    `${what} ${describe(id)} is not allowed: 1 to ${maxLength} characters, none of them a control character or half a surrogate pair`,
  )
}

/**
 * @param what - the option that holds the key, for the message.
 * @throws {@link JobsError} `JOBS_INVALID_KEY`
 */
export function checkKey(what: string, key: unknown, maxLength: number): string {
  if (isPlainText(key, maxLength)) return key
  throw new JobsError(
    'JOBS_INVALID_KEY',
    `${what} ${describe(key)} is not allowed: 1 to ${maxLength} characters, none of them a control character or half a surrogate pair`,
  )
}

/** @throws {@link JobsError} `JOBS_INVALID_TENANT_ID` */
export function checkTenantId(id: unknown): string {
  try {
    return parseTenantId(id)
  } catch (cause) {
    throw new JobsError('JOBS_INVALID_TENANT_ID', `tenantId ${(cause as Error).message}`, { cause })
  }
}

function isPlainText(value: unknown, maxLength: number): value is string {
  return (
    typeof value === 'string' &&
    value.length >= 1 &&
    value.length <= maxLength &&
    value.isWellFormed() &&
    !CONTROL.test(value)
  )
}

/** A name as a message may show it: quoted, and never longer than a line. */
export function describe(value: unknown): string {
  if (typeof value !== 'string') return `of type ${value === null ? 'null' : typeof value}`
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}
