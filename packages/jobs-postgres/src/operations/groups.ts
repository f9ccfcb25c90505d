import {
  backlogFull,
  JobsError,
  type CallOptions,
  type GroupRecord,
  type GroupRef,
  type GroupStore,
  type NewGroup,
} from '@cgk/jobs-core'
import { isDbError } from '@cgk/db'
import { makeJobId } from '../job-ids.ts'
import { toJsonJob } from '../json-job.ts'
import { refusalOf } from '../refusal.ts'
import type { StoreContext } from '../store-context.ts'

/** A row of `job_group`, as JSON. */
interface StoredGroup {
  readonly tenant: string
  readonly id: string
  readonly parent: string | null
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly created_at: number
  readonly ended_at: number | null
  /** As text: a number would lose digits. */
  readonly callback: string | null
}

interface GroupsMade {
  readonly now: number
  readonly members: readonly (readonly { readonly id: string; readonly runAt: number }[])[]
  readonly groups: readonly StoredGroup[]
}

/** See `GroupStore.enqueueGroups`. */
export async function enqueueGroups(
  { db, schema, wakeUps }: StoreContext,
  groups: readonly NewGroup[],
  options?: CallOptions,
): ReturnType<GroupStore['enqueueGroups']> {
  const [root] = groups
  if (root === undefined) return { status: 'enqueued', members: [], groups: [] }
  const { queue, tenantId } = root
  const answer = await answerOf(
    () =>
      db.query<{ readonly answer: string }>(
        `select ${schema}.enqueue_groups($1, $2, $3::text::jsonb)::text as answer`,
        [queue, tenantId ?? '', JSON.stringify(groups.map(toJsonGroup))],
        options,
      ),
    root,
  )
  if ('existing' in answer) return { status: 'existing', group: readGroup(queue, answer.existing) }
  wakeUps.ready(queue)
  return {
    status: 'enqueued',
    members: answer.members.map((members) =>
      members.map(({ id, runAt }) => ({
        status: 'enqueued',
        id: makeJobId(id, answer.now),
        createdAt: answer.now,
        runAt,
      })),
    ),
    groups: answer.groups.map((group) => readGroup(queue, group)),
  }
}

/** See `GroupStore.getGroups`. */
export async function getGroups(
  { db, schema }: StoreContext,
  refs: readonly GroupRef[],
  options?: CallOptions,
): Promise<readonly (GroupRecord | null)[]> {
  if (refs.length === 0) return []
  const rows = await db.query<{ readonly place: bigint; readonly found: string }>(
    `select r.place, ${schema}.group_record(g)::text as found
     from unnest($1::text[], $2::text[], $3::text[]) with ordinality as r (queue, tenant, id, place)
     join ${schema}.queue q on q.name = r.queue
     join ${schema}.job_group g on g.queue = q.id and g.tenant = r.tenant and g.id = r.id`,
    [
      refs.map(({ queue }) => queue),
      refs.map(({ tenantId }) => tenantId ?? ''),
      refs.map(({ id }) => id),
    ],
    options,
  )
  const records = refs.map((): GroupRecord | null => null)
  for (const { place, found } of rows) {
    const index = Number(place) - 1
    records[index] = readGroup(refs[index]!.queue, JSON.parse(found) as StoredGroup)
  }
  return records
}

type Answer = GroupsMade | { readonly existing: StoredGroup }

interface Refused {
  readonly refused: { readonly quota: number; readonly waiting: number; readonly more: number }
}

async function answerOf(
  call: () => Promise<readonly { readonly answer: string }[]>,
  root: NewGroup,
): Promise<Answer> {
  try {
    const [row] = await call()
    const answer = JSON.parse(row!.answer) as Answer | Refused
    if ('refused' in answer) throw backlogFull(root, answer.refused)
    return answer
  } catch (error) {
    if (!isDbError(error, 'CGK03')) throw error
    const { id } = refusalOf(error) as { readonly id: string }
    throw new JobsError(
      'JOBS_ID_CONFLICT',
      `the nested group ${id} of queue ${root.queue} has the id of another group`,
    )
  }
}

function toJsonGroup({ id, parentId, members, onComplete, onAnyFailed }: NewGroup): unknown {
  return {
    id,
    parentId,
    members: members.map(toJsonJob),
    onComplete: onComplete === null ? null : toJsonJob(onComplete),
    onAnyFailed: onAnyFailed === null ? null : toJsonJob(onAnyFailed),
  }
}

function readGroup(queue: string, group: StoredGroup): GroupRecord {
  const { callback, ended_at: endedAt } = group
  return {
    queue,
    tenantId: group.tenant === '' ? null : group.tenant,
    id: group.id,
    parentId: group.parent,
    total: group.total,
    completed: group.completed,
    failed: group.failed,
    cancelled: group.cancelled,
    createdAt: group.created_at,
    endedAt,
    // It is made in the moment in which the group ends.
    callbackId: callback === null ? null : makeJobId(callback, endedAt!),
  }
}
