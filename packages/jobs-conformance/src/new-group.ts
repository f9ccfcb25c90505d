import {
  complete,
  type EnqueueResult,
  type GroupRecord,
  type GroupRef,
  type GroupStore,
  type JobRef,
  type JobStore,
  type NewGroup,
  type NewJob,
  type Outcome,
} from '@cgk/jobs-core'
import { claimEverything } from './claim-jobs.ts'
import { newJob, only, QUEUE, TENANT } from './new-job.ts'

/** The jobs that groups of cases end with: one when all went well, one when not. */
export const ON_COMPLETE: NewJob = newJob({ name: 'all-completed' })
export const ON_ANY_FAILED: NewJob = newJob({ name: 'any-failed' })

/** The group that cases use where only one matters. */
export const GROUP: GroupRef = { queue: QUEUE, tenantId: TENANT, id: 'invoices' }

/** A group with both callbacks; what a case does not care about is filled in. */
export function newGroup(given: Partial<NewGroup> = {}): NewGroup {
  return {
    ...GROUP,
    parentId: null,
    members: [],
    onComplete: ON_COMPLETE,
    onAnyFailed: ON_ANY_FAILED,
    ...given,
  }
}

/** Members named `member-0`, `member-1` and so on. */
export function newMembers(
  count: number,
  given: Partial<NewJob> = {},
  prefix = 'member',
): NewJob[] {
  return Array.from({ length: count }, (_, index) =>
    newJob({ name: `${prefix}-${index}`, ...given }),
  )
}

/** Enqueues groups that may not exist yet, and returns the refs of their members, group by group. */
export async function enqueueGroups(
  store: GroupStore,
  groups: readonly NewGroup[],
): Promise<JobRef[][]> {
  const answer = await store.enqueueGroups(groups)
  if (answer.status !== 'enqueued') throw new Error(`group ${answer.group.id} was there already`)
  return answer.members.map((results, index) =>
    results.map((result) => refOf(groups[index]!, result)),
  )
}

/** Enqueues one group of members and nothing nested. */
export async function enqueueGroup(
  store: GroupStore,
  given: Partial<NewGroup> = {},
): Promise<JobRef[]> {
  return only(await enqueueGroups(store, [newGroup(given)]))
}

function refOf({ queue, tenantId }: NewGroup, result: EnqueueResult): JobRef {
  if (result.status !== 'enqueued')
    throw new Error(`expected a new member, it was ${result.status}`)
  return { queue, tenantId, id: result.id }
}

/** The record of a group that must be there. */
export async function readGroup(store: GroupStore, ref: GroupRef = GROUP): Promise<GroupRecord> {
  const record = only(await store.getGroups([ref]))
  if (record === null) throw new Error(`expected group ${ref.id} to be retained`)
  return record
}

/** Claims all that can be claimed and ends it, each job as told by its name. Returns the names. */
export async function runAll(
  store: JobStore,
  outcomes: Readonly<Record<string, Outcome>> = {},
): Promise<string[]> {
  const jobs = await claimEverything(store)
  const { results } = await store.settle({
    settlements: jobs.map((job) => ({
      ...complete(job),
      outcome: outcomes[job.name] ?? { type: 'complete', result: null },
    })),
  })
  if (results.some((result) => result !== 'settled')) {
    throw new Error(`expected every job to settle, got ${JSON.stringify(results)}`)
  }
  return jobs.map(({ name }) => name)
}
