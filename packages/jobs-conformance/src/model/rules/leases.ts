import {
  MAX_FAILURES,
  MAX_LOG_LINES,
  type AttemptReport,
  type ClaimRequest,
  type ClaimResult,
  type Lease,
  type LeaseState,
  type Settlement,
  type SettleResult,
  type StoredError,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import { compareRecord } from '../compare-record.ts'
import { mustPrecede, sameLane, type ModelJob, type Place } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { claimability } from './claimability.ts'
import { recognise } from './adding.ts'
import { conflictOf, enqueueOne } from './enqueueing.ts'
import { countPrefetched, countServed, watchRivals } from './fairness.ts'
import { endJob } from './lifecycle.ts'
import { isGoverned, isPaused, useOf } from './limits.ts'
import { checkNextDue } from './next-due.ts'
import { learnDeleted } from './retention.ts'
import { learnOutcome, takeRoom, type Verdict } from './room.ts'

export function claim(model: ModelState, request: ClaimRequest, result: ClaimResult): void {
  const { queue, slots, prefetch, suspects } = request
  const most = suspects ? Math.min(slots, 1) : slots + prefetch
  expect(result.jobs.length, 'jobs claimed').toBeLessThanOrEqual(most)
  for (const [index, record] of result.jobs.entries()) {
    const job = recognise(model, record)
    const open = openJobs(model, queue).filter((each) => each.suspect === suspects)
    const rivals = index < slots ? open : open.filter((each) => !isGoverned(model, each))
    if (job === undefined || !rivals.includes(job) || claimabilityNow(model, job) === 'no') {
      throw new Error(`job ${record.id} of ${queue} could not be claimed`)
    }
    const passed = rivals.find(
      (other) =>
        sameLane(other.ref, job.ref) &&
        mustPrecede(other, job) &&
        claimabilityNow(model, other) === 'yes',
    )
    expect(passed?.ref ?? null, `the job claimed instead of ${job.ref.id}`).toBeNull()
    expect(
      model.given.some(({ lease }) => lease.token === record.token),
      'a new token',
    ).toBe(false)
    if (!suspects) {
      watchRivals(model)
      if (index < slots) countServed(model, job)
      else countPrefetched(model, job)
    }
    begin(model, job, record.token, request)
    compareRecord(record, job, model.now, 'a claimed job', 'claim')
  }

  const left = openJobs(model, queue).filter((job) => claimabilityNow(model, job) !== 'no')
  if (result.jobs.length < Math.min(slots, most)) {
    const sure = left.find(
      (job) => job.suspect === suspects && claimabilityNow(model, job) === 'yes',
    )
    expect(sure?.ref ?? null, 'a job that should have been claimed').toBeNull()
  }
  const suspect = verdict(
    model,
    left.filter((job) => job.suspect),
  )
  if (suspect !== 'open') expect(result.hasSuspects, 'hasSuspects').toBe(suspect === 'yes')
  if (suspects) return
  const clean = left.filter((job) => !job.suspect)
  checkNextDue(model, request, result, verdict(model, clean))
}

export function extend(
  model: ModelState,
  leases: readonly Lease[],
  leaseMs: number,
  states: readonly LeaseState[],
): void {
  expect(states.length, 'one answer for each lease').toBe(leases.length)
  for (const [index, lease] of leases.entries()) {
    if (states[index] === 'lost') learnFreed(model, lease)
    const job = model.findHeld(lease)
    expect(leaseStatesOf(model, job), `heartbeat of ${lease.id}`).toContain(states[index])
    if (!job?.lease) continue
    job.lease.expiresAt = Math.max(job.lease.expiresAt, model.now + leaseMs)
    job.lease.isUncertain = false
  }
}

export function settle(
  model: ModelState,
  settlements: readonly Settlement[],
  results: readonly SettleResult[],
): void {
  expect(results.length, 'one answer for each settlement').toBe(settlements.length)
  const call = model.nextCall()
  for (const [index, settlement] of settlements.entries()) {
    const answer = results[index]!
    const what = `settlement of ${settlement.lease.id} as ${settlement.outcome.type}`
    if (answer === 'lost') learnFreed(model, settlement.lease)
    const job = model.findHeld(settlement.lease)
    if (job === undefined) {
      if (!answersToStale(model, settlement).includes(answer)) {
        learnDeleted(model, model.find(settlement.lease))
      }
      expect(answersToStale(model, settlement), what).toContain(answer)
      continue
    }
    const conflict = conflictOf(model, settlement.followUps)
    if (job.state !== 'cancelled' && conflict !== null) {
      expect(answer, what).toEqual({ status: 'conflict', ...conflict })
      continue
    }
    expect(answer, what).toBe(job.state === 'cancelled' ? 'cancelled' : 'settled')
    model.answers.set(settlement.lease.token, answer)
    if (answer === 'cancelled') {
      job.lease = null
      job.cancelledToken = settlement.lease.token
    } else record(model, job, settlement, { call, part: index })
  }
}

export function report(
  model: ModelState,
  reports: readonly AttemptReport[],
  accepted: readonly boolean[],
): void {
  expect(accepted.length, 'one answer for each report').toBe(reports.length)
  for (const [index, { lease, progress, log, effects }] of reports.entries()) {
    const job = model.findHeld(lease)
    // What a cancelled attempt still says is refused or kept; both are sound.
    const allowed = job === undefined ? [false] : job.state === 'running' ? [true] : [true, false]
    expect(allowed, `report of ${lease.id}`).toContain(accepted[index])
    if (job === undefined || accepted[index] === false) continue
    if (progress !== undefined) job.progress = progress
    if (log !== undefined) job.log = [...job.log, ...log].slice(-MAX_LOG_LINES)
    job.effects = { ...effects, ...job.effects }
  }
}

/** Notes how the attempt that ends now failed; `null` for one that was lost. */
export function noteFailure(model: ModelState, job: ModelJob, error: StoredError | null): void {
  const { attempts: attempt, generation, attemptAt: startedAt } = job
  const failure = { attempt, generation, startedAt, endedAt: model.now, worker: job.worker!, error }
  job.failures = [...job.failures, failure].slice(-MAX_FAILURES)
}

/** Upkeep has taken back the lease of a cancelled job. */
export function free(job: ModelJob): void {
  job.freedToken = job.lease?.token ?? null
  job.lease = null
  job.mayCountLostLease = true
}

function begin(model: ModelState, job: ModelJob, token: string, request: ClaimRequest): void {
  job.state = 'running'
  job.changedAt = model.now
  job.attempts += 1
  job.startedAt = model.now
  job.attemptAt = model.now
  job.burstAt = null
  job.worker = request.worker
  const isProbe = takeRoom(model, job)
  job.lease = { token, expiresAt: model.now + request.leaseMs, isUncertain: false, isProbe }
  job.settledToken = null
  job.settledOutcome = null
  job.cancelledToken = null
  job.freedToken = null
  model.given.push({ lease: { ...job.ref, token }, worker: request.worker })
}

function record(
  model: ModelState,
  job: ModelJob,
  settlement: Settlement,
  part: Pick<Place, 'call' | 'part'>,
): void {
  const { lease, outcome, followUps, discard, headers } = settlement
  learnOutcome(model, job, outcome)
  job.lease = null
  job.settledToken = lease.token
  job.settledOutcome = JSON.stringify(outcome)
  job.changedAt = model.now
  if (headers !== undefined) job.headers = headers
  if (outcome.type !== 'release') job.suspect = false
  switch (outcome.type) {
    case 'complete':
      job.result = outcome.result
      job.error = null
      endJob(model, job, 'completed', discard)
      break
    case 'fail':
      job.error = outcome.error
      noteFailure(model, job, outcome.error)
      endJob(model, job, 'failed', discard)
      break
    case 'retry':
      job.error = outcome.error
      noteFailure(model, job, outcome.error)
      job.state = 'pending'
      job.runAt = model.now + outcome.delayMs
      job.startedAt = undefined
      // Where a retried job stands among its equals is nowhere promised.
      job.place = model.place(part, model.alone())
      break
    case 'release':
      job.state = 'pending'
      job.attempts -= 1
      job.releases += 1
      job.runAt = model.now + outcome.delayMs
      job.startedAt = undefined
      if (outcome.delayMs > 0) job.place = model.place(part, model.alone())
      break
  }
  for (const followUp of followUps) enqueueOne(model, followUp, followUp.jobId ?? null, part)
}

/** What may be answered to a settlement whose lease is not current. */
function answersToStale(model: ModelState, { lease, outcome }: Settlement): SettleResult[] {
  const job = model.find(lease)
  if (job === undefined) return ['lost', model.answers.get(lease.token) ?? 'lost']
  if (job.settledToken === lease.token) {
    return job.settledOutcome === JSON.stringify(outcome) ? ['settled'] : ['settled', 'lost']
  }
  if (job.cancelledToken === lease.token) {
    return job.state === 'cancelled' ? ['cancelled'] : ['cancelled', 'lost']
  }
  // The job has been replaced or begun anew since, which may forget what was settled before.
  if (model.answers.has(lease.token)) return ['lost', model.answers.get(lease.token)!]
  return job.freedToken === lease.token ? ['cancelled', 'lost'] : ['lost']
}

function leaseStatesOf(model: ModelState, job: ModelJob | undefined): LeaseState[] {
  if (job === undefined) return ['lost']
  if (job.state === 'cancelled') return ['cancelled']
  if (isPaused(model, job)) return ['paused']
  const { queue, tenantId } = job.ref
  const { limiter } = job.input
  // What an outside API asked for may count as a pause or not: nothing of a limiter is prefetched.
  const waits =
    limiter !== undefined && useOf(model, { queue, tenantId, limiter }).waitUntil > model.now
  return waits ? ['held', 'paused'] : ['held']
}

function learnFreed(model: ModelState, lease: Lease): void {
  const job = model.findHeld(lease)
  if (job?.lease?.isUncertain === true) free(job)
}

/** What certainly, possibly or not at all can be claimed of these. */
function verdict(model: ModelState, jobs: readonly ModelJob[]): Verdict {
  const each = jobs.map((job) => claimabilityNow(model, job))
  return each.includes('yes') ? 'yes' : each.includes('open') ? 'open' : 'no'
}

function claimabilityNow(model: ModelState, job: ModelJob): Verdict {
  return claimability(model, job, model.now)
}

function openJobs(model: ModelState, queue: string): ModelJob[] {
  return model.jobs.filter((job) => job.ref.queue === queue && !isPaused(model, job))
}
