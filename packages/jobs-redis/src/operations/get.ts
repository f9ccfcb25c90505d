import type { CallOptions, JobRecord, JobRef } from '@cgk/jobs-core'
import { decodeRecord, type JobReply } from '../decode-record.ts'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { perShard } from './per-shard.ts'

/** The records of jobs, in full. */
export function get(
  caller: FunctionsCaller,
  refs: readonly JobRef[],
  options?: CallOptions,
): Promise<readonly (JobRecord | null)[]> {
  return perShard(caller.shards, refs, async (shard, ofShard, queue) => {
    const args = refArguments(ofShard)
    const reply = await caller.call('get', [shard], args, options)
    const [series, records] = reply as readonly [string, readonly (JobReply | 0)[]]
    return records.map((record) => (record === 0 ? null : decodeRecord({ queue, series }, record)))
  })
}

/** Two arguments for each. */
export function refArguments(refs: readonly Pick<JobRef, 'tenantId' | 'id'>[]): string[] {
  return refs.flatMap(({ tenantId, id }) => [tenantText(tenantId), id])
}
