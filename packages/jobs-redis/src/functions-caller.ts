import type { CallOptions, Random } from '@cgk/jobs-core'
import { ErrorReply } from '@redis/client'
import type { Connection } from './connection.ts'
import { isUnknownFunction, replyError } from './errors.ts'
import type { MaxCounts } from './history.ts'
import { baseOf, hintChannel } from './keys.ts'
import { functionNamed, LIBRARY, type FunctionName } from './library.ts'

/** What a call may say beside its arguments. */
export interface FunctionCallOptions extends CallOptions {
  /** 16 random digits; made where none are given. */
  readonly random?: string
  /** Told once the call may have reached the server. */
  readonly onSent?: () => void
}

/** Calls the functions of the store on the server, and loads them where it has not got them. */
export class FunctionsCaller {
  readonly prefix: string
  readonly #connection: Connection
  readonly #random: Random
  readonly #maxCounts: MaxCounts
  readonly #now: (() => number) | undefined

  /** @param now - the time instead of the server's own, for tests. */
  constructor(
    connection: Connection,
    prefix: string,
    random: Random,
    maxCounts: MaxCounts,
    now: (() => number) | undefined,
  ) {
    this.prefix = prefix
    this.#connection = connection
    this.#random = random
    this.#maxCounts = maxCounts
    this.#now = now
  }

  /** Calls a function on some queues, one as a rule. */
  async call(
    name: FunctionName,
    queues: readonly string[],
    args: readonly string[],
    { signal, random = this.#random.hex(16), onSent }: FunctionCallOptions = {},
  ): Promise<unknown> {
    const command = [
      'FCALL',
      functionNamed(name),
      String(queues.length),
      ...queues.map((queue) => baseOf(this.prefix, queue)),
      this.#now === undefined ? '' : String(this.#now()),
      hintChannel(this.prefix),
      random,
      ...this.#maxCounts,
      ...args,
    ]
    try {
      return await this.#connection.send(command, signal, onSent)
    } catch (error) {
      if (!isUnknownFunction(error)) throw error instanceof ErrorReply ? replyError(error) : error
    }
    try {
      await this.#load(signal)
      return await this.#connection.send(command, signal, onSent)
    } catch (error) {
      throw error instanceof ErrorReply ? replyError(error) : error
    }
  }

  /** Sends a command of the server's own. */
  async command(args: readonly string[], { signal }: CallOptions = {}): Promise<unknown> {
    try {
      return await this.#connection.send(args, signal)
    } catch (error) {
      throw error instanceof ErrorReply ? replyError(error) : error
    }
  }

  async #load(signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#connection.send(['FUNCTION', 'LOAD', LIBRARY], signal)
    } catch (error) {
      // Somebody else was faster.
      if (error instanceof ErrorReply && /already exists/.test(error.message)) return
      throw error
    }
  }
}
