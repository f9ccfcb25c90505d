import { JobsError, type JobsErrorCode } from '../errors.ts'
import type { SizeLimits } from '../size-limits.ts'

type Segment = string | number

interface Violation {
  readonly code: JobsErrorCode
  readonly what: string
  /** From the offending value outwards: each level adds its own key on the way back. */
  readonly path: Segment[]
  readonly cause?: unknown
}

/**
 * Turns a value into the JSON text that is stored, or says exactly why it cannot be.
 *
 * What passes comes back equal from `JSON.parse`, except that properties holding `undefined` are
 * absent and objects with a `toJSON` method are what that returned.
 *
 * @param subject - what the value is (`payload`, `result`, …): the root of the path in messages.
 * @throws {@link JobsError} with a `JOBS_VALUE_*` code; the message names the path, the kind of value
 * and the limit, never the value.
 */
export function serialize(
  value: unknown,
  subject: string,
  sizes: Pick<SizeLimits, 'payloadBytes' | 'depth'>,
): string {
  const { depth, payloadBytes } = sizes
  const walk: Walk = { depth, ancestors: [], bytesLeft: payloadBytes * FAR_TOO_LARGE }
  let found: Violation | null
  let text = ''
  try {
    found = inspect(value, walk)
    if (found === null) text = JSON.stringify(value)
  } catch (cause) {
    // A getter or a proxy; what a `toJSON` method throws is caught where it is called.
    found = { ...violation('JOBS_VALUE_UNSUPPORTED', 'threw while it was read'), cause }
  }
  if (walk.bytesLeft < 0)
    throw tooLarge(subject, `more than ${payloadBytes * FAR_TOO_LARGE}`, sizes)
  if (found !== null) throw toError(found, subject)
  if (text.length * 3 > payloadBytes) {
    const bytes = utf8Length(text)
    if (bytes > payloadBytes) throw tooLarge(subject, String(bytes), sizes)
  }
  return text
}

/**
 * What is larger than this many times its limit is not even written out. Objects that share their
 * members can be small in memory and, as JSON, too large for any machine.
 */
const FAR_TOO_LARGE = 16

interface Walk {
  readonly depth: number
  readonly ancestors: object[]
  /** Less at least than what the rest of the text may take: no value takes less than a byte. */
  bytesLeft: number
}

const ENOUGH: Violation = { code: 'JOBS_VALUE_TOO_LARGE', what: '', path: [] }

function inspect(value: unknown, walk: Walk): Violation | null {
  walk.bytesLeft -= typeof value === 'string' ? value.length : 1
  if (walk.bytesLeft < 0) return ENOUGH
  switch (typeof value) {
    case 'string':
      return inspectText(value, 'a string')
    case 'number':
      return Number.isFinite(value)
        ? null
        : violation('JOBS_VALUE_NOT_FINITE', `is ${value}; JSON has no such number`)
    case 'boolean':
      return null
    case 'undefined':
      return violation('JOBS_VALUE_UNDEFINED', 'is undefined; JSON has no such value, use null')
    case 'bigint':
      return violation('JOBS_VALUE_BIGINT', 'is a BigInt; JSON has none, convert it to a string')
    case 'function':
    case 'symbol':
      return unsupported(`a ${typeof value}`)
    case 'object':
      return value === null ? null : inspectObject(value, walk)
  }
}

function inspectObject(value: object, walk: Walk): Violation | null {
  const { depth, ancestors } = walk
  if (ancestors.length >= depth) {
    // Any cycle has come round by now, because it cannot be longer than the way here.
    return new Set(ancestors).size < ancestors.length || ancestors.includes(value)
      ? violation('JOBS_VALUE_CYCLE', 'refers back to an object that contains it')
      : violation('JOBS_VALUE_TOO_DEEP', `is nested deeper than ${depth} levels, the limit`)
  }
  ancestors.push(value)
  let found: Violation | null
  if ('toJSON' in value && typeof value.toJSON === 'function') found = inspectConverted(value, walk)
  else if (Array.isArray(value)) found = inspectArray(value, walk)
  else found = inspectRecord(value, walk)
  ancestors.pop()
  return found
}

