import {
  JobsError,
  type EndState,
  type EnqueueResult,
  type GroupRecord,
  type GroupRef,
  type NewGroup,
  type NewJob,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import { findGroup, groupOf, type ModelGroup } from '../model-group.ts'
import { hasEnded, sameRef, type ModelJob } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { addJob } from './adding.ts'
import { expectFull, expectWithinQuota } from './backlogs.ts'

type EnqueueGroupsAnswer =
  | {
      readonly status: 'enqueued'
      readonly members: readonly (readonly EnqueueResult[])[]
      readonly groups: readonly GroupRecord[]
    }
  | { readonly status: 'existing'; readonly group: GroupRecord }

export function enqueueGroups(
  model: ModelState,
  inputs: readonly NewGroup[],
  answer: EnqueueGroupsAnswer | JobsError,
): void {
  const root = inputs[0]!
  const taken = findGroup(model, root)
  const members = inputs.flatMap((input) => input.members)
  if (answer instanceof JobsError) {
    expect(answer.code, 'the refusal of groups').toBe('JOBS_BACKLOG_FULL')
    expectFull(model, members)
    return
  }
  if (answer.status === 'existing') {
    if (taken === undefined) throw new Error(`group ${root.id} is not known`)
    compareGroup(answer.group, taken)
    return
  }
  if (taken !== undefined) forgetGroup(model, taken)
  const part = { call: model.nextCall(), part: 0 }
  for (const [index, input] of inputs.entries()) {
    const results = answer.members[index] ?? []
    expect(results.length, 'one answer for each member').toBe(input.members.length)
    const jobs = input.members.map((member, at) => {
      const result = results[at]!
      if (result.status !== 'enqueued') throw new Error('a member has no key to be taken')
      const { queue, tenantId } = member
      const group = { memberOf: input.id, callbackOf: null }
      return addJob(model, { queue, tenantId, id: result.id }, member, part, { group })
    })
    const nested = inputs.filter((each) => each.parentId === input.id)
    model.groups.push({
      ref: { queue: input.queue, tenantId: input.tenantId, id: input.id },
      parentId: input.parentId,
      createdAt: model.now,
      members: [
        ...jobs.map((job) => ({ job, groupId: null, end: null })),
        ...nested.map(({ id }) => ({ job: null, groupId: id, end: null })),
      ],
      onComplete: input.onComplete,
      onAnyFailed: input.onAnyFailed,
      endedAt: null,
      callback: null,
      isClosed: false,
    })
  }
  expectWithinQuota(model, members)
  // What is empty ends at once, what is nested first.
  for (const input of inputs.toReversed()) endIfDone(model, findGroup(model, input)!)
  expect(answer.groups.length, 'one record for each group').toBe(inputs.length)
  for (const [index, input] of inputs.entries()) {
    compareGroup(answer.groups[index]!, findGroup(model, input)!)
  }
}

/** The job has ended, or was removed while it waited: its groups learn of it. */
export function countEnd(model: ModelState, job: ModelJob): void {
  const end = hasEnded(job) ? (job.state as EndState) : 'cancelled'
  const called = model.groups.find(({ callback }) => callback === job)
  if (called !== undefined) called.isClosed = true
  const group = groupOf(model, job)
  if (group === undefined || group.endedAt !== null) return
  group.members.find((member) => member.job === job)!.end = end
  endIfDone(model, group)
}

/** An operator's retry takes the job out of a group that has not ended. */
export function uncount(model: ModelState, job: ModelJob): void {
  const group = groupOf(model, job)
  if (group === undefined || group.endedAt !== null) return
  group.members.find((member) => member.job === job)!.end = null
}

/** Compares what a store shows of the groups, in the order of {@link ModelState.groups}. */
export function compareGroups(model: ModelState, records: readonly (GroupRecord | null)[]): void {
  for (const [index, group] of [...model.groups].entries()) {
    const record = records[index] ?? null
    if (record === null) forgetGroup(model, group)
    else compareGroup(record, group)
  }
}

function endIfDone(model: ModelState, group: ModelGroup): void {
  if (group.endedAt !== null || group.members.some(({ end }) => end === null)) return
  group.endedAt = model.now
  const completed = group.members.every(({ end }) => end === 'completed')
  const callback: NewJob | null = completed ? group.onComplete : group.onAnyFailed
  const parent = model.groups.find((each) => isSame(each, group.ref, group.parentId))
  const place = parent?.members.find(({ groupId }) => groupId === group.ref.id)
  if (callback !== null) {
    const links = { memberOf: group.parentId, callbackOf: group.ref.id }
    const part = { call: model.nextCall(), part: 0 }
    group.callback = addJob(model, null, callback, part, { group: links })
    // What the parent waits for is this job.
    if (place !== undefined) place.job = group.callback
    return
  }
  group.isClosed = true
  if (parent === undefined) return
  place!.end = completed ? 'completed' : 'failed'
  endIfDone(model, parent)
}

function isSame(group: ModelGroup, { queue, tenantId }: GroupRef, id: string | null): boolean {
  return id !== null && sameRef(group.ref, { queue, tenantId, id })
}

/** A group is retained as long as any job of it is. */
function forgetGroup(model: ModelState, group: ModelGroup): void {
  const jobs = [group.callback, ...group.members.map(({ job }) => job)]
  const kept = jobs.find((job) => job !== null && model.jobs.includes(job))
  if (group.endedAt === null || kept !== undefined) {
    throw new Error(`group ${group.ref.id} is gone before its jobs are`)
  }
  model.groups = model.groups.filter((each) => each !== group)
}

function compareGroup(record: GroupRecord, group: ModelGroup): void {
  const count = (state: string) => group.members.filter(({ end }) => end === state).length
  expect(record, 'a group').toEqual({
    ...group.ref,
    parentId: group.parentId,
    total: group.members.length,
    completed: count('completed'),
    failed: count('failed'),
    cancelled: count('cancelled'),
    createdAt: group.createdAt,
    endedAt: group.endedAt,
    callbackId: callbackIdOf(group, record),
  })
}

/** The id of a callback is known when the store has told it: here, or where the job shows itself. */
function callbackIdOf({ callback }: ModelGroup, record: GroupRecord): string | null {
  if (callback === null) return null
  if (callback.isUnnamed && record.callbackId !== null) return record.callbackId
  return callback.ref.id
}
