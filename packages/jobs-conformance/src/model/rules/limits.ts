import {
  DEFAULT_BREAKER,
  DEFAULT_WEIGHT,
  EACH_TENANT,
  type Breaker,
  type LimitChange,
  type Limits,
  type LimitScope,
  type RateLimit,
} from '@cgk/jobs-core'
import type { ModelJob } from '../model-job.ts'
import { sameScope, type ModelUse } from '../model-limits.ts'
import type { ModelState } from '../model-state.ts'

/** What applies to a scope; what is absent does not limit it. */
export interface Applying {
  readonly weight?: number
  readonly concurrency?: number
  readonly rate?: RateLimit
  readonly backlog?: number
  readonly breaker?: Breaker
}

export const MICROSECONDS = 1_000

/** The scopes that govern a job, the widest first. */
export function scopesOf({ ref: { queue, tenantId }, input }: ModelJob): LimitScope[] {
  const key = input.orderingKey ?? input.concurrencyKey
  return [
    { queue },
    { queue, tenantId },
    ...(input.limiter === undefined ? [] : [{ queue, tenantId, limiter: input.limiter }]),
    ...(key === undefined ? [] : [{ queue, tenantId, key }]),
  ]
}

/** What was said about that very scope. */
export function saidOf(
  model: ModelState,
  scope: LimitScope,
): { operator: Limits; directory: Limits } {
  const found = model.said.find((each) => sameScope(each.scope, scope))
  return found?.said ?? { operator: {}, directory: {} }
}

/** All that is said of a scope, the strongest voice first. */
function voices(model: ModelState, scope: LimitScope): Limits[] {
  const { operator, directory } = saidOf(model, scope)
  if (scope.tenantId === undefined) return [operator, directory]
  const each = saidOf(model, { ...scope, tenantId: EACH_TENANT })
  return [operator, directory, each.operator, each.directory]
}

export function applying(model: ModelState, scope: LimitScope): Applying {
  const first = <L extends keyof Limits>(name: L, otherwise?: Limits[L]) => {
    const said = voices(model, scope).find((voice) => voice[name] !== undefined)?.[name]
    const value = said ?? otherwise
    return value === undefined || value === 'none' ? {} : { [name]: value }
  }
  const isTenant =
    scope.tenantId !== undefined && scope.limiter === undefined && scope.key === undefined
  return {
    ...first('concurrency'),
    ...first('rate'),
    ...(isTenant && { ...first('weight', DEFAULT_WEIGHT), ...first('backlog') }),
    ...(scope.limiter !== undefined && first('breaker', DEFAULT_BREAKER)),
  } as Applying
}

/** Whether the scope itself is paused. */
export function isScopePaused(model: ModelState, scope: LimitScope): boolean {
  const asEach = scope.tenantId === undefined ? scope : { ...scope, tenantId: EACH_TENANT }
  if (model.paused.some((each) => sameScope(each, scope) || sameScope(each, asEach))) return true
  const [very, each] = [saidOf(model, scope), saidOf(model, asEach)]
  return very.directory.paused ?? each.directory.paused ?? false
}

/** Whether a scope of the job is paused. */
export function isPaused(model: ModelState, job: ModelJob): boolean {
  return scopesOf(job).some((scope) => isScopePaused(model, scope))
}

/** Whether jobs like this are claimed into slots alone. */
export function isGoverned(model: ModelState, job: ModelJob): boolean {
  if (scopesOf(job).length > 2) return true
  return scopesOf(job).some((scope) => {
    const { concurrency, rate } = applying(model, scope)
    return concurrency !== undefined || rate !== undefined
  })
}

/** What a scope has used up. */
export function useOf(model: ModelState, scope: LimitScope): ModelUse {
  const found = model.uses.find((each) => sameScope(each.scope, scope))
  if (found !== undefined) return found
  const use: ModelUse = {
    scope,
    turn: { first: -Infinity, last: -Infinity },
    waitUntil: 0,
    breaker: { failures: 0, trippedUntil: null, isUnsure: false },
  }
  model.uses.push(use)
  return use
}

/** Microseconds from one start to the next, and how much too early one may come. */
export function paceOf({ limit, periodMs, burst }: RateLimit): {
  interval: number
  tolerance: number
} {
  const interval = Math.ceil((periodMs * MICROSECONDS) / limit)
  return { interval, tolerance: (burst - 1) * interval }
}

export function setLimits(model: ModelState, changes: readonly LimitChange[]): void {
  for (const change of changes) {
    const before = model.uses.map(({ scope }) => applying(model, scope))
    say(model, change)
    for (const [index, use] of model.uses.entries()) {
      noteChange(model, use, before[index]!, applying(model, use.scope))
    }
    if (change.limits.weight !== undefined) model.rivalries.length = 0
  }
}

function say(model: ModelState, { scope, source, limits }: LimitChange): void {
  const index = model.said.findIndex((each) => sameScope(each.scope, scope))
  const said = saidOf(model, scope)
  const merged = Object.entries({ ...said[source], ...limits }).filter(
    ([, value]) => value !== null && value !== undefined,
  )
  const after = { ...said, [source]: Object.fromEntries(merged) as Limits }
  if (index >= 0) model.said.splice(index, 1)
  const isEmpty = [after.operator, after.directory].every((each) => Object.keys(each).length === 0)
  if (!isEmpty) model.said.push({ scope, said: after })
}

function noteChange(model: ModelState, use: ModelUse, before: Applying, after: Applying): void {
  if (JSON.stringify(before.rate) !== JSON.stringify(after.rate)) {
    const { interval, tolerance } = after.rate === undefined ? NO_PACE : paceOf(after.rate)
    // At worst, all of the new one is used up.
    const worst = model.now * MICROSECONDS + tolerance + interval
    use.turn = { first: -Infinity, last: Math.min(use.turn.last, worst) }
  }
  if (JSON.stringify(before.breaker) !== JSON.stringify(after.breaker)) {
    const { failures, trippedUntil } = use.breaker
    const isKnown =
      trippedUntil === null &&
      (failures === 0 || (before.breaker !== undefined && failures < failuresLetBy(after)))
    use.breaker.isUnsure ||= !isKnown
  }
}

function failuresLetBy({ breaker }: Applying): number {
  return breaker?.failures ?? Infinity
}

const NO_PACE = { interval: 0, tolerance: Infinity }
