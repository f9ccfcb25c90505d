import { isJobsError, JobsError } from '@cgk/jobs-core'
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
  NOREPLICAS:
    'the Redis server has fewer replicas than it needs to take writes (min-replicas-to-write)',
  CLUSTERDOWN: 'the Redis cluster does not work: some of its slots have no node that serves them',
  MOVED: 'the Redis server is a node of a cluster: name the cluster, as in redis-cluster://host',
  MISCONF: 'the Redis server cannot write its data to disk and takes no writes',
  NOAUTH: 'the Redis server asks for a password: name one in the URL',
  WRONGPASS: 'the Redis server refuses the user name or the password',
  NOPERM: 'the Redis user may not run what the store needs',
}

/** A write that fewer servers have confirmed than the store was told to wait for. */
export function unconfirmedError(cause: unknown): JobsError {
  return new JobsError(
    'JOBS_STORE_UNCONFIRMED',
    'the Redis server has carried out the call, but too few replicas or disks have confirmed it in time: whether it outlasts a failover is unknown',
    { retryable: true, cause },
  )
}

/**
 * What became of a write that the server did not confirm: it cannot, being too old or not set up for it, or it was made a
 * replica meanwhile.
 */
export function confirmationError(cause: unknown): JobsError {
  const isUnable =
    cause instanceof ErrorReply &&
    /unknown command|appendonly is disabled|^NOPERM /.test(cause.message)
  if (!isUnable) return unconfirmedError(cause)
  return new JobsError(
    'JOBS_INVALID_CONFIG',
    'the Redis server cannot say what has become of a write: waitAof needs Redis 7.2 and appendonly yes, and the user the right to WAIT and WAITAOF; the call itself was carried out',
    { cause },
  )
}

/** A call about several queues that was carried out in some, and refused in others after all. */
export function halfDoneError(): JobsError {
  return new JobsError(
    'JOBS_STORE_UNAVAILABLE',
    'another call came between: the jobs of some queues or tenants were stored, those of others were not',
    { retryable: true },
  )
}

/** An error that the server answered with: nothing was written. */
export function replyError(error: ErrorReply): JobsError {
  const word = /^-?([A-Z]+) /.exec(error.message)?.[1] ?? ''
  const isRefused = ['NOAUTH', 'WRONGPASS', 'NOPERM', 'MOVED'].includes(word)
  return new JobsError(
    'JOBS_STORE_UNAVAILABLE',
    KNOWN[word] ?? 'the Redis server answered with an error',
    { retryable: !isRefused, cause: error },
  )
}

/** Whether the server answered with an error: nothing was written. */
export function isRefused(error: unknown): boolean {
  return isJobsError(error, 'JOBS_STORE_UNAVAILABLE') && error.cause instanceof ErrorReply
}

/** Whether the server has not our functions: never had them, or was told to forget them. */
export function isUnknownFunction(error: unknown): boolean {
  return error instanceof ErrorReply && /^(ERR )?Function not found/.test(error.message)
}

/** Whether the connection may be to a server that another has taken the place of. */
export function isDemoted(error: unknown): boolean {
  return error instanceof ErrorReply && /^(READONLY|NOREPLICAS) /.test(error.message)
}

/** Whether a server was asked about its cluster that has none. */
export function isNoCluster(error: unknown): boolean {
  return error instanceof ErrorReply && /cluster support disabled/.test(error.message)
}

/** A server that was named as a node of a cluster, and is none. */
export function noClusterError(): JobsError {
  return new JobsError(
    'JOBS_INVALID_CONFIG',
    'the Redis server is not a node of a cluster: name it by url, as in redis://host',
  )
}

/** Whether the user may not run a command, or not with its keys or its channel. */
export function isNotPermitted(error: unknown): error is ErrorReply {
  return error instanceof ErrorReply && error.message.startsWith('NOPERM ')
}

/** Whether a node of a cluster may have been replaced by another. */
export function isOutOfService(error: ErrorReply): boolean {
  return /^(CLUSTERDOWN|LOADING|READONLY|NOREPLICAS) /.test(error.message)
}

/** Where a command belongs that a node of a cluster did not run: there, or nowhere as yet. */
export type Redirection = { readonly slot: number; readonly address: string } | 'later'

/** What a node of a cluster said instead of running a command, if that is why it did not. */
export function redirectionOf(error: unknown): Redirection | undefined {
  if (!(error instanceof ErrorReply)) return undefined
  const [word, slot, address] = error.message.split(' ')
  if (word === 'MOVED') return { slot: Number(slot), address: address! }
  return word === 'ASK' || word === 'TRYAGAIN' ? 'later' : undefined
}

// Node's errors name the address, which is no secret, but nothing of the URL is to be in what is logged.
function withoutAddress(cause: unknown): Error {
  const { name = 'Error', code } = (cause ?? {}) as { name?: string; code?: unknown }
  return new Error(typeof code === 'string' ? code : name)
}
