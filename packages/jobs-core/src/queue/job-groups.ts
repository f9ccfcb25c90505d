import { withTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import { checkRequest, type JobRequest } from '../job/job-request.ts'
import { errorAt } from '../job/error-at.ts'
import { checkJobId, checkTenantId } from '../job/names.ts'
import type { GroupStore, NewGroup } from '../storage/job-group.ts'
import type { NewJob } from '../storage/new-job.ts'
import {
  type GroupMember,
  type GroupOptions,
  type PlannedGroup,
  type PlannedJob,
  planGroups,
} from './group-request.ts'
import { type JobAddress, jobRefOf } from './job-address.ts'
import { type EnqueuedGroup, groupFromRecord, type JobGroup } from './job-group.ts'
import type { QueueParts } from './queue-parts.ts'

type EnqueuedGroups = Extract<
  Awaited<ReturnType<GroupStore['enqueueGroups']>>,
  { readonly status: 'enqueued' }
>

/** Makes and finds the groups of one queue. */
export class JobGroups {
  readonly #parts: QueueParts

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  async enqueue(members: readonly GroupMember[], options: GroupOptions): Promise<EnqueuedGroup> {
    const plan = planGroups(members, options)
    const { middleware } = this.#parts
    if (!middleware.active) return this.#store(plan, options)
    const planned = plan.flatMap(({ jobs }) => jobs)
    const stored: EnqueuedGroup[] = []
    await middleware.run(
      planned.map(({ request }) => request),
      async (requests) => {
        const group = await this.#store(withRequests(plan, requests), options)
        stored.push(group)
        return membersOf(group)
      },
    )
    return stored[0]!
  }

  async #store(plan: readonly PlannedGroup[], options: GroupOptions): Promise<EnqueuedGroup> {
    const { session } = this.#parts
    const groups = await this.#newGroups(plan, options)
    const answer = await session.call('enqueueGroups', (call) =>
      session.store.enqueueGroups(groups, call),
    )
    if (answer.status === 'existing') {
      return { ...groupFromRecord(answer.group), jobs: [], groups: [], duplicate: true }
    }
    const enqueued = this.#enqueued(plan, groups, answer)
    const { events } = this.#parts
    if (events.hears('enqueued')) {
      for (const job of membersOf(enqueued)) events.emit('enqueued', job, {})
    }
    return enqueued
  }

  async get(group: JobAddress): Promise<JobGroup | null> {
    const { name, session, sizes } = this.#parts
    const refs = [jobRefOf(name, group, sizes, 'group id')]
    const [record] = await session.call('getGroups', (call) => session.store.getGroups(refs, call))
    return record == null ? null : groupFromRecord(record)
  }

  #newGroups(plan: readonly PlannedGroup[], options: GroupOptions): Promise<readonly NewGroup[]> {
    const { sizes, newJobs, runtime } = this.#parts
    const { random } = runtime.ports
    const { groupId, tenantId: given } = options
    if (given !== undefined) checkTenantId(given)
    const tenantId = newJobs.tenantOf(options)
    const rootId = groupId === undefined ? null : checkJobId(groupId, sizes.idLength, 'groupId')
    const ids = plan.map((_, place) => (place === 0 ? rootId : null) ?? `group_${random.hex(24)}`)
    const make = (): Promise<readonly NewGroup[]> =>
      Promise.all(plan.map((group, place) => this.#newGroup(group, place, ids, tenantId)))
    return tenantId === null ? make() : withTenant(tenantId, make)
  }

  async #newGroup(
    { parent, jobs, onComplete, onAnyFailed }: PlannedGroup,
    place: number,
    ids: readonly string[],
    tenantId: string | null,
  ): Promise<NewGroup> {
    const make = (job: PlannedJob): Promise<NewJob> => this.#newJob(job, tenantId)
    const [members, whenComplete, whenFailed] = await Promise.all([
      Promise.all(jobs.map(make)),
      onComplete === null ? null : make(onComplete),
      onAnyFailed === null || onAnyFailed === 'complete' ? null : make(onAnyFailed),
    ])
    return {
      queue: this.#parts.name,
      tenantId,
      id: ids[place]!,
      parentId: parent === null ? null : ids[parent]!,
      members,
      onComplete: whenComplete,
      onAnyFailed: onAnyFailed === 'complete' ? whenComplete : whenFailed,
    }
  }

  async #newJob({ request, path }: PlannedJob, tenantId: string | null): Promise<NewJob> {
    try {
      const { job, payload, options } = checkRequest(request)
      const newJob = await this.#parts.newJobs.create(job, payload, options)
      checkGroupJob(newJob, tenantId)
      return newJob
    } catch (cause) {
      throw errorAt(path, cause)
    }
  }

  #enqueued(
    plan: readonly PlannedGroup[],
    groups: readonly NewGroup[],
    made: EnqueuedGroups,
  ): EnqueuedGroup {
    const nested = plan.map((): EnqueuedGroup[] => [])
    const shown = (place: number): EnqueuedGroup => {
      const { id, members } = groups[place]!
      const links = { memberOf: id, callbackOf: null }
      return {
        ...groupFromRecord(made.groups[place]!),
        jobs: members.map((newJob, index) => {
          const { request } = plan[place]!.jobs[index]!
          const result = made.members[place]![index]!
          return this.#parts.viewer.showEnqueued(request.job, newJob, result, links)
        }),
        groups: nested[place]!.toReversed(),
      }
    }
    // From the last to the first: a group comes before those nested in it.
    for (let place = plan.length - 1; place > 0; place--) {
      nested[plan[place]!.parent!]!.push(shown(place))
    }
    return shown(0)
  }
}

/** The plan with other requests for its members, in the order of {@link membersOf}. */
function withRequests(
  plan: readonly PlannedGroup[],
  requests: readonly JobRequest[],
): readonly PlannedGroup[] {
  let next = 0
  return plan.map((group) => ({
    ...group,
    jobs: group.jobs.map((job) => ({ ...job, request: requests[next++]! })),
  }))
}

/** The jobs of a group, its own first and then those of the groups in it. */
function membersOf({ jobs, groups }: EnqueuedGroup): Job<unknown>[] {
  return [...jobs, ...groups.flatMap(membersOf)]
}

function checkGroupJob(job: NewJob, tenantId: string | null): void {
  if (job.jobId !== undefined || job.unique !== undefined) {
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `a job of a group has no ${job.unique === undefined ? 'jobId' : 'uniqueKey'}: one that is there already cannot be counted. Give the group a groupId to make a repeated call safe`,
    )
  }
  if (job.tenantId !== tenantId) {
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `its tenant is ${job.tenantId ?? 'none'}, the group's is ${tenantId ?? 'none'}: a group has one tenant`,
    )
  }
}
