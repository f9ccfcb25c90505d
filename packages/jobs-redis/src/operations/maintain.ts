import type { CallOptions, LeaseStore } from '@cgk/jobs-core'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { QueueRegistry } from '../queue-registry.ts'

/** Upkeep of all queues, one after the other, until the limit is reached. */
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
  for (const queue of shuffled(await registry.all(options))) {
    const left = limit - reclaimed - pruned
    if (left <= 0) return { reclaimed, pruned, nextInMs: 0 }
    const reply = await caller.call('maintain', [queue], [String(left), ...maxAges], options)
    const [more, deleted, nextAt, now] = reply as readonly [number, number, string, string]
    reclaimed += more
    pruned += deleted
    if (nextAt !== '') nextInMs = Math.min(nextInMs, Math.max(0, Number(nextAt) - Number(now)))
  }
  return { reclaimed, pruned, nextInMs: nextInMs === Infinity ? null : nextInMs }
}

/** No queue is always behind the others. */
function shuffled(queues: readonly string[]): readonly string[] {
  const from = Math.floor(Math.random() * queues.length)
  return [...queues.slice(from), ...queues.slice(0, from)]
}
