import { DbError } from '../db-error.ts'

/** What a statement may be given. An array is an SQL array, a `Date` an instant. */
export type Parameter = string | number | bigint | boolean | Date | null | readonly Parameter[]

/** What both drivers pass on as it is, whatever serializers somebody gave them. */
export type EncodedParameter = string | number | boolean | null

/**
 * Encodes parameters so that no driver has to know their type: arrays as literals, bigints and
 * instants as text.
 *
 * @throws {@link DbError} `DB_INVALID_PARAMETER`, naming the position, for what Postgres cannot hold.
 */
export function encodeParameters(params: readonly Parameter[]): EncodedParameter[] {
  return params.map((value, index) => {
    if (value === null || typeof value === 'boolean') return value
    return encode(value, index + 1)
  })
}

function encode(value: Exclude<Parameter, null>, position: number): string {
  if (typeof value === 'string') return checked(value, position)
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (Array.isArray(value)) return arrayLiteral(value, encodeElement(position))
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString()
  throw invalid(position, value === undefined ? 'is undefined' : 'is nothing that SQL knows')
}

function encodeElement(position: number): (value: unknown) => string {
  return (value) => {
    const text = encode(value as Exclude<Parameter, null>, position)
    return typeof value === 'string' ? quoted(text) : text
  }
}

/** `{1,NULL,{2}}`, each element but null and arrays encoded by the function given. */
export function arrayLiteral(
  values: readonly unknown[],
  encodeOne: (value: unknown) => string,
): string {
  const elements = values.map((value): string => {
    if (value === null) return 'NULL'
    return Array.isArray(value) ? arrayLiteral(value, encodeOne) : encodeOne(value)
  })
  return `{${elements.join(',')}}`
}

/** Any text as an element of an array. */
export function quoted(text: string): string {
  // JSON escapes like that too, and faster, what has no control characters.
  if (!/[^ -\uFFFF]/.test(text)) return JSON.stringify(text)
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

function checked(text: string, position: number): string {
  if (text.includes('\0')) throw invalid(position, 'holds U+0000')
  // A driver would send U+FFFD in place of a lone surrogate.
  if (!text.isWellFormed()) throw invalid(position, 'holds half of a surrogate pair')
  return text
}

function invalid(position: number, what: string): DbError {
  return new DbError('DB_INVALID_PARAMETER', `parameter $${position} ${what}`)
}
