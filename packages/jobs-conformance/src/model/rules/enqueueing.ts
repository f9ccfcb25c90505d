import { JobsError, type EnqueueResult, type FollowUpConflict, type NewJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { compareRecord } from '../compare-record.ts'
import { hasEnded, IN_ORDER, sameLane, type ModelJob, type Place } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { addJob, runAtOf } from './adding.ts'
import { expectFull, expectWithinQuota } from './backlogs.ts'
import { learnDeleted } from './retention.ts'
import { holderOf, successorOf } from './unique-keys.ts'

/** What became of a job by the model's account; `job` is the one that stands for it afterwards. */
interface Enqueued {
  readonly status: EnqueueResult['status']
  readonly job: ModelJob
}

/** Checks a call of `enqueue`, be it answered or refused. */
export function enqueue(
  model: ModelState,
  inputs: readonly NewJob[],
  answer: readonly EnqueueResult[] | JobsError,
): void {
  if (answer instanceof JobsError && answer.code === 'JOBS_BACKLOG_FULL') {
    expectFull(
      model,
      inputs.filter((input) => !isSurelyThere(model, input)),
    )
    return
  }
  if (answer instanceof JobsError) {
    expect(answer.code, 'the refusal of an enqueue').toBe('JOBS_ID_CONFLICT')
    expect(conflictOf(model, inputs), 'the conflict refused').not.toBeNull()
    return
  }
  // History past its retention may have gone just before the call, and its id with it.
  const conflict = conflictOf(model, inputs)
  if (conflict !== null) learnDeleted(model, findTaken(model, inputs[conflict.index]!))
  expect(conflictOf(model, inputs), 'a conflict that was not refused').toBeNull()
  enqueueEach(model, inputs, answer)
  expectWithinQuota(
    model,
    inputs.filter((_, index) => answer[index]?.status === 'enqueued'),
  )
}

/** Enqueues jobs that are in no conflict, and compares the answer to each. */
export function enqueueEach(
  model: ModelState,
  inputs: readonly NewJob[],
  results: readonly EnqueueResult[],
): void {
  expect(results.length, 'one answer for each job').toBe(inputs.length)
  const part = { call: model.nextCall(), part: 0 }
  for (const [index, input] of inputs.entries()) {
    const result = results[index]!
    if (result.status === 'enqueued') {
      learnDeleted(model, findTaken(model, input))
      const ref = { queue: input.queue, tenantId: input.tenantId, id: result.id }
      expect(model.find(ref), 'an id that is not taken').toBeUndefined()
    }
    const id = result.status === 'enqueued' ? result.id : null
    const { status, job } = enqueueOne(model, input, id, part)
    expect(result.status, `enqueue of job ${index}`).toBe(status)
    if (result.status !== 'enqueued') {
      compareRecord(result.job, job, model.now, `the ${status} job`, 'other')
      continue
    }
    expect(result.createdAt, 'createdAt').toBe(model.now)
    expect(result.runAt, 'runAt').toBe(job.runAt)
  }
}

/** @param id - `null` where the store has not told it. */
export function enqueueOne(
  model: ModelState,
  input: NewJob,
  id: string | null,
  part: Pick<Place, 'call' | 'part'>,
): Enqueued {
  const { queue, tenantId, unique } = input
  const taken = findTaken(model, input)
  if (taken !== undefined) return { status: 'existing', job: taken }
  const ref = id === null ? null : { queue, tenantId, id }
  const holder = holderOf(model, input)
  if (
    unique === undefined ||
    holder === undefined ||
    (isOver(holder) && unique.ifTaken !== 'keep')
  ) {
    return {
      status: 'enqueued',
      job: addJob(model, ref, input, part, { runAt: startOf(model, input, model.now) }),
    }
  }
  if (unique.ifTaken === 'keep') return { status: 'existing', job: holder }
  // Where one follows the holder, the newest follows it, even while the holder waits again.
  const waiting = successorOf(model, input) ?? (holder.state === 'pending' ? holder : undefined)
  if (waiting === undefined) {
    return {
      status: 'enqueued',
      job: addJob(model, ref, input, part, { runAt: startOf(model, input, model.now) }),
    }
  }
  replace(model, waiting, input, part)
  return { status: 'replaced', job: waiting }
}

/** The first job whose id belongs to another, be it stored or earlier in the call. */
export function conflictOf(
  model: ModelState,
  inputs: readonly NewJob[],
): Omit<FollowUpConflict, 'status'> | null {
  for (const [index, input] of inputs.entries()) {
    const { jobId } = input
    if (jobId === undefined) continue
    const holder =
      findTaken(model, input)?.input ??
      inputs.slice(0, index).find((other) => other.jobId === jobId && sameLane(other, input))
    if (holder === undefined) continue
    if (holder.name !== input.name || holder.payload !== input.payload) {
      return { index, holderName: holder.name }
    }
  }
  return null
}

function findTaken(model: ModelState, { queue, tenantId, jobId }: NewJob): ModelJob | undefined {
  return jobId === undefined ? undefined : model.find({ queue, tenantId, id: jobId })
}

/** A waiting job becomes another, under the id and in the place it has. */
function replace(
  model: ModelState,
  job: ModelJob,
  input: NewJob,
  part: Pick<Place, 'call' | 'part'>,
): void {
  const wasReady = job.runAt <= model.now && !job.suspect
  job.burstAt ??= model.now
  job.runAt = startOf(model, input, job.burstAt)
  const staysInOrder = wasReady && job.runAt <= model.now && job.place.cohort === IN_ORDER
  if (!staysInOrder) job.place = model.place(part, model.alone())
  const empty: Partial<ModelJob> = {
    input,
    keyUntil: null,
    headers: input.headers ?? null,
    changedAt: model.now,
    startedAt: null,
    attempts: 0,
    releases: 0,
    lostLeases: 0,
    error: null,
    progress: null,
    log: [],
    worker: null,
    failures: [],
    effects: {},
    suspect: false,
    settledToken: null,
    settledOutcome: null,
  }
  Object.assign(job, empty)
}

function startOf(model: ModelState, input: NewJob, burstAt: number): number {
  const runAt = runAtOf(model, input)
  const { unique } = input
  if (unique?.ifTaken !== 'debounce' || unique.maxWaitMs === undefined) return runAt
  return Math.min(runAt, burstAt + unique.maxWaitMs)
}

/** Whether it takes the place of a job, or finds one, that nothing can have deleted by now. */
function isSurelyThere(model: ModelState, input: NewJob): boolean {
  const taken = findTaken(model, input)
  if (taken !== undefined) return !hasEnded(taken)
  const holder = holderOf(model, input)
  if (holder === undefined || hasEnded(holder)) return false
  if (input.unique!.ifTaken === 'keep') return true
  return holder.state === 'pending' || successorOf(model, input) !== undefined
}

function isOver(job: ModelJob): boolean {
  return job.endedAt !== null
}

const REFUSALS: readonly string[] = ['JOBS_ID_CONFLICT', 'JOBS_BACKLOG_FULL']

/** The answer to an enqueue, or its refusal. */
export async function answerOf<T>(call: Promise<T>): Promise<T | JobsError> {
  return await call.catch((error: unknown) => {
    if (error instanceof JobsError && REFUSALS.includes(error.code)) return error
    throw error
  })
}
