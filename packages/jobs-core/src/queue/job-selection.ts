import { currentTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import { checkJobId, checkKey, describe } from '../job/names.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { JobFilter, JobStatus } from '../storage/job-store.ts'
import { checkScope } from './job-address.ts'
import type { JobSelection, TenantChoice } from './job-queue.ts'

/** A selection as stores take it: checked, its tenant filled in. */
export interface CheckedSelection extends JobFilter {
  readonly statuses?: readonly JobStatus[]
}

const KNOWN = new Set(['tenantId', 'status', 'name', 'keyPrefix', 'groupId', 'scheduleId'])

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
  for (const property of Object.keys(selection)) {
    if (KNOWN.has(property) || others.includes(property)) continue
    throw new JobsError('JOBS_INVALID_OPTION', `there is no filter ${describe(property)}`)
  }
  const { status, name, keyPrefix, groupId, scheduleId } = selection
  return {
    ...checkTenantChoice(queue, selection),
    ...(status !== undefined && { statuses: checkStatuses(listOf(status)) }),
    ...(name !== undefined && { names: listOf(name) }),
    ...(keyPrefix !== undefined && {
      keyPrefix: checkKey('keyPrefix', keyPrefix, sizes.keyLength),
    }),
    ...(groupId !== undefined && { groupId: checkJobId(groupId, sizes.idLength, 'groupId') }),
    ...(scheduleId !== undefined && {
      scheduleId: checkJobId(scheduleId, sizes.idLength, 'scheduleId'),
    }),
  }
}

/** @throws {@link JobsError} `JOBS_INVALID_TENANT_ID` */
export function checkTenantChoice(
  queue: string,
  { tenantId = currentTenant() }: TenantChoice,
): { readonly queue: string; readonly tenantId?: string | null } {
  return tenantId === undefined ? { queue } : { queue, tenantId: checkScope(tenantId) }
}

const STATUSES: Readonly<Record<JobStatus, true>> = {
  pending: true,
  scheduled: true,
  running: true,
  retrying: true,
  completed: true,
  failed: true,
  cancelled: true,
}

function checkStatuses(statuses: readonly JobStatus[]): readonly JobStatus[] {
  for (const status of statuses) {
    if (!Object.hasOwn(STATUSES, status)) {
      throw new JobsError(
        'JOBS_INVALID_OPTION',
        `there is no status ${describe(status)}; there are ${Object.keys(STATUSES).join(', ')}`,
      )
    }
  }
  return statuses
}

function listOf<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === 'string' ? [value] : value
}
