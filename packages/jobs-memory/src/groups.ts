import {
  JobsError,
  type EnqueueResult,
  type GroupLinks,
  type GroupRecord,
  type GroupRef,
  type NewGroup,
  type NewJob,
} from '@cgk/jobs-core'
import { Group } from './group.ts'
import { hasEnded, type Job } from './job.ts'
import { COMPLETED, FAILED, type Standing } from './standing.ts'
import type { StoreState } from './store-state.ts'

/** What groups have done by others. */
export interface GroupsHost {
  /** Makes a job that is part of a group. */
  create(input: NewJob, now: number, links: GroupLinks): Job
  /** Lets go of an ended job, see `Transitions.retire`. */
  retire(job: Job, now: number): void
}

/** The groups of a store: counts their members, and makes the job at the end. */
export class Groups {
  readonly #state: StoreState
  readonly #host: GroupsHost
  /** Groups that are over and whose members are still to be let go. */
  #over: Group[] = []

  constructor(state: StoreState, host: GroupsHost) {
    this.#state = state
    this.#host = host
  }

  find({ queue, tenantId, id }: GroupRef): Group | undefined {
    return this.#state.queues.get(queue)?.findLane(tenantId)?.groups?.get(id)
  }

  /** Makes the groups, the root first, and their members. */
  enqueue(
    inputs: readonly NewGroup[],
    now: number,
  ): { members: EnqueueResult[][]; groups: GroupRecord[] } {
    const made = new Map<string, Group>()
    for (const input of inputs) made.set(input.id, this.#make(input, made, now))
    const members = inputs.map((input) =>
      input.members.map((member) => this.#enqueueMember(made.get(input.id)!, member, now)),
    )
    // What is empty ends at once, what is nested first.
    const groups = [...made.values()]
    for (const group of groups.toReversed()) {
      if (group.endedAt === null && group.hasAllEnded) this.#end(group, now)
    }
    const records = groups.map((group) => group.toRecord())
    this.release(now)
    for (const group of groups.toReversed()) this.#forgetUnused(group)
    return { members, groups: records }
  }

  /** A job with ties has ended: counts it where it is a member, in this one transition. */
  ended({ ties }: Job, standing: Standing, now: number): void {
    const { memberOf, callbackOf } = ties!
    if (callbackOf !== null) this.#isOver(callbackOf)
    if (memberOf !== null) this.#count(memberOf, standing, now)
  }

  /** An ended member is to run again: it counts no more, as long as its group has not ended. */
  uncount(group: Group, job: Job): void {
    if (group.endedAt === null) group.count(job.standing, -1)
  }

  /** Lets go of the members of groups that are over by now. */
  release(now: number): void {
    for (let group = this.#over.pop(); group !== undefined; group = this.#over.pop()) {
      for (const job of group.members) {
        if (job.home === null && job.leaseStage !== 'held' && hasEnded(job)) {
          this.#host.retire(job, now)
        }
      }
      this.#forgetUnused(group)
    }
  }

  /** A job with ties was deleted. */
  forgotten(job: Job): void {
    const { memberOf, callbackOf } = job.ties!
    if (callbackOf !== null) {
      callbackOf.callback = null
      this.#forgetUnused(callbackOf)
    }
    if (memberOf !== null) {
      memberOf.members.delete(job)
      this.#forgetUnused(memberOf)
    }
  }

  #make(input: NewGroup, made: ReadonlyMap<string, Group>, now: number): Group {
    const lane = this.#state.queueOf(input.queue).laneOf(input.tenantId)
    const groups = (lane.groups ??= new Map())
    if (groups.has(input.id)) {
      throw new JobsError(
        'JOBS_ID_CONFLICT',
        `the nested group ${input.id} of queue ${input.queue} has the id of another group`,
      )
    }
    const parent = input.parentId === null ? null : made.get(input.parentId)!
    const group = new Group(input, lane, parent, now)
    group.total += input.members.length
    if (parent !== null) {
      parent.total++
      parent.nested++
    }
    groups.set(group.id, group)
    return group
  }

  #enqueueMember(group: Group, input: NewJob, now: number): EnqueueResult {
    const job = this.#host.create(input, now, { memberOf: group.id, callbackOf: null })
    job.ties!.memberOf = group
    group.members.add(job)
    return { status: 'enqueued', id: job.id, createdAt: job.createdAt, runAt: job.runAt }
  }

  #count(group: Group, standing: Standing, now: number): void {
    if (group.endedAt !== null) return
    group.count(standing, 1)
    if (group.hasAllEnded) this.#end(group, now)
  }

  #end(group: Group, now: number): void {
    group.endedAt = now
    const { parent, allCompleted } = group
    const next = allCompleted ? group.onComplete : group.onAnyFailed
    if (next === null) {
      this.#isOver(group)
      if (parent !== null) this.#count(parent, allCompleted ? COMPLETED : FAILED, now)
      return
    }
    const links = { memberOf: parent?.id ?? null, callbackOf: group.id }
    const job = this.#host.create(next, now, links)
    group.callback = job
    group.callbackId = job.id
    job.ties!.callbackOf = group
    if (parent === null) return
    // What the parent waits for is this job.
    job.ties!.memberOf = parent
    parent.members.add(job)
  }

  #isOver(group: Group): void {
    if (group.isOver) return
    group.isOver = true
    this.#over.push(group)
  }

  #forgetUnused(group: Group): void {
    const { lane, id, parent } = group
    if (group.isRetained || lane.groups?.get(id) !== group) return
    lane.groups.delete(id)
    if (parent === null) return
    parent.nested--
    this.#forgetUnused(parent)
  }
}