function inspectConverted(value: object, walk: Walk): Violation | null {
  if (value instanceof Date) {
    return violation(
      'JOBS_VALUE_DATE',
      'is a Date, which would come back as text; pass an ISO string or a number of milliseconds',
    )
  }
  let converted: unknown
  try {
    converted = (value as { toJSON(key: string): unknown }).toJSON('')
  } catch (cause) {
    return { ...violation('JOBS_VALUE_TO_JSON_THREW', 'has a toJSON method that threw'), cause }
  }
  return inspect(converted, walk)
}

function inspectArray(value: readonly unknown[], walk: Walk): Violation | null {
  for (let index = 0; index < value.length; index++) {
    const found = inspect(value[index], walk)
    if (found !== null) return inside(found, index)
  }
  return null
}

function inspectRecord(value: object, walk: Walk): Violation | null {
  const prototype = Object.getPrototypeOf(value) as object | null
  // A prototype without a parent is `Object.prototype`, also that of another realm.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return unsupported(`an instance of ${value.constructor.name || 'a class'}`)
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') {
      return violation('JOBS_VALUE_PROTO_KEY', 'has an own key "__proto__", which is refused')
    }
    const badKey = inspectText(key, 'a key')
    if (badKey !== null) return badKey
    const member = (value as Record<string, unknown>)[key]
    if (member === undefined) continue
    const found = inspect(member, walk)
    if (found !== null) return inside(found, key)
  }
  return null
}

function inspectText(text: string, kind: string): Violation | null {
  if (text.includes('\0')) {
    return violation('JOBS_VALUE_NUL', `holds ${kind} with U+0000, which databases cannot store`)
  }
  if (!text.isWellFormed()) {
    return violation('JOBS_VALUE_LONE_SURROGATE', `holds ${kind} with half a surrogate pair`)
  }
  return null
}

function violation(code: JobsErrorCode, what: string): Violation {
  return { code, what, path: [] }
}

function unsupported(kind: string): Violation {
  return violation(
    'JOBS_VALUE_UNSUPPORTED',
    `is ${kind}; pass plain objects, arrays and primitives`,
  )
}

function inside(found: Violation, segment: Segment): Violation {
  found.path.push(segment)
  return found
}

// Enough to find the place; a hostile payload must not decide how long a message gets.
const SHOWN_SEGMENTS = 16
const SHOWN_KEY_LENGTH = 40

function toError(found: Violation, subject: string): JobsError {
  let path = subject
  const segments = found.path.reverse()
  for (const segment of segments.slice(0, SHOWN_SEGMENTS)) {
    if (typeof segment === 'number') path += `[${segment}]`
    else if (/^[\w$]{1,40}$/.test(segment)) path += `.${segment}`
    else path += `[${JSON.stringify(segment.slice(0, SHOWN_KEY_LENGTH))}]`
  }
  if (segments.length > SHOWN_SEGMENTS) path += '…'
  return new JobsError(
    found.code,
    `${path} ${found.what}`,
    'cause' in found ? { cause: found.cause } : {},
  )
}

function tooLarge(
  subject: string,
  bytes: string,
  { payloadBytes }: Pick<SizeLimits, 'payloadBytes'>,
): JobsError {
  return new JobsError(
    'JOBS_VALUE_TOO_LARGE',
    `${subject} is ${bytes} bytes of JSON; the limit is ${payloadBytes}. Store large data elsewhere and pass a reference to it`,
  )
}

function utf8Length(text: string): number {
  let bytes = 0
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) bytes += 1
    else if (unit < 0x800) bytes += 2
    else if (unit >= 0xd800 && unit <= 0xdfff) bytes += 2
    else bytes += 3
  }
  return bytes
}
