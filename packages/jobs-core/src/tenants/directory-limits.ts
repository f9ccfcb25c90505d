import { checkLimits } from '../limits/check-limits.ts'
import {
  EACH_TENANT,
  type LimitChange,
  type Limits,
  type LimitScope,
  type LimitSource,
  type StoredLimits,
} from '../storage/limits.ts'
import type { Tenant, TenantEntry } from './tenant.ts'

/** What a source has to say about one scope. */
export interface SaidLimits {
  readonly scope: LimitScope
  readonly limits: Limits
}

/**
 * What the directory says in one store: about each of its tenants, and that any other is held. Jobs
 * without a tenant run.
 */
export function directoryLimits(queue: string, tenants: Iterable<Tenant>): SaidLimits[] {
  const said: SaidLimits[] = []
  for (const tenant of tenants) {
    for (const { limiter, limits } of limitsOfTenant(tenant)) {
      const scope = { queue, tenantId: tenant.id }
      if (limiter !== null) said.push({ scope: { ...scope, limiter }, limits })
      // Said also where it is no different: `EACH_TENANT` says the contrary.
      else said.push({ scope, limits: { paused: tenant.status === 'suspended', ...limits } })
    }
  }
  // Last, so that at no time a tenant is held that is known.
  said.push({ scope: { queue, tenantId: null }, limits: { paused: false } })
  said.push({ scope: { queue, tenantId: EACH_TENANT }, limits: { paused: true } })
  return said
}

/**
 * The limits of a tenant's entry as stores take them: its own, and those of its limiters.
 *
 * @throws {@link JobsError} `JOBS_INVALID_LIMIT`
 */
export function limitsOfTenant({ id: tenantId, weight, limits, limiters = {} }: TenantEntry): {
  /** `null` for the tenant itself. */
  readonly limiter: string | null
  readonly limits: Limits
}[] {
  const own = { ...limits, ...(weight !== undefined && { weight }) }
  const scope = { queue: '', tenantId }
  return [
    { limiter: null, limits: checkLimits(scope, own) as Limits },
    ...Object.entries(limiters).map(([limiter, said]) => ({
      limiter,
      limits: checkLimits({ ...scope, limiter }, said) as Limits,
    })),
  ]
}

/** What must change so that one source's part of what a store keeps is what it says: nothing else. */
export function limitChanges(
  source: LimitSource,
  wanted: readonly SaidLimits[],
  stored: readonly StoredLimits[],
): LimitChange[] {
  const found = new Map<string, Limits>()
  for (const stated of stored) found.set(keyOf(stated.scope), stated[source])
  const changes: LimitChange[] = []
  const add = (scope: LimitScope, said: Limits, before: Limits): void => {
    const limits = differences(said, before)
    if (limits !== null) changes.push({ scope, source, limits })
  }
  for (const { scope, limits } of wanted) {
    const key = keyOf(scope)
    add(scope, limits, found.get(key) ?? {})
    found.delete(key)
  }
  for (const stated of stored) {
    if (found.has(keyOf(stated.scope))) add(stated.scope, {}, stated[source])
  }
  return changes
}

function differences(wanted: Limits, stored: Limits): LimitChange['limits'] | null {
  const limits: Record<string, unknown> = {}
  const names = new Set([...Object.keys(wanted), ...Object.keys(stored)]) as Set<keyof Limits>
  for (const name of names) {
    if (!isSame(wanted[name], stored[name])) limits[name] = wanted[name] ?? null
  }
  return Object.keys(limits).length === 0 ? null : limits
}

function isSame(one: Limits[keyof Limits], other: Limits[keyof Limits]): boolean {
  if (typeof one !== 'object' || typeof other !== 'object') return one === other
  const values = new Map(Object.entries(one))
  const others = Object.entries(other)
  return (
    values.size === others.length && others.every(([name, value]) => values.get(name) === value)
  )
}

function keyOf({ tenantId, limiter, key }: LimitScope): string {
  return JSON.stringify([tenantId === undefined ? false : tenantId, limiter ?? '', key ?? ''])
}
