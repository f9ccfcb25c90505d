import {
  EACH_TENANT,
  type LimitChange,
  type Limits,
  type LimitScope,
  type StoredLimits,
} from '../storage/limits.ts'
import type { Tenant } from './tenant.ts'

/** What the directory has to say about one scope. */
export interface DirectoryLimits {
  readonly scope: LimitScope
  readonly limits: Limits
}

/**
 * What the directory says in one store: about each of its tenants, and that any other is held. Jobs
 * without a tenant run.
 */
export function directoryLimits(queue: string, tenants: Iterable<Tenant>): DirectoryLimits[] {
  const said: DirectoryLimits[] = []
  for (const tenant of tenants) said.push(...limitsOf(queue, tenant))
  // Last, so that at no time a tenant is held that is known.
  said.push({ scope: { queue, tenantId: null }, limits: { paused: false } })
  said.push({ scope: { queue, tenantId: EACH_TENANT }, limits: { paused: true } })
  return said
}

function limitsOf(
  queue: string,
  { id: tenantId, weight, limits = {}, limiters = {}, status }: Tenant,
): DirectoryLimits[] {
  const { concurrency, rate, backlog } = limits
  return [
    {
      scope: { queue, tenantId },
      limits: {
        // Said also where it is no different: `EACH_TENANT` says the contrary.
        paused: status === 'suspended',
        ...(weight !== undefined && { weight }),
        ...(concurrency !== undefined && { concurrency }),
        ...(rate !== undefined && { rate }),
        ...(backlog !== undefined && { backlog }),
      },
    },
    ...Object.entries(limiters).map(([limiter, said]) => ({
      scope: { queue, tenantId, limiter },
      limits: { ...said },
    })),
  ]
}

/** What must change so that the directory's part of what a store keeps is what it says: nothing else. */
export function limitChanges(
  wanted: readonly DirectoryLimits[],
  stored: readonly StoredLimits[],
): LimitChange[] {
  const found = new Map<string, Limits>()
  for (const { scope, directory } of stored) found.set(keyOf(scope), directory)
  const changes: LimitChange[] = []
  for (const { scope, limits } of wanted) {
    const key = keyOf(scope)
    addChange(changes, scope, limits, found.get(key) ?? {})
    found.delete(key)
  }
  for (const { scope, directory } of stored) {
    if (found.has(keyOf(scope))) addChange(changes, scope, {}, directory)
  }
  return changes
}

function addChange(
  changes: LimitChange[],
  scope: LimitScope,
  wanted: Limits,
  stored: Limits,
): void {
  const limits: Record<string, unknown> = {}
  let isChange = false
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(stored)]) as Set<
    keyof Limits
  >) {
    if (isSame(wanted[name], stored[name])) continue
    limits[name] = wanted[name] ?? null
    isChange = true
  }
  if (isChange) changes.push({ scope, source: 'directory', limits })
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
