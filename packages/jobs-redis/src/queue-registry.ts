import { JobsError, type CallOptions } from '@cgk/jobs-core'
import type { FunctionsCaller } from './functions-caller.ts'
import { queuesKey, shardsKey } from './keys.ts'

/** The names of the queues there are, so that upkeep finds them. */
export class QueueRegistry {
  readonly #caller: FunctionsCaller
  readonly #known = new Set<string>()

  constructor(caller: FunctionsCaller) {
    this.#caller = caller
  }

  /**
   * To be called before anything is stored in a queue, so that upkeep never misses one.
   *
   * @throws `JOBS_INVALID_CONFIG` where jobs of other stores of the prefix are in another number of shards.
   */
  async add(queues: readonly string[], options?: CallOptions): Promise<void> {
    const added = queues.filter((queue) => !this.#known.has(queue))
    if (added.length === 0) return
    await this.#name(added, options)
    for (const queue of added) this.#known.add(queue)
  }

  /** Whether there is nothing to add. */
  has(queue: string): boolean {
    return this.#known.has(queue)
  }

  /** Those that were named here. */
  get known(): readonly string[] {
    return [...this.#known]
  }

  /** All there are. Those known here are named again, lest a server that lost its data miss them. */
  async all(options?: CallOptions): Promise<readonly string[]> {
    if (this.#known.size > 0) await this.#name(this.known, options)
    const reply = await this.#caller.command(['SMEMBERS', queuesKey(this.#caller.prefix)], options)
    return [...(reply as Iterable<string>)]
  }

  async #name(queues: readonly string[], options: CallOptions | undefined): Promise<void> {
    const { prefix, shards } = this.#caller
    await this.#caller.command(['SADD', queuesKey(prefix), ...queues], options)
    const count = String(shards.count)
    const set = ['SET', shardsKey(prefix), count, 'NX', 'GET']
    const before = await this.#caller.command(set, options)
    if (before !== null && before !== count) throw shardsError(prefix, before as string, count)
  }
}

function shardsError(prefix: string, before: string, now: string): JobsError {
  return new JobsError(
    'JOBS_INVALID_CONFIG',
    `the queues of the prefix ${prefix} have ${before} shards, and this store was told ${now}: shards must be the same in all processes, and stays as it was first`,
  )
}
