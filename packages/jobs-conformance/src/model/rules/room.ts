import type { LimitScope, Outcome } from '@cgk/jobs-core'
import type { ModelJob } from '../model-job.ts'
import { sameScope, type Span } from '../model-limits.ts'
import type { ModelState } from '../model-state.ts'
import { applying, MICROSECONDS, paceOf, scopesOf, useOf } from './limits.ts'

/** `open`: the contract does not say. */
export type Verdict = 'yes' | 'no' | 'open'

/** The worst of several. */
export function worst(...verdicts: readonly Verdict[]): Verdict {
  return verdicts.includes('no') ? 'no' : verdicts.includes('open') ? 'open' : 'yes'
}

/** Whether all scopes of a job would let it start at that instant, if nothing but time changed. */
export function roomFor(model: ModelState, job: ModelJob, at: number): Verdict {
  return worst(
    ...scopesOf(job).map((scope) => worst(places(model, scope), timeLets(model, scope, at))),
  )
}

/** Whether only the ends of leases are in the way. */
export function isFullAlone(model: ModelState, job: ModelJob): boolean {
  const scopes = scopesOf(job)
  return (
    scopes.some((scope) => places(model, scope) === 'no') &&
    scopes.every((scope) => timeLets(model, scope, model.now) === 'yes')
  )
}

/** How many are leased, at least and at most. */
export function leasedIn(model: ModelState, scope: LimitScope): Span {
  const leases = model.jobs
    .filter((job) => job.lease !== null && scopesOf(job).some((each) => sameScope(each, scope)))
    .map(({ lease }) => lease!)
  const sure = leases.filter(({ isUncertain }) => !isUncertain)
  return { first: sure.length, last: leases.length }
}

/** Whether a scope has a place: what leases decide and time does not. */
export function places(model: ModelState, scope: LimitScope): Verdict {
  const leased = leasedIn(model, scope)
  const { concurrency = Infinity, breaker } = applying(model, scope)
  if (leased.first >= concurrency) return 'no'
  const byConcurrency = leased.last >= concurrency ? 'open' : 'yes'
  if (breaker === undefined) return byConcurrency
  const { trippedUntil, isUnsure } = useOf(model, scope).breaker
  if (isUnsure) return 'open'
  if (trippedUntil === null || leased.last === 0) return byConcurrency
  const isTried = model.jobs.some(
    ({ lease, ...job }) =>
      lease?.isProbe === true &&
      !lease.isUncertain &&
      scopesOf({ lease, ...job }).some((each) => sameScope(each, scope)),
  )
  // Whether what began before the breaker opened is the one job at a time is left open.
  return isTried ? 'no' : 'open'
}

/** When a scope lets a job start as far as time goes. */
export function opensAt(model: ModelState, scope: LimitScope): Span {
  const { rate, breaker } = applying(model, scope)
  const { turn, waitUntil, breaker: state } = useOf(model, scope)
  const spans: Span[] = [{ first: waitUntil, last: waitUntil }]
  if (rate !== undefined) {
    const { tolerance } = paceOf(rate)
    const toMs = (instant: number) => Math.ceil((instant - tolerance) / MICROSECONDS)
    spans.push({ first: toMs(turn.first), last: toMs(turn.last) })
  }
  if (breaker !== undefined && state.isUnsure) spans.push({ first: 0, last: Infinity })
  else if (breaker !== undefined && state.trippedUntil !== null) spans.push(state.trippedUntil)
  return {
    first: Math.max(...spans.map(({ first }) => first)),
    last: Math.max(...spans.map(({ last }) => last)),
  }
}

function timeLets(model: ModelState, scope: LimitScope, at: number): Verdict {
  const { first, last } = opensAt(model, scope)
  return at >= last ? 'yes' : at < first ? 'no' : 'open'
}

/** A job starts: takes of all its scopes. Whether it tries a breaker. */
export function takeRoom(model: ModelState, job: ModelJob): boolean {
  let isProbe = false
  for (const scope of scopesOf(job)) {
    const use = useOf(model, scope)
    const { rate } = applying(model, scope)
    if (use.breaker.trippedUntil !== null) isProbe = true
    if (rate === undefined) continue
    const { interval, tolerance } = paceOf(rate)
    const now = model.now * MICROSECONDS
    const next = (turn: number) => Math.max(turn, now) + interval
    // It was let, so its turn was not later than that.
    use.turn = { first: next(use.turn.first), last: next(Math.min(use.turn.last, now + tolerance)) }
  }
  return isProbe
}

/** What the end of an attempt tells of what is behind its limiter. */
export function learnOutcome(model: ModelState, job: ModelJob, outcome: Outcome): void {
  const { limiter } = job.input
  if (limiter === undefined) return
  const { queue, tenantId } = job.ref
  const use = useOf(model, { queue, tenantId, limiter })
  switch (outcome.type) {
    case 'complete':
      use.breaker = { failures: 0, trippedUntil: null, isUnsure: false }
      break
    case 'release':
      use.waitUntil = Math.max(use.waitUntil, model.now + (outcome.pauseLimiterMs ?? 0))
      break
    case 'fail':
    case 'retry':
      if (outcome.error.retryable) learnFailure(model, use.scope, job.lease?.isProbe === true)
      break
  }
}

function learnFailure(model: ModelState, scope: LimitScope, isProbe: boolean): void {
  const state = useOf(model, scope).breaker
  const { breaker } = applying(model, scope)
  state.failures += 1
  if (breaker === undefined) return
  const until = model.now + breaker.cooldownMs
  if (state.trippedUntil === null) {
    if (state.failures >= breaker.failures) state.trippedUntil = { first: until, last: until }
    return
  }
  // Whether one that began before the breaker opened prolongs the cooldown is left open.
  const first = isProbe && model.now >= state.trippedUntil.last ? until : state.trippedUntil.first
  state.trippedUntil = { first, last: Math.max(until, state.trippedUntil.last) }
}
