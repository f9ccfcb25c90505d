import { DbError } from './db-error.ts'

/** The longest name that Postgres keeps whole, in bytes. */
const MAX_NAME_BYTES = 63

/**
 * Checks a name and quotes it for SQL: `o'brien` and `a$$b` are names, quoted; a line break is not.
 *
 * @throws {@link DbError} `DB_INVALID_NAME` for what Postgres would refuse or cut short, for control
 * characters, and for its own schemas.
 */
export function quoteSchema(name: string): string {
  const shown = JSON.stringify(name.length > MAX_NAME_BYTES ? `${name.slice(0, 20)}…` : name)
  const bytes = Buffer.byteLength(name)
  if (bytes < 1 || bytes > MAX_NAME_BYTES) {
    throw invalid(`${shown} is not a schema: 1 to ${MAX_NAME_BYTES} bytes`)
  }
  if (/\p{Cc}/u.test(name) || !name.isWellFormed()) {
    throw invalid(`${shown} is not a schema: it holds a control character or half of one`)
  }
  if (name.startsWith('pg_') || name === 'information_schema') {
    throw invalid(`${shown} is not a schema for anybody but Postgres`)
  }
  return `"${name.replaceAll('"', '""')}"`
}

/** @throws {@link DbError} `DB_INVALID_NAME` */
export function checkChannel(channel: string): void {
  if (/^[\w.:-]{1,63}$/.test(channel)) return
  throw invalid('a channel is 1 to 63 characters of A-Z, a-z, 0-9, _, ., : and -')
}

function invalid(message: string): DbError {
  return new DbError('DB_INVALID_NAME', message)
}
