import type { GroupLinks, JobRecord, JobRef, NewJob } from '@cgk/jobs-core'
import { IN_ORDER, type ModelJob, type Place } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { giveKey, isSuccessor } from './unique-keys.ts'

/**
 * Adds a job that the store has made.
 *
 * @param ref - `null` where the store has not told its id yet.
 */
export function addJob(
  model: ModelState,
  ref: JobRef | null,
  input: NewJob,
  part: Pick<Place, 'call' | 'part'>,
  { runAt = runAtOf(model, input), group = null }: AddOptions = {},
): ModelJob {
  const place = model.place(part, runAt <= model.now ? IN_ORDER : `call ${part.call} at ${runAt}`)
  const job: ModelJob = {
    ref: ref ?? { queue: input.queue, tenantId: input.tenantId, id: `unnamed ${place.turn}` },
    isUnnamed: ref === null,
    input,
    group,
    createdAt: model.now,
    place,
    seenAt: place.turn,
    burstAt: model.now,
    keyUntil: windowOf(model, input),
    hasLostKey: false,
    isDiscarded: false,
    changedAt: model.now,
    state: 'pending',
    runAt,
    startedAt: null,
    attemptAt: 0,
    endedAt: null,
    attempts: 0,
    releases: 0,
    lostLeases: 0,
    generation: 1,
    result: null,
    error: null,
    progress: null,
    log: [],
    headers: input.headers ?? null,
    worker: null,
    failures: [],
    effects: {},
    suspect: false,
    lease: null,
    settledToken: null,
    settledOutcome: null,
    cancelledToken: null,
    freedToken: null,
    mayCountLostLease: false,
  }
  if (ref !== null && model.indexOf(ref) < 0) model.refs.push(ref)
  giveKey(model, input)
  model.jobs.push(job)
  // A successor is admitted when its key is free.
  if (isSuccessor(model, job)) job.place = model.place(part, model.alone())
  return job
}

interface AddOptions {
  readonly runAt?: number
  readonly group?: GroupLinks | null
}

/** The job of that id, which the store may have made without telling: then it is recognised. */
export function recognise(model: ModelState, record: JobRecord): ModelJob | undefined {
  const known = model.find(record)
  if (known !== undefined) return known
  const job = model.jobs.find(
    ({ isUnnamed, input }) =>
      isUnnamed &&
      input.queue === record.queue &&
      input.tenantId === record.tenantId &&
      input.metadata === record.metadata,
  )
  if (job === undefined) return undefined
  job.ref = { queue: record.queue, tenantId: record.tenantId, id: record.id }
  job.isUnnamed = false
  model.refs.push(job.ref)
  return job
}

/** When a job of this call is to start first. */
export function runAtOf(model: ModelState, { runAt, delayMs }: NewJob): number {
  return runAt ?? model.now + (delayMs ?? 0)
}

function windowOf(model: ModelState, { unique }: NewJob): number | null {
  if (unique?.ifTaken !== 'keep' || unique.windowMs === undefined) return null
  return model.now + unique.windowMs
}
