import type { CallOptions, Random } from '@cgk/jobs-core'
import { ErrorReply } from '@redis/client'
import type { CommandSender, SendOptions } from './connection.ts'
import type { Confirmation } from './durability.ts'
import { isUnknownFunction, replyError } from './errors.ts'
import type { MaxCounts } from './history.ts'
import { baseOf, hintChannel, queuesKey } from './keys.ts'
import { functionNamed, LIBRARY, type FunctionName } from './library.ts'

/** What a call may say beside its arguments. */
export interface FunctionCallOptions extends CallOptions {
  /** 16 random digits; made where none are given. */
  readonly random?: string
  /** Told once the call may have reached the server. */
  readonly onSent?: () => void
}

/** A queue that moves to another server meanwhile is called there, and the functions may be missing again. */
const MOST_LOADS = 3

/** Those that write nothing anybody would miss. */
const READERS: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'mayEnqueue',
  'get',
  'list',
  'counts',
  'tenants',
  'getLimits',
  'listLimits',
  'isPaused',
  'getGroups',
  'getSchedules',
  'listSchedules',
  'dueSchedules',
])

/** Calls the functions of the store on the server, and loads them where it has not got them. */
export class FunctionsCaller {
  readonly prefix: string
  readonly #sender: CommandSender
  readonly #random: Random
  readonly #maxCounts: MaxCounts
  readonly #now: (() => number) | undefined
  readonly #confirmations: readonly Confirmation[]

  /**
   * @param now - the time instead of the server's own, for tests.
   * @param confirmations - of all that is written.
   */
  constructor(
    sender: CommandSender,
    prefix: string,
    random: Random,
    maxCounts: MaxCounts,
    now: (() => number) | undefined,
    confirmations: readonly Confirmation[] = [],
  ) {
    this.prefix = prefix
    this.#sender = sender
    this.#random = random
    this.#maxCounts = maxCounts
    this.#now = now
    this.#confirmations = confirmations
  }

  /** The queues in parts, each of which a call can be about: all of them, but on a cluster each for itself. */
  partsOf<Item>(queues: readonly Item[]): readonly (readonly Item[])[] {
    return this.#sender.isCluster ? queues.map((queue) => [queue]) : [queues]
  }

  /** Calls a function on some queues, one as a rule. */
  async call(
    name: FunctionName,
    queues: readonly string[],
    args: readonly string[],
    { signal, random = this.#random.hex(16), onSent }: FunctionCallOptions = {},
  ): Promise<unknown> {
    const keys = queues.map((queue) => baseOf(this.prefix, queue))
    const command = [
      'FCALL',
      functionNamed(name),
      String(keys.length),
      ...keys,
      this.#now === undefined ? '' : String(this.#now()),
      hintChannel(this.prefix),
      random,
      ...this.#maxCounts,
      ...args,
    ]
    const confirmations = READERS.has(name) ? [] : this.#confirmations
    const to = { signal, key: keys[0]!, onSent, confirmations }
    for (let loads = 0; ; loads++) {
      try {
        return await this.#sender.send(command, to)
      } catch (error) {
        if (!isUnknownFunction(error) || loads === MOST_LOADS) throw readable(error)
      }
      await this.#load(to)
    }
  }

  /** Sends a command of the server's own, to where the names of the queues are. */
  async command(args: readonly string[], { signal }: CallOptions = {}): Promise<unknown> {
    try {
      return await this.#sender.send(args, { signal, key: queuesKey(this.prefix) })
    } catch (error) {
      throw readable(error)
    }
  }

  async #load({ signal, key }: SendOptions): Promise<void> {
    try {
      await this.#sender.send(['FUNCTION', 'LOAD', LIBRARY], { signal, key })
    } catch (error) {
      // Somebody else was faster.
      if (error instanceof ErrorReply && /already exists/.test(error.message)) return
      throw readable(error)
    }
  }
}

function readable(error: unknown): unknown {
  return error instanceof ErrorReply ? replyError(error) : error
}
