import { parseTenantId } from '@cgk/core'
import { JobsError } from '../errors.ts'
import { isRecord } from '../job/check-job-options.ts'
import { checkKey, describe } from '../job/names.ts'
import { DEFAULT_SIZES } from '../size-limits.ts'
import { limitsOfTenant } from './directory-limits.ts'
import type { Tenant, TenantEntry, TenantMap, TenantStatus } from './tenant.ts'

const STATUSES: readonly TenantStatus[] = ['active', 'suspended', 'onboarding']
/** Problems named in one error: enough to mend a file, few enough to read. */
const SHOWN_PROBLEMS = 20

/** Throws where a value is not what a property may be. */
type Check = (value: unknown) => void

const CHECKS: { readonly [P in keyof TenantEntry]-?: Check } = {
  id: parseTenantId,
  status: (value) => {
    if (STATUSES.includes(value as TenantStatus)) return
    throw new Error(`must be one of ${STATUSES.join(', ')}, not ${shown(value)}`)
  },
  weight: (value) => {
    limitsOfTenant({ id: 'any', weight: value as number })
  },
  limits: (value) => {
    checkNames(value, ['concurrency', 'rate', 'backlog'])
    limitsOfTenant({ id: 'any', limits: value as NonNullable<TenantEntry['limits']> })
  },
  limiters: checkLimiters,
  store: checkStore,
  formerStores: (value) => {
    if (!Array.isArray(value)) throw new Error('must be an array of store names or URLs')
    value.forEach(checkStore)
  },
  timezone: (value) => {
    try {
      if (typeof value !== 'string') throw new TypeError()
      new Intl.DateTimeFormat('en', { timeZone: value })
    } catch {
      throw new Error('must be an IANA name such as Europe/London')
    }
  },
}

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
    const found = problemsOf(entry)
    const name = nameOf(entry, index)
    problems.push(...found.map((problem) => `${name}: ${problem}`))
    if (found.length > 0) continue
    const tenant = entry as TenantEntry
    if (tenants.has(tenant.id)) problems.push(`${name}: it is listed twice`)
    else tenants.set(tenant.id, Object.freeze({ ...tenant, status: tenant.status ?? 'active' }))
  }
  if (problems.length > 0) throw invalid(problems)
  return tenants
}

function problemsOf(entry: unknown): string[] {
  if (!isRecord(entry)) return ['must be an object']
  const problems: string[] = []
  for (const name of new Set(['id', ...Object.keys(entry)])) {
    const value = entry[name]
    if (!Object.hasOwn(CHECKS, name)) problems.push(`${describe(name)} is not a property`)
    else if (value !== undefined || name === 'id') {
      const problem = problemWith(CHECKS[name as keyof TenantEntry], value)
      if (problem !== null)
        problems.push(problem.startsWith(name) ? problem : `${name}: ${problem}`)
    }
  }
  return problems
}

function checkLimiters(value: unknown): void {
  if (!isRecord(value)) throw new Error('must be an object: limits by the name of their limiter')
  for (const [name, limits] of Object.entries(value)) {
    checkKey('limiter', name, DEFAULT_SIZES.keyLength)
    try {
      checkNames(limits, ['concurrency', 'rate', 'breaker'])
      limitsOfTenant({ id: 'any', limiters: { [name]: limits } })
    } catch (error) {
      throw new Error(`${describe(name)}: ${(error as Error).message}`)
    }
  }
}

/** Only what limits of a tenant and of a limiter have in a directory; `null` says nothing there. */
function checkNames(limits: unknown, names: readonly string[]): asserts limits is object {
  if (!isRecord(limits)) throw new Error('must be an object')
  for (const [name, value] of Object.entries(limits)) {
    if (!names.includes(name)) {
      throw new Error(`${describe(name)} is not one of ${names.join(', ')}`)
    }
    if (value === null) throw new Error(`${name} is null; leave it out, or say 'none'`)
  }
}

function checkStore(value: unknown): void {
  if (typeof value !== 'string' || value === '') {
    throw new Error('must be the name or the URL of a store')
  }
}

function problemWith(check: Check, value: unknown): string | null {
  try {
    check(value)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

function nameOf(entry: unknown, index: number): string {
  return isRecord(entry) && typeof entry['id'] === 'string'
    ? `tenant ${describe(entry['id'])}`
    : `tenant ${index}`
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
