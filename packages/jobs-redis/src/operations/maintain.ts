import type { CallOptions, LeaseStore } from '@cgk/jobs-core'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { QueueRegistry } from '../queue-registry.ts'

/** Upkeep of all shards of all queues, one after the other, until the limit is reached. */
export async function maintain(
  caller: FunctionsCaller,
  registry: QueueRegistry,
  maxAges: readonly string[],
  { limit }: { readonly limit: number },
  options?: CallOptions,
): ReturnType<LeaseStore['maintain']> {
  let reclaimed = 0
  let pruned = 0
  let nextInMs = Infinity
  let failure: unknown
  const queues = await registry.all(options)
  for (const shard of shuffled(queues.flatMap((queue) => caller.shards.all(queue)))) {
    const left = limit - reclaimed - pruned
    if (left <= 0) return { reclaimed, pruned, nextInMs: 0 }
    let reply: unknown
    try {
      reply = await caller.call('maintain', [shard], [String(left), ...maxAges], options)
    } catch (error) {
      // Where one node of a cluster is down, those of the others are looked after.
      failure ??= error
      continue
    }
    const [more, deleted, nextAt, now] = reply as readonly [number, number, string, string]
    reclaimed += more
    pruned += deleted
    if (nextAt !== '') nextInMs = Math.min(nextInMs, Math.max(0, Number(nextAt) - Number(now)))
  }
  if (failure !== undefined) throw failure
  return { reclaimed, pruned, nextInMs: nextInMs === Infinity ? null : nextInMs }
}

/** None is always behind the others. */
function shuffled(shards: readonly string[]): readonly string[] {
  const from = Math.floor(Math.random() * shards.length)
  return [...shards.slice(from), ...shards.slice(0, from)]
}
