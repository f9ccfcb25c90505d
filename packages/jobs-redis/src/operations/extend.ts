import type { CallOptions, Lease, LeaseState } from '@cgk/jobs-core'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { perShard } from './per-shard.ts'

/** Renews leases. */
export function extend(
  caller: FunctionsCaller,
  { leases, leaseMs }: { readonly leases: readonly Lease[]; readonly leaseMs: number },
  options?: CallOptions,
): Promise<readonly LeaseState[]> {
  return perShard(caller.shards, leases, async (shard, ofShard) => {
    const args = ofShard.flatMap(({ tenantId, id, token }) => [tenantText(tenantId), id, token])
    const reply = await caller.call('extend', [shard], [String(leaseMs), ...args], options)
    return reply as readonly LeaseState[]
  })
}
