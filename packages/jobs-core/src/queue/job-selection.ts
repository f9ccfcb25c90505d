import { currentTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import { isRecord } from '../job/check-job-options.ts'
import { checkJobId, checkKey, describe } from '../job/names.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { JobFilter, JobStatus } from '../storage/job-store.ts'
import { checkScope } from './job-address.ts'

/** Which tenant's jobs a call means: a tenant, or `null` for jobs without one. */
export interface TenantChoice {
  /** @defaultValue the current tenant (see `withTenant`); outside of one, every tenant */
  readonly tenantId?: string | null
}

/** Which jobs a call means. What is left out does not narrow it. */
export interface JobSelection extends TenantChoice {
  readonly status?: JobStatus | readonly JobStatus[]
  readonly name?: string | readonly string[]
  /** Jobs one of whose keys (unique, ordering, concurrency) begins so. */
  readonly keyPrefix?: string
  /** Members of that group. */
  readonly groupId?: string
  /**
   * Jobs that a schedule of that id made. A tenant's own schedule, one for each tenant and one that was
   * removed may have had the same id: give them ids that differ to tell their jobs apart.
   */
  readonly scheduleId?: string
}

/** A selection as stores take it: checked, its tenant filled in. */
export interface CheckedSelection extends JobFilter {
  readonly statuses?: readonly JobStatus[]
}

const KNOWN = ['tenantId', 'status', 'name', 'keyPrefix', 'groupId', 'scheduleId']

/**
 * @param others - properties that stand beside the selection and are somebody else's to check.
 * @throws {@link JobsError} `JOBS_INVALID_OPTION`, `JOBS_INVALID_TENANT_ID`, `JOBS_INVALID_KEY`,
 * `JOBS_INVALID_JOB_ID`
 */
export function checkSelection(
  queue: string,
  selection: JobSelection,
  sizes: SizeLimits,
  others: readonly string[] = [],
): CheckedSelection {
  checkFilterNames(selection, [...KNOWN, ...others])
  const { status, name, keyPrefix, groupId, scheduleId } = selection
  return {
    ...checkTenantChoice(queue, selection),
    ...(status !== undefined && { statuses: checkStatuses(listOf('status', status)) }),
    ...(name !== undefined && { names: listOf('name', name) }),
    ...(keyPrefix !== undefined && {
      keyPrefix: checkKey('keyPrefix', keyPrefix, sizes.keyLength),
    }),
    ...(groupId !== undefined && { groupId: checkJobId(groupId, sizes.idLength, 'groupId') }),
    ...(scheduleId !== undefined && {
      scheduleId: checkJobId(scheduleId, sizes.idLength, 'scheduleId'),
    }),
  }
}

/** Whether a selection says nothing but whose jobs it means. */
export function isByTenant(selection: JobSelection): boolean {
  return Object.entries(selection).every(
    ([name, value]) => name === 'tenantId' || value === undefined,
  )
}

/**
 * A filter with a property that there is not, misspelt perhaps, would mean more than its author does.
 *
 * @throws {@link JobsError} `JOBS_INVALID_OPTION`
 */
export function checkFilterNames(filter: object, known: readonly string[]): void {
  // Callers in JavaScript may pass anything.
  if (!isRecord(filter)) {
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `a filter must be an object, not ${describe(filter)}`,
    )
  }
  for (const property of Object.keys(filter)) {
    if (known.includes(property)) continue
    throw new JobsError('JOBS_INVALID_OPTION', `there is no filter ${describe(property)}`)
  }
}

/** @throws {@link JobsError} `JOBS_INVALID_TENANT_ID` */
export function checkTenantChoice(
  queue: string,
  { tenantId = currentTenant() }: TenantChoice,
): { readonly queue: string; readonly tenantId?: string | null } {
  return tenantId === undefined ? { queue } : { queue, tenantId: checkScope(tenantId) }
}

/** Every status. */
export const STATUSES: readonly JobStatus[] = [
  'pending',
  'scheduled',
  'running',
  'retrying',
  'completed',
  'failed',
  'cancelled',
]

function checkStatuses(statuses: readonly JobStatus[]): readonly JobStatus[] {
  for (const status of statuses) {
    if (!STATUSES.includes(status)) {
      throw new JobsError(
        'JOBS_INVALID_OPTION',
        `there is no status ${describe(status)}; there are ${STATUSES.join(', ')}`,
      )
    }
  }
  return statuses
}

function listOf<T extends string>(property: string, value: T | readonly T[]): readonly T[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  for (const item of list) {
    if (typeof item === 'string') continue
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `${property} of a filter must be a string or an array of strings, not ${describe(item)}`,
    )
  }
  return list as readonly T[]
}

/**
 * A selection for many jobs must narrow something, and say nothing by accident.
 *
 * @param whose - whose jobs an empty selection would mean, for the message.
 * @throws {@link JobsError} `JOBS_INVALID_OPTION`
 */
export function checkNarrow(selection: JobSelection, whose: string = ''): void {
  if (Object.keys(selection ?? {}).length === 0) {
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `an empty filter would mean every job${whose}: give a status, name, keyPrefix, groupId, scheduleId or tenantId`,
    )
  }
  checkSaid(selection)
}

/**
 * A variable that is `undefined` would widen a selection, in the end to every job there is.
 *
 * @throws {@link JobsError} `JOBS_INVALID_OPTION`
 */
export function checkSaid(selection: JobSelection): void {
  for (const [property, value] of Object.entries(selection ?? {})) {
    if (value !== undefined) continue
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `${property} of the filter is undefined; leave it out to mean any`,
    )
  }
}
