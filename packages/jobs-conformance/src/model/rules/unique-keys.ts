import type { NewJob } from '@cgk/jobs-core'
import { hasEnded, sameLane, type ModelJob } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'

/** The jobs that have, or had when they ended, the unique key of this one. */
function jobsOfKey(model: ModelState, input: NewJob): ModelJob[] {
  return model.jobs.filter(
    (job) =>
      input.unique !== undefined &&
      job.input.unique?.key === input.unique.key &&
      sameLane(job.ref, input) &&
      !job.hasLostKey,
  )
}

/** The live jobs of the key: who had it first, and, perhaps, who succeeds. */
function liveOfKey(model: ModelState, input: NewJob): ModelJob[] {
  return jobsOfKey(model, input)
    .filter((job) => !hasEnded(job))
    .sort((a, b) => a.seenAt - b.seenAt)
}

/** Whether a job that has ended still holds its key. */
export function holdsWindow(model: ModelState, job: ModelJob): boolean {
  return hasEnded(job) && !job.hasLostKey && job.keyUntil !== null && model.now < job.keyUntil
}

/** The job that holds the key named by this one. */
export function holderOf(model: ModelState, input: NewJob): ModelJob | undefined {
  const [first, successor] = liveOfKey(model, input)
  if (first === undefined) return jobsOfKey(model, input).find((job) => holdsWindow(model, job))
  // A window frees the key though its holder has not ended, unless another waits for that end.
  const isOver = first.keyUntil !== null && model.now >= first.keyUntil
  return isOver && successor === undefined ? undefined : first
}

/** The job that takes the key when its holder ends. */
export function successorOf(model: ModelState, input: NewJob): ModelJob | undefined {
  return liveOfKey(model, input)[1]
}

/** Whether the job waits for its key. */
export function isSuccessor(model: ModelState, job: ModelJob): boolean {
  return job.input.unique !== undefined && successorOf(model, job.input) === job
}

/** The key is about to go to a new job, which may wait for the end of a live holder. */
export function giveKey(model: ModelState, input: NewJob): void {
  const holder = holderOf(model, input)
  for (const job of jobsOfKey(model, input)) {
    if (job !== holder || hasEnded(job)) job.hasLostKey = true
  }
}
