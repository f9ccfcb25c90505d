import {
  EACH_TENANT,
  type Limits,
  type LimitScope,
  type LimitState,
  type StoredLimits,
  type TenantStanding,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import type { Span } from '../model-limits.ts'
import type { ModelState } from '../model-state.ts'
import { applying, isScopePaused, saidOf, useOf } from './limits.ts'
import { leasedIn, opensAt } from './room.ts'

/** Compares how scopes stand. */
export function compareLimits(
  model: ModelState,
  scopes: readonly LimitScope[],
  states: readonly LimitState[],
): void {
  expect(states.length, 'one state for each scope').toBe(scopes.length)
  for (const [index, scope] of scopes.entries()) {
    const state = states[index]!
    const what = JSON.stringify(scope)
    expect(state.scope, what).toEqual(scope)
    compareVoices(model, state)
    const { effective } = state
    expect(effective.paused, `paused ${what}`).toBe(isScopePaused(model, scope))
    // What applies to each tenant, and what is used of it, is told of the tenants.
    if (scope.tenantId === EACH_TENANT) continue
    const { weight, ...applies } = applying(model, scope)
    expect({ ...effective, weight: null }, what).toEqual({
      ...applies,
      paused: effective.paused,
      weight: null,
    })
    if (scope.tenantId !== null) expect(effective.weight, what).toBe(weight)
    expectWithin(state.leased, leasedIn(model, scope), `leased in ${what}`)
    const { first, last } = opensAt(model, scope)
    const opensIn = { first: Math.max(0, first - model.now), last: Math.max(0, last - model.now) }
    expectWithin(state.opensInMs, opensIn, `opensInMs of ${what}`)
    expect(breakersOf(model, scope), `breaker of ${what}`).toContain(state.breaker)
  }
}

/** Compares what is said about the scopes of a queue, all of them listed. */
export function compareSaid(
  model: ModelState,
  queue: string,
  listed: readonly StoredLimits[],
): void {
  const isSaid = ({ operator, directory }: Omit<StoredLimits, 'scope'>) =>
    Object.keys({ ...withoutPause(operator), ...directory }).length > 0
  const names = (scopes: readonly LimitScope[]) =>
    scopes
      .map(({ tenantId, limiter, key }) => JSON.stringify({ tenantId, limiter, key }))
      .toSorted()
  const said = model.said.filter((each) => each.scope.queue === queue && isSaid(each.said))
  expect(names(listed.filter(isSaid).map(({ scope }) => scope)), 'the scopes listed').toEqual(
    names(said.map(({ scope }) => scope)),
  )
  for (const each of listed) compareVoices(model, each)
}

/** Compares how the tenants of a queue stand, all of them listed. */
export function compareTenants(
  model: ModelState,
  queue: string,
  listed: readonly TenantStanding[],
): void {
  const live = model.jobs.filter(
    (job) => job.ref.queue === queue && (job.state === 'pending' || job.lease !== null),
  )
  const sure = live.filter((job) => job.lease?.isUncertain !== true)
  const tenants = (of: typeof live) => new Set(of.map(({ ref }) => ref.tenantId))
  const ids = listed.map(({ tenantId }) => tenantId)
  expect(ids, 'each tenant once, in order').toEqual(
    [...new Set(ids)].toSorted((a, b) => ((a ?? '') < (b ?? '') ? -1 : 1)),
  )
  expect([...tenants(live)], 'the tenants listed').toEqual(expect.arrayContaining(ids))
  expect(ids, 'the tenants listed').toEqual(expect.arrayContaining([...tenants(sure)]))
  for (const { tenantId, leased, waiting, oldestDueAt, paused } of listed) {
    const pending = live.filter((job) => job.ref.tenantId === tenantId && job.state === 'pending')
    const what = `of ${tenantId} in ${queue}`
    expectWithin(leased, leasedIn(model, { queue, tenantId }), `leased ${what}`)
    expect(waiting, `waiting ${what}`).toBe(pending.length)
    expect(paused, `paused ${what}`).toBe(isScopePaused(model, { queue, tenantId }))
    // Since when a suspect is due its record does not say.
    if (pending.some((job) => job.suspect)) continue
    const due = pending.map(({ runAt }) => runAt).filter((runAt) => runAt <= model.now)
    expect(oldestDueAt, `oldestDueAt ${what}`).toBe(due.length === 0 ? null : Math.min(...due))
  }
}

function compareVoices(model: ModelState, { scope, operator, directory }: StoredLimits): void {
  const said = saidOf(model, scope)
  const what = `said of ${JSON.stringify(scope)}`
  // Whether a pause shows among what operators said is left open.
  expect(withoutPause(operator), `${what} by operators`).toEqual(withoutPause(said.operator))
  expect(directory, `${what} by the directory`).toEqual(said.directory)
}

function withoutPause(limits: Limits): Limits {
  const { paused: _, ...rest } = limits
  return rest
}

function breakersOf(model: ModelState, scope: LimitScope): LimitState['breaker'][] {
  if (scope.limiter === undefined) return [null]
  if (applying(model, scope).breaker === undefined) return [null, 'closed']
  const { trippedUntil, isUnsure } = useOf(model, scope).breaker
  if (isUnsure) return ['closed', 'open', 'probing']
  if (trippedUntil === null) return ['closed']
  const { first, last } = trippedUntil
  return [
    ...(model.now < last ? (['open'] as const) : []),
    ...(model.now >= first ? (['probing'] as const) : []),
  ]
}

function expectWithin(value: number, { first, last }: Span, what: string): void {
  expect(value, what).toBeGreaterThanOrEqual(first)
  expect(value, what).toBeLessThanOrEqual(last)
}
