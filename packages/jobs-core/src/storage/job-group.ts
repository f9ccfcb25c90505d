import type { CallOptions } from './job-store.ts'
import type { EnqueueResult, NewJob } from './new-job.ts'

/** Names one group: ids are unique within a queue and a tenant while the group is retained. */
export interface GroupRef {
  readonly queue: string
  readonly tenantId: string | null
  readonly id: string
}

/**
 * A group on its way into a store. Its members and callbacks are of its own queue and tenant, and have
 * neither a `jobId` nor a unique key.
 */
export interface NewGroup extends GroupRef {
  /** The group of the same call, listed earlier, of which this one is a member; `null` for the root. */
  readonly parentId: string | null
  readonly members: readonly NewJob[]
  /** Enqueued when every member has ended and all completed; `null` for nothing. */
  readonly onComplete: NewJob | null
  /** Enqueued when every member has ended and not all completed; `null` for nothing. */
  readonly onAnyFailed: NewJob | null
}

/** A group as a store keeps it. */
export interface GroupRecord extends GroupRef {
  readonly parentId: string | null
  /** Members, nested groups counted as one each. */
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly createdAt: number
  /** When the last member ended; `null` while one has not. */
  readonly endedAt: number | null
  /** The job made at the end; `null` before, or where there was none to make. */
  readonly callbackId: string | null
}

/**
 * Groups: jobs, and one job more once they have all ended. Needs the capability `groups`.
 *
 * - A member is counted in the transition that ends it, once, however it ends; a waiting member that is
 *   removed counts as cancelled. The end of the last enqueues the callback in that same transition.
 * - A nested group ends, for its parent, when its callback job does and as that job does; without a
 *   callback at once, completed if all its members completed, else failed.
 * - An operator's retry of an ended member takes it out of the count while its group has not ended;
 *   afterwards it changes nothing about the group.
 * - Members are retained, discarding or not, until the callback job has ended (without one, until the
 *   group has); an operator may still remove them. A group is retained as long as any job of it.
 */
export interface GroupStore {
  /**
   * Makes the groups and their members durable, all or none: first the root, then those nested in it. A
   * group without members ends at once. Where the root's id is taken nothing is stored.
   */
  enqueueGroups(
    groups: readonly NewGroup[],
    options?: CallOptions,
  ): Promise<
    | {
        readonly status: 'enqueued'
        /** The members' results, per group and in the order of the input. */
        readonly members: readonly (readonly EnqueueResult[])[]
        readonly groups: readonly GroupRecord[]
      }
    | { readonly status: 'existing'; readonly group: GroupRecord }
  >

  /** `null` where no such group is retained. */
  getGroups(
    refs: readonly GroupRef[],
    options?: CallOptions,
  ): Promise<readonly (GroupRecord | null)[]>
}
