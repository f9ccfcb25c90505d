import { expect } from 'vitest'
import type { Retention } from '../../harness.ts'
import { groupOf } from '../model-group.ts'
import { hasEnded, keyOf, type ModelJob } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { holdsWindow } from './unique-keys.ts'

const END_STATES = ['completed', 'failed', 'cancelled'] as const

/** Whether something beside its history needs the job: its key's window, or its group. */
export function isPinned(model: ModelState, job: ModelJob): boolean {
  return holdsWindow(model, job) || groupOf(model, job)?.isClosed === false
}

/** Whether a store may have deleted the job by now. */
function mayBeDeleted(model: ModelState, job: ModelJob): boolean {
  if (!hasEnded(job) || isPinned(model, job)) return false
  if (job.isDiscarded) return true
  const retention = model.history[job.state as (typeof END_STATES)[number]]
  if (retention === undefined) return false
  const newer = model.jobs.filter(
    (other) => other !== job && other.state === job.state && other.endedAt! >= job.endedAt!,
  )
  return isOld(model, job, retention) || newer.length >= retention.maxCount
}

/** History past its retention may go at any time, also in the middle of a call. */
export function learnDeleted(model: ModelState, job: ModelJob | undefined): void {
  if (job !== undefined && mayBeDeleted(model, job)) forget(model, [job])
}

/**
 * Takes note of what a store has deleted.
 *
 * @throws for a job that had to be kept.
 */
export function forget(model: ModelState, deleted: readonly ModelJob[]): void {
  if (deleted.length === 0) return
  for (const job of deleted) {
    if (!mayBeDeleted(model, job)) throw new Error(`job ${keyOf(job.ref)} (${job.state}) is gone`)
  }
  const before = model.jobs
  model.jobs = before.filter((job) => !deleted.includes(job))
  for (const state of END_STATES) {
    const retention = model.history[state]
    if (retention === undefined) continue
    const young = (job: ModelJob) =>
      job.state === state && !job.isDiscarded && !isOld(model, job, retention)
    const kept = model.jobs.filter(young).length
    const owed = Math.min(retention.maxCount, before.filter(young).length)
    expect(kept, `${state} jobs kept`).toBeGreaterThanOrEqual(owed)
  }
}

/** Checks that upkeep which says it is done has deleted what it should. */
export function expectPruned(model: ModelState): void {
  for (const state of END_STATES) {
    const retention = model.history[state]
    if (retention === undefined) continue
    const ended = model.jobs.filter(
      (job) => job.state === state && job.lease === null && !isPinned(model, job),
    )
    const overdue = ended.filter((job) => model.now - job.endedAt! > 2 * retention.maxAgeMs)
    expect(
      overdue.map((job) => job.ref.id),
      `${state} jobs past their age`,
    ).toEqual([])
    const shelves = new Map<string, number>()
    for (const { ref } of ended) {
      const shelf = JSON.stringify([ref.queue, ref.tenantId])
      shelves.set(shelf, (shelves.get(shelf) ?? 0) + 1)
    }
    for (const count of shelves.values()) {
      expect(count, `${state} jobs of one tenant kept`).toBeLessThanOrEqual(retention.maxCount)
    }
  }
}

function isOld(model: ModelState, job: ModelJob, retention: Retention): boolean {
  return model.now - job.endedAt! >= retention.maxAgeMs
}
