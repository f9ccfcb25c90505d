import type { StandardSchemaV1 } from '@standard-schema/spec'
import { JobsError } from '../errors.ts'
import type { AnyJobDefinition } from './define-job.ts'
import { describe } from './names.ts'

/** What a check found: the payload as the handler gets it, or what is wrong. */
export type PayloadCheck =
  | { readonly ok: true; readonly payload: unknown }
  | {
      readonly ok: false
      readonly error: JobsError
      /** The payload is not valid; otherwise the check itself failed and says nothing about it. */
      readonly refused: boolean
    }

/** Whether a definition checks payloads at all. */
export function checksPayload(definition: AnyJobDefinition): boolean {
  return definition.schema !== undefined || definition.validate !== undefined
}

/**
 * Checks a payload against a definition's schema or guard. Synchronous where the schema is.
 *
 * The error of a refusal names the places; the schema's own findings are its `issues` property, which
 * is not enumerable because they may quote the payload.
 */
export function checkPayload(
  definition: AnyJobDefinition,
  payload: unknown,
): PayloadCheck | Promise<PayloadCheck> {
  const { name, schema, validate } = definition
  try {
    if (schema !== undefined) {
      const result = schema['~standard'].validate(payload)
      return isThenable(result)
        ? Promise.resolve(result).then(
            (settled) => fromSchema(name, settled),
            (cause: unknown) => checkFailed(name, cause),
          )
        : fromSchema(name, result)
    }
    if (validate !== undefined && !validate(payload)) {
      return refused(name, 'validate answered false')
    }
    return { ok: true, payload }
  } catch (cause) {
    return checkFailed(name, cause)
  }
}

/** Whether a value is a promise, of whatever library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}

// The first places tell enough; a message must not grow with a hostile payload.
const SHOWN_PLACES = 3

function fromSchema(name: string, result: StandardSchemaV1.Result<unknown>): PayloadCheck {
  const { issues } = result
  if (issues === undefined) return { ok: true, payload: result.value }
  const shown = issues.slice(0, SHOWN_PLACES).map((issue) => `payload${pathOf(issue)}`)
  const more = issues.length - shown.length
  const check = refused(name, `see ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`)
  // Schemas may quote the values they refuse, which no message of ours does: for whoever asks.
  if (!check.ok) Object.defineProperty(check.error, 'issues', { value: issues })
  return check
}

function pathOf(issue: StandardSchemaV1.Issue): string {
  return (issue.path ?? [])
    .map((segment) => (typeof segment === 'object' ? segment.key : segment))
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key).slice(0, 60)}`))
    .join('')
    .slice(0, 200)
}

function refused(name: string, why: string): PayloadCheck {
  const message = `payload of job ${describe(name)} is not valid: ${why}`
  return { ok: false, refused: true, error: new JobsError('JOBS_INVALID_PAYLOAD', message) }
}

function checkFailed(name: string, cause: unknown): PayloadCheck {
  const message = `the payload of job ${describe(name)} could not be checked: the check threw`
  const error = new JobsError('JOBS_INVALID_PAYLOAD', message, { retryable: true, cause })
  return { ok: false, refused: false, error }
}
