import type { Shards } from '../shards.ts'

/** Answers for each item, in their order, with a call for each shard of each queue that they are of. */
export async function perShard<
  Item extends { readonly queue: string; readonly tenantId: string | null },
  Answer,
>(
  shards: Shards,
  items: readonly Item[],
  call: (shard: string, items: readonly Item[], queue: string) => Promise<readonly Answer[]>,
): Promise<readonly Answer[]> {
  const places = new Map<string, number[]>()
  for (const [place, { queue, tenantId }] of items.entries()) {
    const shard = shards.of(queue, tenantId)
    const known = places.get(shard)
    if (known === undefined) places.set(shard, [place])
    else known.push(place)
  }
  const answers: Answer[] = []
  await Promise.all(
    [...places].map(async ([shard, ofShard]) => {
      const found = await call(
        shard,
        ofShard.map((place) => items[place]!),
        items[ofShard[0]!]!.queue,
      )
      for (const [at, place] of ofShard.entries()) answers[place] = found[at]!
    }),
  )
  return answers
}
