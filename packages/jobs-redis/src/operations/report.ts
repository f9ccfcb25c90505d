import type { AttemptReport, CallOptions } from '@cgk/jobs-core'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { perShard } from './per-shard.ts'

/** Stores what running attempts tell. */
export function report(
  caller: FunctionsCaller,
  reports: readonly AttemptReport[],
  options?: CallOptions,
): Promise<readonly boolean[]> {
  const items = reports.map((each) => ({
    queue: each.lease.queue,
    tenantId: each.lease.tenantId,
    each,
  }))
  return perShard(caller.shards, items, async (shard, ofShard) => {
    const args = ofShard.flatMap(({ each: { lease, progress, log, effects } }) => [
      tenantText(lease.tenantId),
      lease.id,
      lease.token,
      JSON.stringify({ p: progress, l: log, e: effects }),
    ])
    const reply = (await caller.call('report', [shard], args, options)) as readonly number[]
    return reply.map((isCurrent) => isCurrent === 1)
  })
}
