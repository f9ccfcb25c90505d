import { JobsError, PermanentError } from '../errors.ts'
import type { JobFailure } from '../job/job-result.ts'
import { describe } from '../job/names.ts'
import type { StoredError } from '../storage/job-record.ts'

const MESSAGE_LENGTH = 2_000
const STACK_LENGTH = 8_000
const CODE_LENGTH = 100

/** Whatever a handler threw, as an `Error` whose parts can be read. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) {
    return isReadable(thrown)
      ? thrown
      : new JobsError('JOBS_HANDLER_FAILED', 'the handler threw an error that cannot be read', {
          retryable: true,
          cause: thrown,
        })
  }
  const what = thrown === null || typeof thrown !== 'object' ? String(thrown) : 'an object'
  return new JobsError(
    'JOBS_HANDLER_FAILED',
    `the handler threw ${typeof thrown === 'string' ? describe(thrown) : what}, which is not an Error`,
    { retryable: true, cause: thrown },
  )
}

// A getter of an error may throw too, and what an attempt throws must never reach the claim loop.
function isReadable(error: Error & { readonly code?: unknown; readonly retryAfter?: unknown }) {
  try {
    void [error.name, String(error.message), error.stack, error.code, error.retryAfter]
    return true
  } catch {
    return false
  }
}

/** The failure a handler returned, as an `Error` that carries its code. */
export function errorOfFailure(failure: JobFailure['error']): Error {
  const message =
    typeof failure.message === 'string' ? failure.message : 'the handler gave no message'
  const error =
    failure.retryable === false
      ? new PermanentError(message)
      : new JobsError('JOBS_HANDLER_FAILED', message, { retryable: true })
  // It happened in the handler, not here.
  error.stack = `${error.name}: ${message}`
  if (failure.code !== undefined) Object.assign(error, { code: failure.code })
  if (failure.retryAfter !== undefined) Object.assign(error, { retryAfter: failure.retryAfter })
  return error
}

/** Whether no further attempt is to be made after this error. */
export function isPermanent(error: Error): boolean {
  // By name too: the handler may use another copy of this package.
  return error instanceof PermanentError || error.name === 'PermanentError'
}

/** An error as it is stored: bounded, and text that every store can hold. */
export function toStoredError(error: Error, retryable: boolean): StoredError {
  const code = (error as { readonly code?: unknown }).code
  return {
    message: storable(String(error.message), MESSAGE_LENGTH),
    retryable,
    ...(typeof code === 'string' && { code: storable(code, CODE_LENGTH) }),
    ...(typeof error.stack === 'string' && { stack: storable(error.stack, STACK_LENGTH) }),
  }
}

/** Bounds a text and replaces what databases cannot hold (U+0000, half surrogate pairs). */
export function storable(text: string, maxLength: number): string {
  const bounded = text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text
  return bounded.replaceAll('\0', '\uFFFD').toWellFormed()
}
