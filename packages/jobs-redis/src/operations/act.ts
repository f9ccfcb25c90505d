import type { ActionResult, CallOptions, JobRef } from '@cgk/jobs-core'
import { decodeRecord, type JobReply } from '../decode-record.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { refArguments } from './get.ts'
import { perQueue } from './per-queue.ts'

type Answer = 0 | readonly ['changed' | 'unchanged' | 'keyTaken', JobReply, string]

/** What operators do with jobs. */
export function act(
  caller: FunctionsCaller,
  action: 'cancel' | 'retry' | 'remove',
  refs: readonly JobRef[],
  options?: CallOptions,
): Promise<readonly ActionResult[]> {
  return perQueue(refs, async (queue, ofQueue) => {
    const reply = await caller.call('act', [queue], [action, ...refArguments(ofQueue)], options)
    const [series, answers] = reply as readonly [string, readonly Answer[]]
    return answers.map((answer): ActionResult => {
      if (answer === 0) return { status: 'notFound' }
      const [status, record, holderId] = answer
      const job = decodeRecord({ queue, series }, record)
      return status === 'keyTaken' ? { status, job, holderId } : { status, job }
    })
  })
}
