import { currentTenant } from '@cgk/core'
import { checkJobId, checkTenantId } from '../job/names.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { JobRef } from '../storage/job-record.ts'

/**
 * One job: its id, within the current tenant (outside of one, among the jobs without a tenant); or an
 * object that says whose it is, such as the job itself. An object without `tenantId` means a job
 * without a tenant, wherever the call is made.
 */
export type JobAddress =
  string | { readonly id: string; readonly tenantId?: string | null | undefined }

/** @throws {@link JobsError} `JOBS_INVALID_JOB_ID`, `JOBS_INVALID_TENANT_ID` */
export function jobRefOf(queue: string, job: JobAddress, sizes: SizeLimits, what?: string): JobRef {
  // An object says itself whose job it is. A job without a tenant must not turn, inside of one, into
  // that tenant's job of the same id.
  const { id, tenantId } =
    typeof job === 'string' ? { id: job, tenantId: currentTenant() } : (job ?? { id: job })
  return {
    queue,
    id: checkJobId(id, sizes.idLength, what),
    tenantId: checkScope(tenantId ?? null),
  }
}

/** A tenant, or `null` for what has none. @throws {@link JobsError} `JOBS_INVALID_TENANT_ID` */
export function checkScope(tenantId: string | null): string | null {
  return tenantId === null ? null : checkTenantId(tenantId)
}

/** A ref as messages name it. */
export function describeRef(ref: JobRef): string {
  const whose = ref.tenantId === null ? 'no tenant' : `tenant ${ref.tenantId}`
  return `${ref.id} (queue ${ref.queue}, ${whose})`
}
