import { parseTenantId } from '@cgk/core'
import { JobsError } from '../errors.ts'
import { isRecord } from '../job/check-job-options.ts'
import { checkKey, describe } from '../job/names.ts'
import { DEFAULT_SIZES } from '../size-limits.ts'
import type { Tenant, TenantEntry, TenantMap, TenantStatus } from './tenant.ts'

const STATUSES: readonly TenantStatus[] = ['active', 'suspended', 'onboarding']
const LARGEST_WEIGHT = 1_000
const LARGEST_BURST = 1_000_000
const LARGEST_FAILURES = 1_000_000
/** Problems named in one error: enough to mend a file, few enough to read. */
const SHOWN_PROBLEMS = 20

/** Says what is wrong with a value; `null` for nothing. */
type Rule = (value: unknown) => string | readonly Problem[] | null

/** What is wrong below a value, and where. */
interface Problem {
  readonly path: string
  readonly rule: string
}

const rate = object(
  { limit: whole(1), periodMs: whole(1), burst: whole(1, LARGEST_BURST) },
  { needed: true },
)
const breaker = object(
  { failures: whole(1, LARGEST_FAILURES), cooldownMs: whole(1) },
  { needed: true },
)

const TENANT = object({
  id: (value) => problemOf(() => parseTenantId(value)),
  status: oneOf(STATUSES),
  weight: whole(1, LARGEST_WEIGHT),
  limits: object({
    concurrency: orNone(whole(1)),
    rate: orNone(rateRule),
    backlog: orNone(whole(0)),
  }),
  limiters: limitersRule,
  store: text,
  formerStores: (value) =>
    Array.isArray(value) && value.every((store) => text(store) === null)
      ? null
      : 'must be an array of store names or URLs',
  timezone: (value) => (isTimezone(value) ? null : 'must be an IANA name such as Europe/London'),
})

const LIMITER = object({
  concurrency: orNone(whole(1)),
  rate: orNone(rateRule),
  breaker: orNone(breaker),
})

/**
 * Checks what a source of a directory gave.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`, naming each tenant and property that is wrong.
 */
export function checkTenants(entries: unknown): TenantMap {
  if (!Array.isArray(entries)) {
    throw invalid(['it must be an array of tenants such as { "id": "rawdog" }'])
  }
  const tenants = new Map<string, Tenant>()
  const problems: string[] = []
  for (const [index, entry] of entries.entries()) {
    const name = nameOf(entry, index)
    const found = listed(TENANT(entry))
    for (const { path, rule } of found) {
      problems.push(`${name}: ${path === '' ? rule : `${path} ${rule}`}`)
    }
    if (found.length > 0) continue
    const tenant = entry as TenantEntry
    if (tenants.has(tenant.id)) problems.push(`${name}: it is listed twice`)
    else tenants.set(tenant.id, Object.freeze({ ...tenant, status: tenant.status ?? 'active' }))
  }
  if (problems.length > 0) throw invalid(problems)
  return tenants
}

function nameOf(entry: unknown, index: number): string {
  return isRecord(entry) && typeof entry['id'] === 'string'
    ? `tenant ${describe(entry['id'])}`
    : `tenant ${index}`
}

function object(
  properties: Readonly<Record<string, Rule>>,
  { needed = false }: { readonly needed?: boolean } = {},
): Rule {
  return (value) => {
    if (!isRecord(value)) return 'must be an object'
    const problems: Problem[] = []
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(properties, name)) {
        problems.push({ path: name.slice(0, 60), rule: 'is not a property of a tenant' })
      }
    }
    for (const [name, rule] of Object.entries(properties)) {
      const isNeeded = needed || name === 'id'
      if (value[name] === undefined && !isNeeded) continue
      problems.push(...under(name, rule(value[name])))
    }
    return problems
  }
}

// Limits that depend on each other.
function rateRule(value: unknown): ReturnType<Rule> {
  const problems = listed(rate(value))
  if (problems.length > 0) return problems
  const { limit, periodMs } = value as { readonly limit: number; readonly periodMs: number }
  return limit <= periodMs * 1_000 ? null : 'must start at most one job each microsecond'
}

function limitersRule(value: unknown): ReturnType<Rule> {
  if (!isRecord(value)) return 'must be an object: limits by the name of their limiter'
  return Object.entries(value).flatMap(([name, limits]) => [
    ...under(
      name.slice(0, 60),
      problemOf(() => checkKey('limiter', name, DEFAULT_SIZES.keyLength)),
    ),
    ...under(name.slice(0, 60), LIMITER(limits)),
  ])
}

function whole(min: number, max = Number.MAX_SAFE_INTEGER): Rule {
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} on` : `${min} to ${max}`
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
      ? null
      : `must be a whole number from ${range}, not ${shown(value)}`
}

function orNone(rule: Rule): Rule {
  return (value) => {
    if (value === 'none') return null
    const problem = rule(value)
    return typeof problem === 'string' ? problem.replace('must be', "must be 'none' or") : problem
  }
}

function oneOf(values: readonly string[]): Rule {
  return (value) =>
    (values as readonly unknown[]).includes(value)
      ? null
      : `must be one of ${values.join(', ')}, not ${shown(value)}`
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? null : 'must be the name or the URL of a store'
}

function isTimezone(value: unknown): boolean {
  if (typeof value !== 'string') return false
  return problemOf(() => new Intl.DateTimeFormat('en', { timeZone: value })) === null
}

function problemOf(check: () => unknown): string | null {
  try {
    check()
    return null
  } catch (error) {
    return (error as Error).message
  }
}

function under(path: string, problem: ReturnType<Rule>): Problem[] {
  return listed(problem).map((below) => ({
    path: below.path === '' ? path : `${path}.${below.path}`,
    rule: below.rule,
  }))
}

function listed(problem: ReturnType<Rule>): readonly Problem[] {
  if (problem === null) return []
  return typeof problem === 'string' ? [{ path: '', rule: problem }] : problem
}

function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : describe(value)
}

function invalid(problems: readonly string[]): JobsError {
  const more = problems.length - SHOWN_PROBLEMS
  const lines = problems.slice(0, SHOWN_PROBLEMS)
  if (more > 0) lines.push(`and ${more} more`)
  return new JobsError(
    'JOBS_INVALID_CONFIG',
    ['the tenant directory is not valid:', ...lines].join('\n  '),
  )
}
