import type { JobRecord } from '@cgk/jobs-core'
import { expect } from 'vitest'
import type { ModelJob } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { compareJobs } from './catalogue.ts'
import { free, noteFailure } from './leases.ts'
import { expectPruned } from './retention.ts'

/** Checks a round of upkeep; `records` are the jobs of {@link ModelState.refs} read after it. */
export function maintain(
  model: ModelState,
  limit: number,
  done: { readonly reclaimed: number; readonly pruned: number; readonly nextInMs: number | null },
  records: readonly (JobRecord | null)[],
): void {
  const before = model.jobs.length
  let reclaimed = 0
  let freed = 0
  for (const job of model.jobs.filter((each) => isExpired(model, each))) {
    const shown = records[model.indexOf(job.ref)] ?? null
    if (job.state === 'cancelled') {
      freed += 1
      job.lease!.isUncertain = true
      continue
    }
    if (shown === null || shown.state === 'running') continue
    reclaimed += 1
    noteFailure(model, job, null)
    job.state = 'pending'
    job.changedAt = model.now
    job.attempts -= 1
    job.lostLeases += 1
    job.suspect = true
    job.lease = null
  }
  expect(done.reclaimed, 'leases taken back').toBeGreaterThanOrEqual(reclaimed)
  expect(done.reclaimed, 'leases taken back').toBeLessThanOrEqual(reclaimed + freed)
  expect(done.reclaimed, 'leases taken back in one round').toBeLessThanOrEqual(limit)
  expect(done.pruned, 'jobs deleted in one round').toBeLessThanOrEqual(limit)

  compareJobs(model, records)
  const gone = before - model.jobs.length
  expect(done.pruned, 'jobs deleted').toBeLessThanOrEqual(gone)
  // A cancelled job that a round frees may push another out of a full history, uncounted.
  expect(done.pruned, 'jobs deleted').toBeGreaterThanOrEqual(gone - freed)
  if (done.reclaimed + done.pruned < limit) expectNothingLeftToDo(model, done.nextInMs)
  else if (model.jobs.some((job) => isExpired(model, job) && job.state === 'running')) {
    expect(done.nextInMs, 'more is to be done now').toBe(0)
  }
}

function expectNothingLeftToDo(model: ModelState, nextInMs: number | null): void {
  for (const job of model.jobs) {
    if (!isExpired(model, job)) continue
    expect(job.state, `the expired lease of ${job.ref.id} was not taken back`).toBe('cancelled')
    free(job)
  }
  const leases = model.jobs.flatMap((job) => job.lease ?? [])
  if (leases.length > 0) {
    const first = Math.min(...leases.map((lease) => lease.expiresAt)) - model.now
    expect(nextInMs, 'nextInMs, while leases run').not.toBeNull()
    expect(nextInMs, 'nextInMs').toBeLessThanOrEqual(first + 1)
  }
  expectPruned(model)
}

function isExpired(model: ModelState, { lease }: ModelJob): boolean {
  return lease !== null && lease.expiresAt <= model.now
}
