import type { CallOptions, JobCatalog, JobCounts, JobStatus } from '@cgk/jobs-core'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'

/** In the order in which the functions count them. */
export const STATUSES: readonly JobStatus[] = [
  'pending',
  'scheduled',
  'retrying',
  'running',
  'completed',
  'failed',
  'cancelled',
]

/** How many jobs of a queue, or of a tenant in it, have each status. */
export async function counts(
  caller: FunctionsCaller,
  { queue, tenantId }: Parameters<JobCatalog['counts']>[0],
  options?: CallOptions,
): Promise<JobCounts> {
  const ofAll = tenantId === undefined
  const shards = ofAll ? caller.shards.all(queue) : [caller.shards.of(queue, tenantId)]
  const scope = ofAll ? [] : [tenantText(tenantId)]
  const replies = await Promise.all(
    shards.map((shard) => caller.call('counts', [shard], scope, options)),
  )
  const tallies = replies as readonly (readonly number[])[]
  const entries = STATUSES.map((status, index) => [
    status,
    tallies.reduce((sum, tally) => sum + (tally[index] ?? 0), 0),
  ])
  return Object.fromEntries(entries) as Record<JobStatus, number>
}
