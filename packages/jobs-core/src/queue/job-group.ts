import type { Job } from '../job/job.ts'
import type { GroupRecord } from '../storage/job-group.ts'

/** A group as its readers see it: a snapshot, never changed afterwards. */
export interface JobGroup {
  /** Unique within its queue and tenant. */
  readonly id: string
  readonly queue: string
  readonly tenantId?: string
  /** The group of which this one is a member. */
  readonly parentId?: string
  /** Members, nested groups counted as one each. */
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly createdAt: Date
  /** When the last member ended; absent while one has not. */
  readonly endedAt?: Date
  /** The id of the job made at the end; absent before, and where there was none to make. */
  readonly callbackId?: string
}

/** What `enqueueGroup` made. */
export interface EnqueuedGroup extends JobGroup {
  /** The members that are jobs, in the order of the call. */
  readonly jobs: readonly Job<unknown>[]
  /** The members that are groups, in the order of the call. */
  readonly groups: readonly EnqueuedGroup[]
  /**
   * `true` where a group of this `groupId` was there already: it is the answer, nothing was stored,
   * and its members are not read (`listJobs({ groupId })` does).
   */
  readonly duplicate?: boolean
}

/** A record as a {@link JobGroup}. */
export function groupFromRecord(record: GroupRecord): JobGroup {
  const { tenantId, parentId, endedAt, callbackId } = record
  return {
    id: record.id,
    queue: record.queue,
    total: record.total,
    completed: record.completed,
    failed: record.failed,
    cancelled: record.cancelled,
    createdAt: new Date(record.createdAt),
    ...(tenantId !== null && { tenantId }),
    ...(parentId !== null && { parentId }),
    ...(endedAt !== null && { endedAt: new Date(endedAt) }),
    ...(callbackId !== null && { callbackId }),
  }
}
