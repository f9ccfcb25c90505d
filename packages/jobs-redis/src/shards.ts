import { slotOf, SLOTS } from './key-slot.ts'
import { baseOf } from './keys.ts'

/**
 * Where the jobs of queues are: all of a queue in one slot of a cluster, or spread over as many shards as a
 * store is told, the jobs of a tenant together. What the keys of a shard begin with stands for it.
 */
export class Shards {
  readonly count: number
  readonly #prefix: string
  readonly #known = new Map<string, readonly string[]>()

  readonly #turns = new Map<string, number>()

  constructor(prefix: string, count: number) {
    this.#prefix = prefix
    this.count = count
  }

  /** The shard of a tenant's jobs. */
  of(queue: string, tenantId: string | null): string {
    return this.all(queue)[this.count === 1 ? 0 : hashOf(tenantId ?? '') % this.count]!
  }

  /** All shards of a queue. */
  all(queue: string): readonly string[] {
    let bases = this.#known.get(queue)
    if (bases === undefined) {
      bases = Array.from({ length: this.count }, (_, index) => this.#baseOf(queue, index))
      this.#known.set(queue, bases)
    }
    return bases
  }

  /** The same, each time from another on, so that each comes first in its turn. */
  inTurn(queue: string): readonly string[] {
    const all = this.all(queue)
    if (this.count === 1) return all
    const from = this.#turns.get(queue) ?? Math.floor(Math.random() * this.count)
    this.#turns.set(queue, (from + 1) % this.count)
    return [...all.slice(from), ...all.slice(0, from)]
  }

  /** The first name whose slot is in the shard's part of all slots, so that shards lie on different nodes. */
  #baseOf(queue: string, index: number): string {
    if (this.count === 1) return baseOf(this.#prefix, queue)
    for (let attempt = 0; ; attempt++) {
      const base = baseOf(this.#prefix, queue, `${index}.${attempt}`)
      if (Math.floor((slotOf(base) * this.count) / SLOTS) === index) return base
    }
  }
}

/** FNV-1a, with its bits mixed once more: neighbours are to be in different shards. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
