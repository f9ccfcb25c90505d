import { backlogFull, type NewJob } from '@cgk/jobs-core'
import type { StoreState } from './store-state.ts'

/**
 * Refuses a call for whose jobs a tenant's backlog has no room. Jobs that are there already, or take the
 * place of another, need none.
 *
 * @throws `JOBS_BACKLOG_FULL`
 */
export function checkBacklogs(state: StoreState, inputs: readonly NewJob[], now: number): void {
  const bounded = new Map<
    string,
    { readonly first: NewJob; readonly quota: number; more: number }
  >()
  for (const input of inputs) {
    const quota = state.queues.get(input.queue)?.backlogOf(input.tenantId) ?? Infinity
    if (quota === Infinity || isThere(state, input, now)) continue
    const name = JSON.stringify([input.queue, input.tenantId])
    const tenant = bounded.get(name)
    if (tenant === undefined) bounded.set(name, { first: input, quota, more: 1 })
    else tenant.more++
  }
  for (const { first, quota, more } of bounded.values()) {
    const waiting = state.queues.get(first.queue)?.findLane(first.tenantId)?.waiting ?? 0
    if (waiting + more > quota) throw backlogFull(first, { quota, waiting, more })
  }
}

function isThere(
  state: StoreState,
  { queue, tenantId, jobId, unique }: NewJob,
  now: number,
): boolean {
  if (jobId !== undefined && state.find({ queue, tenantId, id: jobId }) !== undefined) return true
  if (unique === undefined) return false
  const lane = state.queues.get(queue)?.findLane(tenantId)
  const hold = lane?.uniqueHolds?.find(unique.key, now)
  if (hold === undefined) return false
  // One that waits is replaced; one that runs is followed by one more.
  const { holder, successor } = hold
  return unique.ifTaken === 'keep' || successor !== null || holder.standing.state === 'pending'
}
