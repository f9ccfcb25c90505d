import { JobsError } from '../errors.ts'
import { describe } from './names.ts'
import { serialize } from './serialize.ts'

const MAX_HEADERS = 32
const MAX_NAME_LENGTH = 100
const TEXT_LIMITS = { payloadBytes: 8 * 1024, depth: 1 }

/**
 * Checks headers and returns the JSON text that is stored.
 *
 * @throws {@link JobsError} `JOBS_INVALID_OPTION`, `JOBS_VALUE_*`; the message names the header, never
 * its value.
 */
export function checkHeaders(headers: unknown): string {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    const kind = headers === null ? 'null' : Array.isArray(headers) ? 'array' : typeof headers
    throw invalid(`headers must be an object of strings, not of type ${kind}`)
  }
  const entries = Object.entries(headers)
  if (entries.length > MAX_HEADERS) {
    throw invalid(`there are ${entries.length} headers; the limit is ${MAX_HEADERS}`)
  }
  for (const [name, value] of entries) {
    if (name.length < 1 || name.length > MAX_NAME_LENGTH) {
      throw invalid(`header name ${describe(name)} must have 1 to ${MAX_NAME_LENGTH} characters`)
    }
    if (typeof value !== 'string') {
      const kind = value === null ? 'null' : typeof value
      throw invalid(`header ${describe(name)} must be a string, not of type ${kind}`)
    }
  }
  return serialize(headers, 'headers', TEXT_LIMITS)
}

function invalid(message: string): JobsError {
  return new JobsError('JOBS_INVALID_OPTION', message)
}
