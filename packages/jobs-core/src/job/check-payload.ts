import type { StandardSchemaV1 } from '@standard-schema/spec'
import { JobsError } from '../errors.ts'
import type { AnyJobDefinition } from './define-job.ts'
import { describe } from './names.ts'

/** What a check found: the payload as the handler gets it, or what is wrong with it. */
export type PayloadCheck =
  | { readonly ok: true; readonly payload: unknown }
  | { readonly ok: false; readonly error: JobsError }

/** Whether a definition checks payloads at all. */
export function checksPayload(definition: AnyJobDefinition): boolean {
  return definition.schema !== undefined || definition.validate !== undefined
}

/**
 * Checks a payload against a definition's schema or guard. A check that throws counts as a refusal
 * whose `cause` tells why. Synchronous where the schema is.
 */
export function checkPayload(
  definition: AnyJobDefinition,
  payload: unknown,
): PayloadCheck | Promise<PayloadCheck> {
  const { name, schema, validate } = definition
  try {
    if (schema !== undefined) {
      const result = schema['~standard'].validate(payload)
      return result instanceof Promise
        ? result.then(
            (settled) => fromSchema(name, settled),
            (cause: unknown) => refused(name, 'the schema threw', cause),
          )
        : fromSchema(name, result)
    }
    if (validate !== undefined && !validate(payload)) {
      return refused(name, 'validate answered false')
    }
    return { ok: true, payload }
  } catch (cause) {
    return refused(name, 'the check threw', cause)
  }
}

// A schema's first findings tell enough; a message must not grow with a hostile payload.
const SHOWN_ISSUES = 3

function fromSchema(name: string, result: StandardSchemaV1.Result<unknown>): PayloadCheck {
  if (result.issues === undefined) return { ok: true, payload: result.value }
  const shown = result.issues
    .slice(0, SHOWN_ISSUES)
    .map((issue) => `payload${pathOf(issue)}: ${issue.message}`)
  const more = result.issues.length - shown.length
  return refused(name, shown.join('; ') + (more > 0 ? `; and ${more} more` : ''))
}

function pathOf(issue: StandardSchemaV1.Issue): string {
  return (issue.path ?? [])
    .map((segment) => (typeof segment === 'object' ? segment.key : segment))
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key).slice(0, 60)}`))
    .join('')
}

function refused(name: string, why: string, cause?: unknown): PayloadCheck {
  const message = `payload of job ${describe(name)} is not valid: ${why}`
  return {
    ok: false,
    error: new JobsError('JOBS_INVALID_PAYLOAD', message, cause === undefined ? {} : { cause }),
  }
}
