import type { JobRef } from '@cgk/jobs-core'
import type { Shards } from '../shards.ts'

/** What of a call is about one shard. */
export interface ShardPart<Item> {
  readonly shard: string
  readonly queue: string
  readonly items: Item[]
  /** Where they are in the call. */
  readonly places: number[]
}

/** The parts of a call, by shard. */
export function partsOf<Item>(
  shards: Shards,
  items: readonly Item[],
  refOf: (item: Item) => Omit<JobRef, 'id'>,
): Map<string, ShardPart<Item>> {
  const parts = new Map<string, ShardPart<Item>>()
  for (const [place, item] of items.entries()) {
    const { queue, tenantId } = refOf(item)
    const shard = shards.of(queue, tenantId)
    let part = parts.get(shard)
    if (part === undefined) {
      part = { shard, queue, items: [], places: [] }
      parts.set(shard, part)
    }
    part.items.push(item)
    part.places.push(place)
  }
  return parts
}
