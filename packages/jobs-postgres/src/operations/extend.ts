import type { CallOptions, Lease, LeaseState } from '@cgk/jobs-core'
import { batchLeases, leaseColumns } from '../lease-batch.ts'
import type { StoreContext } from '../store-context.ts'

/** By what SQL answers. */
const STATES: readonly LeaseState[] = ['lost', 'held', 'paused', 'cancelled']

/** See `LeaseStore.extend`. */
export async function extend(
  { db, schema }: StoreContext,
  { leases, leaseMs }: { readonly leases: readonly Lease[]; readonly leaseMs: number },
  options?: CallOptions,
): Promise<readonly LeaseState[]> {
  const states = leases.map((): LeaseState => 'lost')
  const batches = batchLeases(leases, (lease) => lease)
  if (batches.length === 0) return states
  const answers = await db.control.pipeline(
    batches.map(({ queue, claims, entries }) => ({
      text: `select ${schema}.extend($1, $2, $3, $4, $5, $6, $7, $8, $9) as states`,
      params: [queue, leaseMs, claims, ...leaseColumns(entries)],
    })),
    options,
  )
  for (const [index, { entries }] of batches.entries()) {
    const [row] = answers[index] as readonly [{ readonly states: readonly number[] }]
    for (const [at, { place }] of entries.entries()) {
      states[place - 1] = STATES[row.states[at]!]!
    }
  }
  return states
}
