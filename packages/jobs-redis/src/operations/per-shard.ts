import type { Shards } from '../shards.ts'
import { partsOf } from './shard-parts.ts'

/** Answers for each item, in their order, with a call for each shard of each queue that they are of. */
export async function perShard<
  Item extends { readonly queue: string; readonly tenantId: string | null },
  Answer,
>(
  shards: Shards,
  items: readonly Item[],
  call: (shard: string, items: readonly Item[], queue: string) => Promise<readonly Answer[]>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  await Promise.all(
    [...partsOf(shards, items, (item) => item).values()].map(async (part) => {
      const found = await call(part.shard, part.items, part.queue)
      for (const [at, place] of part.places.entries()) answers[place] = found[at]!
    }),
  )
  return answers
}
