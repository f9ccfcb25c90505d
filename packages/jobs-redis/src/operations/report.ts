import type { AttemptReport, CallOptions } from '@cgk/jobs-core'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { perQueue } from './per-queue.ts'

/** Stores what running attempts tell. */
export function report(
  caller: FunctionsCaller,
  reports: readonly AttemptReport[],
  options?: CallOptions,
): Promise<readonly boolean[]> {
  const items = reports.map((each) => ({ queue: each.lease.queue, each }))
  return perQueue(items, async (queue, ofQueue) => {
    const args = ofQueue.flatMap(({ each: { lease, progress, log, effects } }) => [
      tenantText(lease.tenantId),
      lease.id,
      lease.token,
      JSON.stringify({ p: progress, l: log, e: effects }),
    ])
    const reply = (await caller.call('report', [queue], args, options)) as readonly number[]
    return reply.map((isCurrent) => isCurrent === 1)
  })
}
