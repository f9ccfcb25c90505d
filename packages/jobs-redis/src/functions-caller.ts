import type { CallOptions, Random } from '@cgk/jobs-core'
import { ErrorReply } from '@redis/client'
import type { CommandSender, SendOptions } from './connection.ts'
import type { Confirmation } from './durability.ts'
import { isUnknownFunction, replyError } from './errors.ts'
import type { MaxCounts } from './history.ts'
import { hintChannel, queuesKey } from './keys.ts'
import type { Shards } from './shards.ts'
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

/** What functions are called with, whatever they do. */
export interface CallerSettings {
  readonly sender: CommandSender
  readonly prefix: string
  readonly shards: Shards
  readonly random: Random
  readonly maxCounts: MaxCounts
  /** The time instead of the server's own, for tests. */
  readonly now?: (() => number) | undefined
  /** Of all that is written. */
  readonly confirmations?: readonly Confirmation[]
}

/** Calls the functions of the store on the server, and loads them where it has not got them. */
export class FunctionsCaller {
  readonly prefix: string
  readonly shards: Shards
  readonly #settings: CallerSettings
  /** What is said with every call; see `lua/functions.ts`. */
  readonly #said: string

  constructor(settings: CallerSettings) {
    this.prefix = settings.prefix
    this.shards = settings.shards
    this.#settings = settings
    this.#said = [...settings.maxCounts, hintChannel(settings.prefix)].join(' ')
  }

  /** Whether each shard may be on a server of its own. */
  get isCluster(): boolean {
    return this.#settings.sender.isCluster
  }

  /** The shards in parts, each of which a call can be about: all of them, but on a cluster each for itself. */
  partsOf<Item>(shards: readonly Item[]): readonly (readonly Item[])[] {
    return this.isCluster ? shards.map((shard) => [shard]) : [shards]
  }

  /** Calls a function on some shards of queues, one as a rule. */
  async call(
    name: FunctionName,
    shards: readonly string[],
    args: readonly string[],
    { signal, random = this.#settings.random.hex(16), onSent }: FunctionCallOptions = {},
  ): Promise<unknown> {
    const { now, confirmations = [] } = this.#settings
    const command = [
      'FCALL',
      functionNamed(name),
      String(shards.length),
      ...shards,
      now === undefined ? '' : String(now()),
      this.#said,
      random,
      ...args,
    ]
    const key = shards[0]!
    const to = { signal, key, onSent, confirmations: READERS.has(name) ? [] : confirmations }
    for (let loads = 0; ; loads++) {
      try {
        return await this.#settings.sender.send(command, to)
      } catch (error) {
        if (!isUnknownFunction(error) || loads === MOST_LOADS) throw readable(error)
      }
      await this.#load(to)
    }
  }

  /** Sends a command of the server's own, to where the names of the queues are. */
  async command(args: readonly string[], { signal }: CallOptions = {}): Promise<unknown> {
    try {
      return await this.#settings.sender.send(args, { signal, key: queuesKey(this.prefix) })
    } catch (error) {
      throw readable(error)
    }
  }

  async #load({ signal, key }: SendOptions): Promise<void> {
    try {
      await this.#settings.sender.send(['FUNCTION', 'LOAD', LIBRARY], { signal, key })
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
