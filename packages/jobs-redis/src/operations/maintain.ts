import { isJobsError, type CallOptions, type LeaseStore } from '@cgk/jobs-core'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { QueueRegistry } from '../queue-registry.ts'
import { givenUpAfter } from './part-failures.ts'

/** How long a shard may take to answer, where there are others to look after. */
const SHARD_MS = 1_000

/**
 * Upkeep of all shards of all queues, one after the other, until the limit is reached. Where one node of a
 * cluster is down or silent, those of the others are looked after before the call fails.
 */
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
  const { queues, failures } = await queuesOf(caller, registry, options)
  const shards = shuffled(queues.flatMap((queue) => caller.shards.all(queue)))
  const hasOthers = caller.isCluster && shards.length > 1
  for (const shard of shards) {
    const left = limit - reclaimed - pruned
    if (left <= 0) return { reclaimed, pruned, nextInMs: 0 }
    let reply: unknown
    try {
      const within = hasOthers ? givenUpAfter(SHARD_MS, options) : options
      reply = await caller.call('maintain', [shard], [String(left), ...maxAges], within)
    } catch (error) {
      failures.push(error)
      continue
    }
    const [more, deleted, nextAt, now] = reply as readonly [number, number, string, string]
    reclaimed += more
    pruned += deleted
    if (nextAt !== '') nextInMs = Math.min(nextInMs, Math.max(0, Number(nextAt) - Number(now)))
  }
  if (failures.length > 0) throw failures[0]
  return { reclaimed, pruned, nextInMs: nextInMs === Infinity ? null : nextInMs }
}

/** All queues; those known here, where the node of a cluster that knows them all does not answer. */
async function queuesOf(
  caller: FunctionsCaller,
  registry: QueueRegistry,
  options: CallOptions | undefined,
): Promise<{ readonly queues: readonly string[]; readonly failures: unknown[] }> {
  const { known } = registry
  const hasOthers = caller.isCluster && known.length > 0
  try {
    return {
      queues: await registry.all(hasOthers ? givenUpAfter(SHARD_MS, options) : options),
      failures: [],
    }
  } catch (error) {
    if (!hasOthers || !isJobsError(error) || !error.retryable) throw error
    return { queues: known, failures: [error] }
  }
}

/** None is always behind the others. */
function shuffled(shards: readonly string[]): readonly string[] {
  const from = Math.floor(Math.random() * shards.length)
  return [...shards.slice(from), ...shards.slice(0, from)]
}
