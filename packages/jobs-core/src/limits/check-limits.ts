import { JobsError } from '../errors.ts'
import { isRecord, wholeMs } from '../job/check-job-options.ts'
import { describe } from '../job/names.ts'
import type { Breaker, LimitChange, Limits, LimitScope, RateLimit } from '../storage/limits.ts'
import { describeScope } from './check-scope.ts'
import type { LimitChanges } from './limit-options.ts'

const MAX_WEIGHT = 1_000
const MAX_BURST = 1_000_000
const MAX_FAILURES = 1_000_000

/** Ten years: instants that far ahead are still whole microseconds to a double. */
const LONGEST_MS = 3_650 * 24 * 60 * 60 * 1_000

type Stored = LimitChange['limits']
type Check<L extends keyof LimitChanges> = (value: unknown) => Limits[L] & {}

/** What each limit may be, once `null` (take it back) is dealt with. */
const CHECKS: { readonly [L in keyof LimitChanges]-?: Check<L> } = {
  weight: (value) => whole('weight', value, 1, MAX_WEIGHT),
  concurrency: orNone((value) => whole('concurrency', value, 1)),
  rate: orNone(checkRate),
  backlog: orNone((value) => whole('backlog', value, 0)),
  breaker: orNone(checkBreaker),
}

/**
 * Limits as stores take them. Nobody but the directory says `paused`.
 *
 * @throws {@link JobsError} `JOBS_INVALID_LIMIT`, naming the property and the rule.
 */
export function checkLimits(scope: LimitScope, limits: LimitChanges): Stored {
  if (!isRecord(limits)) throw invalid(`limits must be an object, not ${shown(limits)}`)
  const stored: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(limits) as [string, unknown][]) {
    if (name === 'paused') {
      throw invalid('paused is not set as a limit is: call pause and resume with the scope')
    }
    if (!isLimit(name)) {
      throw invalid(
        `there is no limit ${describe(name)}; there are ${Object.keys(CHECKS).join(', ')}`,
      )
    }
    if (value === undefined) {
      throw invalid(`${name} is undefined; leave it out to let it stay, null takes it back`)
    }
    checkPlace(name, scope)
    stored[name] = value === null ? null : CHECKS[name](value)
  }
  return stored
}

function isLimit(name: string): name is keyof LimitChanges {
  return Object.hasOwn(CHECKS, name)
}

/** @throws {@link JobsError} `JOBS_INVALID_LIMIT` for a limit that scopes of this kind do not have. */
function checkPlace(name: keyof LimitChanges, scope: LimitScope): void {
  const { tenantId, limiter, key } = scope
  const ofTenant = tenantId !== undefined && limiter === undefined && key === undefined
  if (name === 'breaker' && limiter === undefined) {
    throw invalid(`breaker is a limit of limiters, not of ${describeScope(scope)}`)
  }
  if ((name === 'weight' || name === 'backlog') && !ofTenant) {
    throw invalid(`${name} is a limit of tenants, not of ${describeScope(scope)}`)
  }
  if (name === 'weight' && tenantId === null) {
    throw invalid('weight is a limit of tenants: the jobs without one always have weight 1')
  }
}

function checkRate(value: unknown): RateLimit {
  const { limit, period, burst } = parts('rate', value, ['limit', 'period', 'burst'])
  const periodMs = whole('rate.period', period, 1, LONGEST_MS)
  const checked: RateLimit = {
    limit: whole('rate.limit', limit, 1, periodMs * 1_000, 'rate.period · 1000'),
    periodMs,
    burst: burst === undefined ? 1 : whole('rate.burst', burst, 1, MAX_BURST),
  }
  if ((checked.burst * periodMs) / checked.limit > LONGEST_MS) {
    throw invalid(`rate.burst · rate.period / rate.limit must be at most ${LONGEST_MS} ms`)
  }
  return checked
}

function checkBreaker(value: unknown): Breaker {
  const { failures, cooldown } = parts('breaker', value, ['failures', 'cooldown'])
  if (!(typeof cooldown === 'number' && cooldown >= 1 && cooldown <= LONGEST_MS)) {
    throw invalid(
      `breaker.cooldown must be milliseconds from 1 to ${LONGEST_MS}, not ${shown(cooldown)}`,
    )
  }
  return {
    failures: whole('breaker.failures', failures, 1, MAX_FAILURES),
    cooldownMs: wholeMs(cooldown),
  }
}

function parts(
  name: string,
  value: unknown,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) {
    throw invalid(
      `${name} must be an object of ${known.join(', ')}, or 'none', not ${shown(value)}`,
    )
  }
  for (const part of Object.keys(value)) {
    if (!known.includes(part)) throw invalid(`${name} has no ${describe(part)}`)
  }
  return value
}

function orNone<T>(check: (value: unknown) => T): (value: unknown) => T | 'none' {
  return (value) => (value === 'none' ? 'none' : check(value))
}

function whole(
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
  maxIs: string = String(max),
): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number
  }
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${maxIs}`
  throw invalid(`${name} must be a whole number ${range}, not ${shown(value)}`)
}

function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : describe(value)
}

function invalid(message: string): JobsError {
  return new JobsError('JOBS_INVALID_LIMIT', message)
}
