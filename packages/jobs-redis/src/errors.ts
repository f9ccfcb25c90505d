import { JobsError } from '@cgk/jobs-core'
import { ErrorReply } from '@redis/client'

/** A call of a store that was closed. */
export function closedError(): JobsError {
  return new JobsError('JOBS_STORE_CLOSED', 'the redis store was closed')
}

/** A call whose caller has given it up. */
export function timeoutError(signal: AbortSignal): JobsError {
  return new JobsError(
    'JOBS_STORE_TIMEOUT',
    'the call to Redis was given up before it was answered; whether a write took effect is unknown',
    { retryable: true, cause: signal.reason },
  )
}

/** A server that no connection could be made to; nothing was sent. */
export function notReachedError(cause: unknown): JobsError {
  const reason = withoutAddress(cause)
  return new JobsError('JOBS_STORE_UNAVAILABLE', `Redis was not reached: ${reason.message}`, {
    retryable: true,
    cause: reason,
  })
}

/** A server that did not answer, or that hung up. */
export function connectionError(cause: unknown): JobsError {
  return new JobsError(
    'JOBS_STORE_UNAVAILABLE',
    'the connection to Redis failed; whether a write that was under way took effect is unknown',
    { retryable: true, cause: withoutAddress(cause) },
  )
}

/** What the first word of an error of the server says, where it says something to its operator. */
const KNOWN: Readonly<Record<string, string>> = {
  OOM: 'the memory of the Redis server is full (maxmemory): nothing new is taken in until there is room; running jobs go on',
  LOADING: 'the Redis server is still loading its data',
  BUSY: 'the Redis server is busy with a script',
  READONLY: 'the Redis server is a replica that takes no writes',
  MISCONF: 'the Redis server cannot write its data to disk and takes no writes',
  NOAUTH: 'the Redis server asks for a password: name one in the URL',
  WRONGPASS: 'the Redis server refuses the user name or the password',
  NOPERM: 'the Redis user may not run what the store needs',
}

/** An error that the server answered with: nothing was written. */
export function replyError(error: ErrorReply): JobsError {
  const word = /^-?([A-Z]+) /.exec(error.message)?.[1] ?? ''
  const isRefused = word === 'NOAUTH' || word === 'WRONGPASS' || word === 'NOPERM'
  return new JobsError(
    'JOBS_STORE_UNAVAILABLE',
    KNOWN[word] ?? 'the Redis server answered with an error',
    { retryable: !isRefused, cause: error },
  )
}

/** Whether the server has not our functions: never had them, or was told to forget them. */
export function isUnknownFunction(error: unknown): boolean {
  return error instanceof ErrorReply && /^(ERR )?Function not found/.test(error.message)
}

/** Whether the connection is to a server that writes cannot go to any more. */
export function isDemoted(error: unknown): boolean {
  return error instanceof ErrorReply && error.message.startsWith('READONLY')
}

// Node's errors name the address, which is no secret, but nothing of the URL is to be in what is logged.
function withoutAddress(cause: unknown): Error {
  const { name = 'Error', code } = (cause ?? {}) as { name?: string; code?: unknown }
  return new Error(typeof code === 'string' ? code : name)
}
