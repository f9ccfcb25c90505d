import { withTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import { isRecord } from '../job/check-job-options.ts'
import { type GroupMember, isNested } from './group-request.ts'

/** Keeps what is handed to one tenant's queue within that tenant. */
export class TenantFence {
  readonly tenantId: string

  constructor(tenantId: string) {
    this.tenantId = tenantId
  }

  /** Makes a call in the tenant, whoever's the caller is. */
  within<T>(call: () => T): T {
    return withTenant(this.tenantId, call)
  }

  /**
   * A choice (a selection, a scope, an address) that says whose it is. What is no object stays as it is,
   * for the queue to refuse.
   *
   * @throws {@link JobsError} `JOBS_FOREIGN_TENANT`
   */
  own<T>(what: string, choice: T): T {
    this.check(what, choice)
    return isRecord(choice) ? { ...choice, tenantId: this.tenantId } : choice
  }

  /** @throws {@link JobsError} `JOBS_FOREIGN_TENANT` where a value says that it is somebody else's. */
  check(what: string, value: unknown): void {
    if (!isRecord(value) || value['tenantId'] === undefined) return
    if (value['tenantId'] === this.tenantId) return
    throw new JobsError(
      'JOBS_FOREIGN_TENANT',
      `this is the queue of tenant ${this.tenantId}, and ${what} names ${value['tenantId'] === null ? 'no tenant' : 'another tenant'}`,
    )
  }

  /** @throws {@link JobsError} `JOBS_FOREIGN_TENANT` */
  checkRequest(what: string, request: unknown): void {
    if (isRecord(request)) this.check(what, request['options'])
  }

  /** @throws {@link JobsError} `JOBS_FOREIGN_TENANT` for a job anywhere in a group. */
  checkGroup(members: unknown, callbacks: unknown): void {
    const seen = new Set<unknown>()
    const check = (given: unknown, others: unknown): void => {
      this.check('the group', others)
      if (isRecord(others)) {
        this.checkRequest('onComplete', others['onComplete'])
        this.checkRequest('onAnyFailed', others['onAnyFailed'])
      }
      // A group that contains itself is the queue's to refuse.
      if (!Array.isArray(given) || seen.has(given)) return
      seen.add(given)
      for (const member of given as readonly GroupMember[]) {
        if (isNested(member)) check(member.jobs, member)
        else this.checkRequest('a job of the group', member)
      }
    }
    check(members, callbacks)
  }
}
