import type { EndState } from '@cgk/jobs-core'
import type { ModelJob } from '../model-job.ts'
import { noteScheduleEnd } from '../model-schedule.ts'
import type { ModelState } from '../model-state.ts'
import { countEnd } from './groups.ts'
import { isPinned } from './retention.ts'
import { successorOf } from './unique-keys.ts'

/** Ends a job: its key goes on to its successor, its group and its schedule learn of it. */
export function endJob(model: ModelState, job: ModelJob, state: EndState, discard: boolean): void {
  if (job !== successorOf(model, job.input) && successorOf(model, job.input) !== undefined) {
    job.hasLostKey = true
  }
  job.state = state
  job.endedAt = model.now
  job.changedAt = model.now
  job.isDiscarded = discard
  noteScheduleEnd(model, job)
  const wasPinned = isPinned(model, job)
  countEnd(model, job)
  if (discard && !wasPinned) dropJob(model, job)
}

/** Deletes a job at an operator's word. */
export function removeJob(model: ModelState, job: ModelJob): void {
  const waited = job.state === 'pending'
  dropJob(model, job)
  if (waited) countEnd(model, job)
}

function dropJob(model: ModelState, job: ModelJob): void {
  model.jobs.splice(model.jobs.indexOf(job), 1)
}
