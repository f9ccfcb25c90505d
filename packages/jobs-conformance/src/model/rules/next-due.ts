import type { ClaimRequest, ClaimResult } from '@cgk/jobs-core'
import { expect } from 'vitest'
import type { ModelJob } from '../model-job.ts'
import type { Span } from '../model-limits.ts'
import type { ModelState } from '../model-state.ts'
import { claimability, isDue, keysLet } from './claimability.ts'
import { isPaused, scopesOf } from './limits.ts'
import { isFullAlone, opensAt, places, type Verdict } from './room.ts'

/**
 * Checks what a claim that took no suspect says of those that wait.
 *
 * @param now - whether more can be claimed at once.
 */
export function checkNextDue(
  model: ModelState,
  { queue, slots }: ClaimRequest,
  { jobs, nextDueInMs, awaitsRelease }: ClaimResult,
  now: Verdict,
): void {
  if (now === 'open') return
  if (now === 'yes') {
    expect(nextDueInMs, 'nextDueInMs, with more to claim').toBe(0)
    return
  }
  const waiting = model.jobs.filter((job) => job.ref.queue === queue && job.state === 'pending')
  checkAwaitsRelease(model, waiting, awaitsRelease)
  if (jobs.length >= slots && nextDueInMs === 0) return
  const certain = waiting
    .filter((job) => !job.suspect && !isPaused(model, job))
    .flatMap((job) => certainlyAt(model, job))
  const first = certain.length === 0 ? null : Math.min(...certain)
  if (nextDueInMs === null) {
    expect(first, 'when a job can be claimed, though nothing was told').toBeNull()
    return
  }
  const instant = model.now + nextDueInMs
  if (first !== null) expect(instant, 'when to ask again').toBeLessThanOrEqual(first)
  // Early is allowed, where a job turns out to be kept back by something else; at any time is not.
  const reasons = changesOf(model, queue, waiting)
  const reason = reasons.find(({ first: from, last }) => from <= instant && instant <= last)
  expect(reason ?? null, `a reason to ask again in ${nextDueInMs} ms`).not.toBeNull()
}

function checkAwaitsRelease(
  model: ModelState,
  waiting: readonly ModelJob[],
  awaitsRelease: boolean,
): void {
  const sure = waiting.find(
    (job) =>
      !job.suspect &&
      isDue(model, job, model.now) &&
      !isPaused(model, job) &&
      keysLet(model, job, model.now) === 'yes' &&
      isFullAlone(model, job),
  )
  if (sure !== undefined) expect(awaitsRelease, `${sure.ref.id} awaits a release`).toBe(true)
  // A job that waits for its time may be taken for one that waits for its key.
  const possible = waiting.find(
    (job) =>
      keysLet(model, job, model.now) !== 'yes' ||
      scopesOf(job).some((scope) => places(model, scope) !== 'yes'),
  )
  if (possible === undefined) expect(awaitsRelease, 'awaitsRelease').toBe(false)
}

/** When the job can be claimed, if time alone will bring it. */
function certainlyAt(model: ModelState, job: ModelJob): number[] {
  const opening = scopesOf(job).map((scope) => opensAt(model, scope).last)
  const at = Math.max(job.runAt, ...opening)
  const isToCome = model.now < at && at < Infinity
  return isToCome && claimability(model, job, at) === 'yes' ? [at] : []
}

/**
 * The instants from now on at which something changes. A store may look once more at a scope for which
 * nothing waits any longer.
 */
function changesOf(model: ModelState, queue: string, waiting: readonly ModelJob[]): Span[] {
  const scopes = model.uses.filter(({ scope }) => scope.queue === queue)
  const openings = scopes.map(({ scope }) => opensAt(model, scope))
  const starts = waiting.map(({ runAt }) => ({ first: runAt, last: runAt }))
  return [...openings, ...starts]
    .filter(({ last }) => last > model.now)
    .map(({ first, last }) => ({ first: Math.max(first, model.now + 1), last }))
}
