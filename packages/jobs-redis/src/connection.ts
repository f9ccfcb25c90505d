import { isJobsError } from '@cgk/jobs-core'
import { ErrorReply } from '@redis/client'
import type { Confirmation } from './durability.ts'
import {
  closedError,
  confirmationError,
  connectionError,
  isDemoted,
  notReachedError,
  replyError,
  timeoutError,
  unconfirmedError,
} from './errors.ts'
import type { OpenClient, RedisClient } from './open-client.ts'

/** What may be said of a command that is sent. */
export interface SendOptions {
  readonly signal?: AbortSignal | undefined
  /** What decides which server it is for, where there are several. */
  readonly key: string
  /** Told once the command may have reached the server. */
  readonly onSent?: (() => void) | undefined
  /** What is asked right behind it, on its connection. */
  readonly confirmations?: readonly Confirmation[]
}

/** Sends commands to where they belong. It repeats none that may have been run. */
export interface CommandSender {
  /** Whether the keys of a command must be of one queue, for others may be on another server. */
  readonly isCluster: boolean
  /**
   * Sends one command.
   *
   * @throws `JOBS_STORE_TIMEOUT`, `JOBS_STORE_UNAVAILABLE`, `JOBS_STORE_UNCONFIRMED`, `JOBS_STORE_CLOSED`; the
   * server's own {@link ErrorReply} as it is.
   */
  send(args: readonly string[], options: SendOptions): Promise<unknown>
  /** What is still owed fails. */
  close(): void
}

/** How long a server may be silent while it owes an answer, before its connection is given up. */
const SILENCE_MS = 10_000

/** One client in use, and what it owes. */
interface Session {
  readonly client: RedisClient
  /** How many answers are awaited. */
  owed: number
  /** How many answers came. */
  answers: number
  /** Goes off when the server has been silent for too long; it is set anew and never taken back, which is cheaper. */
  readonly alarm: NodeJS.Timeout
}

/**
 * The connection of a store to a server: made at the first call, shared by all, and made anew by the call
 * that follows its loss. It repeats nothing, for whether a write took effect its caller must decide.
 *
 * An idle connection does not hold the process.
 */
export class Connection implements CommandSender {
  readonly isCluster = false
  readonly #open: OpenClient
  readonly #closing = new AbortController()
  #session: Session | undefined
  #opening: Promise<Session> | undefined

  constructor(open: OpenClient) {
    this.#open = open
  }

  async send(
    args: readonly string[],
    { signal, onSent, confirmations = [] }: Omit<SendOptions, 'key'>,
  ): Promise<unknown> {
    if (this.#isClosed) throw closedError()
    if (signal?.aborted === true) throw timeoutError(signal)
    const session = this.#session ?? (await untilAborted(this.#connect(), signal))
    if (this.#isClosed) throw closedError()
    onSent?.()
    const before = session.answers
    try {
      return await untilAborted(this.#ask(session, args, confirmations), signal)
    } catch (error) {
      if (error instanceof ErrorReply) {
        if (isDemoted(error)) this.#drop(session)
        throw error
      }
      // What does not answer us answers nobody: who shares the connection is to wait no longer than we.
      if (isJobsError(error, 'JOBS_STORE_TIMEOUT') && session.answers === before) {
        this.#drop(session)
      }
      throw this.#isClosed ? closedError() : error
    }
  }

  close(): void {
    this.#closing.abort()
    if (this.#session !== undefined) this.#drop(this.#session)
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #connect(): Promise<Session> {
    this.#opening ??= this.#openSession().finally(() => (this.#opening = undefined))
    return this.#opening
  }

  async #openSession(): Promise<Session> {
    try {
      const client = await this.#open((lost) => this.#forget(lost), this.#closing.signal)
      if (this.#isClosed) client.destroy()
      else client.unref()
      const alarm = setTimeout(() => {
        if (session.owed > 0) this.#drop(session)
      }, SILENCE_MS).unref()
      const session: Session = { client, owed: 0, answers: 0, alarm }
      this.#session = session
      return session
    } catch (error) {
      if (this.#isClosed) throw closedError()
      if (isJobsError(error)) throw error
      throw error instanceof ErrorReply ? replyError(error) : notReachedError(error)
    }
  }

  async #ask(
    session: Session,
    args: readonly string[],
    confirmations: readonly Confirmation[],
  ): Promise<unknown> {
    const { client } = session
    if (session.owed++ === 0) {
      client.ref()
      session.alarm.refresh()
    }
    try {
      const answer = client.sendCommand(args as string[])
      const confirmed = confirmations.length > 0 && confirm(client, confirmations)
      const reply = await answer
      session.answers++
      if (session.owed > 1) session.alarm.refresh()
      if (confirmed !== false) await confirmed
      return reply
    } catch (error) {
      if (error instanceof ErrorReply) {
        session.answers++
        throw error
      }
      // What replicas have left may not be the master any more.
      this.#drop(session)
      throw isJobsError(error) ? error : connectionError(error)
    } finally {
      if (--session.owed === 0 && client.isOpen) client.unref()
    }
  }

  /** Gives a connection up: what it owes fails, and the next call makes another. */
  #drop({ client, alarm }: Session): void {
    clearTimeout(alarm)
    this.#forget(client)
    client.destroy()
  }

  #forget(client: RedisClient): void {
    if (this.#session?.client === client) this.#session = undefined
  }
}

/** Refuses unless all confirm what was sent before. */
function confirm(client: RedisClient, confirmations: readonly Confirmation[]): Promise<unknown> {
  const asked = confirmations.map(async ({ args, isEnough }) => {
    const reply = await client.sendCommand(args as string[]).catch((error: unknown) => {
      throw confirmationError(error)
    })
    if (!isEnough(reply)) throw unconfirmedError(undefined)
  })
  const all = Promise.all(asked)
  all.catch(() => {}) // The command itself may fail before anybody waits for this.
  return all
}

/** The promise, or a refusal as soon as the signal aborts. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(timeoutError(signal))
    signal.addEventListener('abort', abort)
    promise.then(
      (value) => {
        signal.removeEventListener('abort', abort)
        resolve(value)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort)
        reject(error as Error)
      },
    )
  })
}
