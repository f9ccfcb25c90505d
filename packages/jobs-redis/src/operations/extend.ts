import type { CallOptions, Lease, LeaseState } from '@cgk/jobs-core'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { perQueue } from './per-queue.ts'

/** Renews leases. */
export function extend(
  caller: FunctionsCaller,
  { leases, leaseMs }: { readonly leases: readonly Lease[]; readonly leaseMs: number },
  options?: CallOptions,
): Promise<readonly LeaseState[]> {
  return perQueue(leases, async (queue, ofQueue) => {
    const args = ofQueue.flatMap(({ tenantId, id, token }) => [tenantText(tenantId), id, token])
    const reply = await caller.call('extend', [queue], [String(leaseMs), ...args], options)
    return reply as readonly LeaseState[]
  })
}
