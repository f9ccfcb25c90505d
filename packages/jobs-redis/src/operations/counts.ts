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
  const scope = tenantId === undefined ? [] : [tenantText(tenantId)]
  const tally = (await caller.call('counts', [queue], scope, options)) as readonly number[]
  const entries = STATUSES.map((status, index) => [status, tally[index] ?? 0])
  return Object.fromEntries(entries) as Record<JobStatus, number>
}
