import { hasEnded, mustPrecede, sameLane, type ModelJob } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { isPaused } from './limits.ts'
import { roomFor, worst, type Verdict } from './room.ts'
import { isSuccessor } from './unique-keys.ts'

/** Whether the job could be claimed at that instant if nothing but time changed; pauses apart. */
export function claimability(model: ModelState, job: ModelJob, at: number): Verdict {
  if (!isDue(model, job, at)) return 'no'
  return worst(keysLet(model, job, at), roomFor(model, job, at))
}

export function isDue(model: ModelState, job: ModelJob, at: number): boolean {
  return job.state === 'pending' && job.runAt <= at && !isSuccessor(model, job)
}

/** Whether the job's ordering or concurrency key would let it start. */
export function keysLet(model: ModelState, job: ModelJob, at: number): Verdict {
  if (job.input.orderingKey !== undefined) return byOrderingKey(model, job)
  if (job.input.concurrencyKey === undefined) return 'yes'
  const verdict = byConcurrencyKey(model, job, at)
  // By then the key may have room or another first job; a store may look in vain once, at that time.
  return verdict === 'no' && at > model.now ? 'open' : verdict
}

function byOrderingKey(model: ModelState, job: ModelJob): Verdict {
  const others = model.jobs.filter(
    (other) =>
      other !== job &&
      sameLane(other.ref, job.ref) &&
      other.input.orderingKey === job.input.orderingKey,
  )
  if (others.some((other) => !hasEnded(other) && other.seenAt < job.seenAt)) return 'no'
  const held = others.filter((other) => other.lease !== null)
  if (held.some((other) => other.lease?.isUncertain === false)) return 'no'
  return held.length > 0 ? 'open' : 'yes'
}

function byConcurrencyKey(model: ModelState, job: ModelJob, at: number): Verdict {
  const all = model.jobs.filter(
    (other) =>
      sameLane(other.ref, job.ref) && other.input.concurrencyKey === job.input.concurrencyKey,
  )
  const due = all.filter((other) => isDue(model, other, at))
  const isKeptBack = (other: ModelJob) =>
    isPaused(model, other) || roomFor(model, other, at) === 'no'
  // Whether suspects, which are claimed by themselves, stand in one line with the others is open.
  const line = due.filter(({ suspect }) => suspect === job.suspect)
  const before = line.filter((other) => mustPrecede(other, job))
  const most = all.filter(({ lease }) => lease !== null).length
  const least = all.filter(({ lease }) => lease?.isUncertain === false).length
  const limit = job.input.concurrencyLimit!
  const hasRoom = (other: ModelJob) =>
    !isPaused(model, other) && roomFor(model, other, at) === 'yes'
  // Its own limit keeps it back; whose does, where a limiter may keep back one before it, is open.
  const isOverruled = (other: ModelJob) =>
    most >= other.input.concurrencyLimit! &&
    line.some((first) => mustPrecede(first, other) && !hasRoom(first))
  const mayStart = (other: ModelJob) => hasRoom(other) && !isOverruled(other)
  if (before.some(mayStart)) return 'no'
  // Where a limiter keeps the next of the key back, whose limit decides is open.
  const rivals = due.filter((other) => other !== job && !mustPrecede(job, other))
  const isNext = rivals.every(
    (other) =>
      other.suspect === job.suspect && other.input.concurrencyLimit === limit && isKeptBack(other),
  )
  if (least >= limit && (before.length === 0 || isNext)) return 'no'
  return isNext && most < limit ? 'yes' : 'open'
}
