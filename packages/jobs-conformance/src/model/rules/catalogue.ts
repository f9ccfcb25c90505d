import type {
  ActionResult,
  JobCounts,
  JobFilter,
  JobRecord,
  JobRef,
  JobStatus,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import { compareRecord } from '../compare-record.ts'
import { hasEnded, IN_ORDER, keyOf, statusAt, type ModelJob } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { recognise } from './adding.ts'
import { uncount } from './groups.ts'
import { free } from './leases.ts'
import { endJob, removeJob } from './lifecycle.ts'
import { forget, learnDeleted } from './retention.ts'
import { giveKey, holderOf } from './unique-keys.ts'

/** Whether the action changes the job, or which job's key is in its way. */
type Effect = 'changed' | 'unchanged' | ModelJob

type Action = (model: ModelState, refs: readonly JobRef[], results: readonly ActionResult[]) => void

export const cancel: Action = (model, refs, results) => {
  act(model, refs, results, (job) => {
    if (hasEnded(job)) return 'unchanged'
    endJob(model, job, 'cancelled', false)
    return 'changed'
  })
}

export const retry: Action = (model, refs, results) => {
  const call = model.nextCall()
  act(model, refs, results, (job, index) => {
    if (job.state !== 'failed' && job.state !== 'cancelled') return 'unchanged'
    if (job.lease !== null) return 'unchanged'
    const holder = holderOf(model, job.input)
    if (holder !== undefined && holder !== job) return holder
    if (holder === undefined) {
      giveKey(model, job.input)
      job.keyUntil = null
      job.hasLostKey = false
    }
    job.burstAt = model.now
    uncount(model, job)
    job.place = model.place({ call, part: index }, IN_ORDER)
    job.seenAt = job.place.turn
    job.isDiscarded = false
    job.state = 'pending'
    job.changedAt = model.now
    job.generation += 1
    job.runAt = model.now
    job.startedAt = undefined
    job.endedAt = null
    job.attempts = 0
    job.releases = 0
    job.lostLeases = 0
    job.mayCountLostLease = false
    job.result = null
    job.error = null
    job.progress = null
    job.log = []
    job.suspect = false
    // That an attempt before was answered 'cancelled' may be forgotten.
    job.cancelledToken = null
    return 'changed'
  })
}

export const remove: Action = (model, refs, results) => {
  act(model, refs, results, (job) => {
    if (job.lease !== null) return 'unchanged'
    removeJob(model, job)
    return 'changed'
  })
}

/** Checks the pages of a list, read with nothing happening between them. */
export function list(
  model: ModelState,
  filter: JobFilter & { readonly statuses?: readonly JobStatus[] },
  jobs: readonly JobRecord[],
): void {
  const matching = model.jobs.filter((job) => matches(model, job, filter))
  expect(jobs.map(keyOf).sort(), 'the jobs listed').toEqual(
    matching.map((job) => keyOf(job.ref)).sort(),
  )
  let newest = Infinity
  for (const record of jobs) {
    expect(record.createdAt, 'newest first').toBeLessThanOrEqual(newest)
    newest = record.createdAt
    compareRecord(record, model.find(record)!, model.now, 'a listed job', 'other')
  }
}

export function counts(
  model: ModelState,
  { queue, tenantId }: { readonly queue: string; readonly tenantId?: string | null },
): JobCounts {
  const found: Record<JobStatus, number> = {
    pending: 0,
    scheduled: 0,
    retrying: 0,
    running: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
  }
  for (const job of model.jobs) {
    if (job.ref.queue !== queue) continue
    if (tenantId !== undefined && job.ref.tenantId !== tenantId) continue
    found[statusAt(job, model.now)] += 1
  }
  return found
}

/**
 * Compares what a store shows of {@link ModelState.refs} with what the model knows. History past its
 * retention may have been deleted at any time; the model then forgets it.
 */
export function compareJobs(model: ModelState, records: readonly (JobRecord | null)[]): void {
  expect(records.length, 'one record for each ref').toBe(model.refs.length)
  const deleted: ModelJob[] = []
  for (const [index, ref] of model.refs.entries()) {
    const record = records[index] ?? null
    const job = model.find(ref)
    if (record !== null && job !== undefined) compareRecord(record, job, model.now, 'a job', 'get')
    else if (record !== null) throw new Error(`job ${keyOf(ref)} was deleted and is back`)
    else if (job !== undefined) deleted.push(job)
  }
  forget(model, deleted)
}

/** Learns the ids of jobs that the store has made without telling: all must be among the listed. */
export function learnNames(model: ModelState, records: readonly JobRecord[]): void {
  for (const record of records) recognise(model, record)
  const missing = model.jobs.find((job) => job.isUnnamed)
  expect(missing?.input ?? null, 'a job that should have been made').toBeNull()
}

function matches(
  model: ModelState,
  job: ModelJob,
  filter: JobFilter & { readonly statuses?: readonly JobStatus[] },
): boolean {
  const { queue, tenantId, names, statuses, keyPrefix, groupId, scheduleId } = filter
  const { input, ref } = job
  const keys = [input.unique?.key, input.orderingKey, input.concurrencyKey]
  return (
    ref.queue === queue &&
    (tenantId === undefined || ref.tenantId === tenantId) &&
    (names === undefined || names.includes(input.name)) &&
    (statuses === undefined || statuses.includes(statusAt(job, model.now))) &&
    (keyPrefix === undefined || keys.some((key) => key?.startsWith(keyPrefix) === true)) &&
    (groupId === undefined || job.group?.memberOf === groupId) &&
    (scheduleId === undefined || input.schedule?.id === scheduleId)
  )
}

function act(
  model: ModelState,
  refs: readonly JobRef[],
  results: readonly ActionResult[],
  action: (job: ModelJob, index: number) => Effect,
): void {
  expect(results.length, 'one answer for each ref').toBe(refs.length)
  for (const [index, ref] of refs.entries()) {
    const result = results[index]!
    if (result.status === 'notFound') learnDeleted(model, model.find(ref))
    const job = model.find(ref)
    if (job === undefined) {
      expect(result.status, `action on ${keyOf(ref)}`).toBe('notFound')
      continue
    }
    const isKnownFree = result.status === 'changed' || result.status === 'keyTaken'
    if (isKnownFree && job.lease?.isUncertain === true) free(job)
    const state = job.state
    const effect = action(job, index)
    const status = typeof effect === 'string' ? effect : 'keyTaken'
    expect(result.status, `action on ${keyOf(ref)} (${state})`).toBe(status)
    if (result.status === 'notFound') continue
    if (result.status === 'keyTaken' && typeof effect === 'object') {
      expect(result.holderId, 'the job that holds the key').toBe(effect.ref.id)
    }
    compareRecord(result.job, job, model.now, 'the job of an action', 'other')
  }
}
