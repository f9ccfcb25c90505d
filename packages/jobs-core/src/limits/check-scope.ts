import { currentTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import { checkKey, checkTenantId, describe } from '../job/names.ts'
import type { SizeLimits } from '../size-limits.ts'
import { EACH_TENANT, type LimitScope } from '../storage/limits.ts'
import type { QueueScope } from './limit-options.ts'

const KNOWN: readonly string[] = ['tenantId', 'limiter', 'key'] satisfies (keyof QueueScope)[]

/**
 * A scope as stores take it: checked, its tenant filled in.
 *
 * @throws {@link JobsError} `JOBS_INVALID_LIMIT`, `JOBS_INVALID_TENANT_ID`, `JOBS_INVALID_KEY`
 */
export function checkScope(
  queue: string,
  scope: QueueScope,
  { keyLength }: Pick<SizeLimits, 'keyLength'>,
): LimitScope {
  if (typeof scope !== 'object' || scope === null) throw invalid('must be an object')
  for (const [property, value] of Object.entries(scope)) {
    if (!KNOWN.includes(property)) {
      throw invalid(`has no ${describe(property)}, only tenantId, limiter and key`)
    }
    // A variable that is undefined would widen it, to the whole queue in the end.
    if (value === undefined) {
      throw invalid(`says ${property}: undefined; leave it out where you do not mean one`)
    }
  }
  const { tenantId = currentTenant(), limiter, key } = scope
  if (limiter !== undefined && key !== undefined) throw invalid('has limiter or key, not both')
  const part = limiter === undefined ? 'key' : 'limiter'
  if (tenantId === undefined) {
    if (limiter === undefined && key === undefined) return { queue }
    throw invalid(
      `with a ${part} needs a tenantId: EACH_TENANT ('${EACH_TENANT}') means each by itself`,
    )
  }
  return {
    queue,
    tenantId: tenantId === null || tenantId === EACH_TENANT ? tenantId : checkTenantId(tenantId),
    ...(limiter !== undefined && { limiter: checkKey('limiter', limiter, keyLength) }),
    ...(key !== undefined && { key: checkKey('key', key, keyLength) }),
  }
}

/** A scope as messages name it. */
export function describeScope({ queue, tenantId, limiter, key }: LimitScope): string {
  if (tenantId === undefined) return `queue ${queue}`
  const whose =
    tenantId === null
      ? 'the jobs without a tenant'
      : tenantId === EACH_TENANT
        ? 'each tenant'
        : `tenant ${tenantId}`
  if (limiter !== undefined) return `limiter ${describe(limiter)} of ${whose} in queue ${queue}`
  if (key !== undefined) return `key ${describe(key)} of ${whose} in queue ${queue}`
  return `${whose} in queue ${queue}`
}

function invalid(what: string): JobsError {
  return new JobsError('JOBS_INVALID_LIMIT', `the scope ${what}`)
}
