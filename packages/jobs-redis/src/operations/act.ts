import type { ActionResult, CallOptions, JobRef } from '@cgk/jobs-core'
import { decodeRecord, type JobReply } from '../decode-record.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { refArguments } from './get.ts'
import { perShard } from './per-shard.ts'

type Answer = 0 | readonly ['changed' | 'unchanged' | 'keyTaken', JobReply, string]

/** What operators do with jobs. */
export function act(
  caller: FunctionsCaller,
  action: 'cancel' | 'retry' | 'remove',
  refs: readonly JobRef[],
  options?: CallOptions,
): Promise<readonly ActionResult[]> {
  return perShard(caller.shards, refs, async (shard, ofShard, queue) => {
    const reply = await caller.call('act', [shard], [action, ...refArguments(ofShard)], options)
    const [series, answers] = reply as readonly [string, readonly Answer[]]
    return answers.map((answer): ActionResult => {
      if (answer === 0) return { status: 'notFound' }
      const [status, record, holderId] = answer
      const job = decodeRecord({ queue, series }, record)
      return status === 'keyTaken' ? { status, job, holderId } : { status, job }
    })
  })
}
