import { JobsError } from '../errors.ts'
import type { JobRequest } from '../job/job-request.ts'
import { describe } from '../job/names.ts'

/** The jobs made when all members of a group have ended: exactly one of the two, once. */
export interface GroupCallbacks<TRequest = JobRequest> {
  /** When every member completed. @defaultValue nothing */
  readonly onComplete?: TRequest
  /**
   * When a member failed or was cancelled: a job, `'complete'` for that of `onComplete`, or
   * `'nothing'`. There is no default, because each is wrong for somebody.
   */
  readonly onAnyFailed: TRequest | 'complete' | 'nothing'
}

/** A group as a member of another. */
export interface NestedGroup<TRequest = JobRequest> extends GroupCallbacks<TRequest> {
  readonly jobs: readonly GroupMember<TRequest>[]
}

/** What a group may wait for. Jobs have neither a `jobId` nor a `uniqueKey` here. */
export type GroupMember<TRequest = JobRequest> = TRequest | NestedGroup<TRequest>

/** What `enqueueGroup` takes beside the members. */
export interface GroupOptions extends GroupCallbacks {
  /**
   * The caller's own id, 1 to 200 characters, unique per queue and tenant while the group is
   * retained: makes a repeated call safe. @defaultValue made at random
   */
  readonly groupId?: string
  /** The tenant of all its jobs. @defaultValue the current tenant, see `withTenant` */
  readonly tenantId?: string
}

/** One group of a request, its jobs not yet made. */
export interface PlannedGroup {
  /** The place of the group it is nested in; `null` for the root. */
  readonly parent: number | null
  readonly jobs: readonly PlannedJob[]
  readonly onComplete: PlannedJob | null
  readonly onAnyFailed: PlannedJob | 'complete' | null
}

/** A job of a group, and where the request has it. */
export interface PlannedJob {
  readonly request: JobRequest
  readonly path: string
}

const MAX_MEMBERS = 10_000
const MAX_DEPTH = 32

const NESTED_OPTIONS = ['jobs', 'onComplete', 'onAnyFailed']
const ROOT_OPTIONS = ['onComplete', 'onAnyFailed', 'groupId', 'tenantId']

/**
 * Lays a tree of groups out in a list, the root first and each group before those nested in it.
 *
 * @throws {@link JobsError} `JOBS_INVALID_OPTION`, `JOBS_DEPENDENCY_CYCLE`
 */
export function planGroups(
  members: readonly GroupMember[],
  options: GroupOptions,
): readonly PlannedGroup[] {
  if (typeof options !== 'object' || options === null) {
    throw invalid('group', 'the options must be an object')
  }
  checkNames('group', options, ROOT_OPTIONS)
  const groups: PlannedGroup[] = []
  const ancestors = new Set<unknown>()
  let count = 0

  const plan = (
    given: readonly GroupMember[],
    callbacks: GroupCallbacks,
    parent: number | null,
    path: string,
  ): void => {
    if (!Array.isArray(given)) throw invalid(path, 'the members must be an array')
    // Through itself a group can come round only through its array of members.
    if (ancestors.has(given)) {
      throw new JobsError('JOBS_DEPENDENCY_CYCLE', `${path}: the group contains itself`)
    }
    if (ancestors.size === MAX_DEPTH) {
      throw invalid(path, `groups are nested deeper than ${MAX_DEPTH} levels, the limit`)
    }
    count += given.length
    if (count > MAX_MEMBERS) {
      throw invalid('group', `there are more than ${MAX_MEMBERS} members, the limit of one call`)
    }
    ancestors.add(given)
    const jobs: PlannedJob[] = []
    const place = groups.push({ parent, jobs, ...planCallbacks(callbacks, path) }) - 1
    for (const [index, member] of given.entries()) {
      const memberPath = path === 'group' ? `group member ${index}` : `${path}.${index}`
      if (!isNested(member)) jobs.push({ request: member, path: memberPath })
      else {
        checkNames(memberPath, member, NESTED_OPTIONS)
        plan(member.jobs, member, place, memberPath)
      }
    }
    ancestors.delete(given)
  }

  plan(members, options, null, 'group')
  return groups
}

/** Whether a member is a group. */
export function isNested(member: GroupMember | null | undefined): member is NestedGroup {
  return typeof member === 'object' && member !== null && 'jobs' in member
}

function planCallbacks(
  { onComplete, onAnyFailed }: GroupCallbacks,
  path: string,
): Pick<PlannedGroup, 'onComplete' | 'onAnyFailed'> {
  if (onAnyFailed === undefined) {
    throw invalid(path, "onAnyFailed has no default: a job, 'complete' or 'nothing'")
  }
  if (typeof onAnyFailed === 'string' && onAnyFailed !== 'complete' && onAnyFailed !== 'nothing') {
    throw invalid(
      path,
      `onAnyFailed must be a job, 'complete' or 'nothing', not ${describe(onAnyFailed)}`,
    )
  }
  if (onAnyFailed === 'complete' && onComplete === undefined) {
    throw invalid(path, "onAnyFailed is 'complete', but there is no onComplete")
  }
  return {
    onComplete:
      onComplete === undefined ? null : { request: onComplete, path: `${path}, onComplete` },
    onAnyFailed:
      onAnyFailed === 'nothing'
        ? null
        : onAnyFailed === 'complete'
          ? 'complete'
          : { request: onAnyFailed, path: `${path}, onAnyFailed` },
  }
}

function checkNames(path: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalid(path, `there is no group option ${describe(name)}`)
  }
}

function invalid(path: string, why: string): JobsError {
  return new JobsError('JOBS_INVALID_OPTION', `${path}: ${why}`)
}
