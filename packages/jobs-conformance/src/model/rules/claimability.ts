import { hasEnded, mustPrecede, sameLane, type ModelJob } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { isSuccessor } from './unique-keys.ts'

/** `open`: the contract does not say. */
export type Claimability = 'yes' | 'no' | 'open'

/** Whether an ordering key or a concurrency key governs the job. */
export function isKeyed({ input }: ModelJob): boolean {
  return input.orderingKey !== undefined || input.concurrencyKey !== undefined
}

/** Whether the job could be claimed at that instant if nothing but time changed; pauses apart. */
export function claimability(model: ModelState, job: ModelJob, at: number): Claimability {
  if (!isDue(model, job, at)) return 'no'
  if (job.input.orderingKey !== undefined) return byOrderingKey(model, job)
  if (job.input.concurrencyKey === undefined) return 'yes'
  const verdict = byConcurrencyKey(model, job, at)
  // By then the key may have room or another first job; a store may look in vain once, at that time.
  return verdict === 'no' && at > model.now ? 'open' : verdict
}

function isDue(model: ModelState, job: ModelJob, at: number): boolean {
  return job.state === 'pending' && job.runAt <= at && !isSuccessor(model, job)
}

function byOrderingKey(model: ModelState, job: ModelJob): Claimability {
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

function byConcurrencyKey(model: ModelState, job: ModelJob, at: number): Claimability {
  const all = model.jobs.filter(
    (other) =>
      sameLane(other.ref, job.ref) && other.input.concurrencyKey === job.input.concurrencyKey,
  )
  const due = all.filter((other) => isDue(model, other, at))
  const firsts = due.filter((one) => !due.some((other) => mustPrecede(other, one)))
  // Whether suspects, which are claimed by themselves, stand in one line with the others is open.
  const line = due.filter(({ suspect }) => suspect === job.suspect)
  if (line.some((other) => mustPrecede(other, job))) return 'no'
  const most = all.filter(({ lease }) => lease !== null).length
  const least = all.filter(({ lease }) => lease?.isUncertain === false).length
  const limit = job.input.concurrencyLimit!
  if (least >= limit) return 'no'
  return most < limit && firsts.length === 1 && firsts[0] === job ? 'yes' : 'open'
}
