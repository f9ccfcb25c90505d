import type { CallOptions, Lease, LeaseState } from '@cgk/jobs-core'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { failuresOf, givenUpAfter } from './part-failures.ts'
import { partsOf } from './shard-parts.ts'

/** A part that is not answered in this share of a lease is given up: core waits for a quarter of one. */
const PART_DEADLINE = 1 / 6

/** And after no longer than this. */
const LONGEST_PART_MS = 1_000

/** Renews leases. A server that does not answer costs none of those on the others, whatever the reason. */
export async function extend(
  caller: FunctionsCaller,
  { leases, leaseMs }: { readonly leases: readonly Lease[]; readonly leaseMs: number },
  options?: CallOptions,
): Promise<readonly LeaseState[]> {
  const states = leases.map((): LeaseState => 'unanswered')
  const parts = [...partsOf(caller.shards, leases, (lease) => lease).values()]
  const partMs = Math.min(Math.ceil(leaseMs * PART_DEADLINE), LONGEST_PART_MS)
  const hasOthers = caller.isCluster && parts.length > 1
  const within = hasOthers ? givenUpAfter(partMs, options) : options
  const failures = await failuresOf(
    parts.map(async ({ shard, items, places }) => {
      const args = items.flatMap(({ tenantId, id, token }) => [tenantText(tenantId), id, token])
      const reply = await caller.call('extend', [shard], [String(leaseMs), ...args], within)
      for (const [at, place] of places.entries()) states[place] = (reply as LeaseState[])[at]!
    }),
  )
  if (failures.length > 0 && failures.length === parts.length) throw failures[0]
  return states
}
