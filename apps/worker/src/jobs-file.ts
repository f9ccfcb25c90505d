import type { JobOptions } from '@cgk/jobs-core'
import * as v from 'valibot'
import { plainObject } from './plain-object.ts'

/** The job that one line of a jobs file asks for. */
export interface JobLine {
  readonly queue: string
  readonly name: string
  readonly payload: unknown
  readonly options: JobOptions
}

/** A line that was understood, or what is wrong with it; never what it holds as payload. */
export type LineReading =
  | { readonly job: JobLine; readonly problem?: undefined }
  | { readonly job?: undefined; readonly problem: string }

const DEFAULT_QUEUE = 'default'

const INSTANT = 'options.scheduledAt must be a date and time such as 2027-01-31T08:00:00Z'

const Instant = v.pipe(
  v.string(INSTANT),
  v.isoTimestamp(INSTANT),
  v.check(namesRealDay, INSTANT),
  v.transform((text) => new Date(text)),
)

// What else options may hold, and what not, is the queue's to say.
const Options = v.pipe(
  plainObject('options must be an object'),
  v.looseObject({
    scheduledAt: v.optional(Instant),
    tenantId: v.optional(v.string('options.tenantId must be a string')),
  }),
)

const Line = v.pipe(
  plainObject('must be a JSON object'),
  v.strictObject(
    {
      queue: v.optional(v.string('queue must be a string'), DEFAULT_QUEUE),
      name: v.string('name must be a string'),
      payload: v.unknown(),
      tenantId: v.optional(v.string('tenantId must be a string')),
      options: v.optional(Options),
    },
    lineProblem,
  ),
)

/** Reads one line of a jobs file: `{queue?, name, payload, tenantId?, options?}` in JSON. */
export function readJobLine(text: string): LineReading {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { problem: jsonProblem(error as SyntaxError) }
  }
  const result = v.safeParse(Line, value, { abortEarly: true })
  if (!result.success) return { problem: result.issues[0].message }
  const { queue, name, payload, tenantId, options } = result.output
  const inOptions = options?.tenantId
  if (tenantId !== undefined && inOptions !== undefined && inOptions !== tenantId) {
    return { problem: 'tenantId and options.tenantId differ' }
  }
  const merged = { ...options, ...(tenantId !== undefined && { tenantId }) } as JobOptions
  return { job: { queue, name, payload, options: merged } }
}

// The engine reads 31 February as 3 March.
function namesRealDay(text: string): boolean {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number)
  return new Date(Date.UTC(year!, month! - 1, day)).getUTCDate() === day
}

// The engine's own message quotes the text around the mistake, which may be a payload.
function jsonProblem({ message }: SyntaxError): string {
  const position = /at position (\d+)/.exec(message)?.[1]
  return position === undefined
    ? 'is not JSON'
    : `is not JSON from column ${Number(position) + 1} on`
}

function lineProblem({ expected, input, path }: v.StrictObjectIssue): string {
  if (expected !== 'never') return `${String(path?.[0].key)} is missing`
  const key = String(input)
  return `there is no key ${JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key)}`
}
