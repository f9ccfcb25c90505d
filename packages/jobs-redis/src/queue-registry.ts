import type { CallOptions } from '@cgk/jobs-core'
import type { FunctionsCaller } from './functions-caller.ts'
import { queuesKey } from './keys.ts'

/** The names of the queues there are, so that upkeep finds them. */
export class QueueRegistry {
  readonly #caller: FunctionsCaller
  readonly #known = new Set<string>()

  constructor(caller: FunctionsCaller) {
    this.#caller = caller
  }

  /** To be called before anything is stored in a queue, so that upkeep never misses one. */
  async add(queues: readonly string[], options?: CallOptions): Promise<void> {
    const added = queues.filter((queue) => !this.#known.has(queue))
    if (added.length === 0) return
    await this.#caller.command(['SADD', queuesKey(this.#caller.prefix), ...added], options)
    for (const queue of added) this.#known.add(queue)
  }

  /** All there are. Those known here are named again, lest a server that lost its data miss them. */
  async all(options?: CallOptions): Promise<readonly string[]> {
    const known = [...this.#known]
    this.#known.clear()
    await this.add(known, options)
    const reply = await this.#caller.command(['SMEMBERS', queuesKey(this.#caller.prefix)], options)
    return [...(reply as Iterable<string>)]
  }
}
