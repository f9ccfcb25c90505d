import {
  backlogFull,
  JobsError,
  type CallOptions,
  type GroupRecord,
  type GroupRef,
  type GroupStore,
  type NewGroup,
} from '@cgk/jobs-core'
import { encodeJob, tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { QueueRegistry } from '../queue-registry.ts'
import { toEnqueueResult, type EnqueueReply } from './enqueue.ts'
import { refArguments } from './get.ts'
import { perShard } from './per-shard.ts'

type Reply =
  | readonly ['existing', string]
  | readonly ['conflict', number]
  | readonly ['full', readonly (readonly [number, number, number, number, number])[]]
  | readonly ['enqueued', string, string, readonly (readonly EnqueueReply[])[], readonly string[]]

/** Makes groups and their members, all or none. */
export async function enqueueGroups(
  caller: FunctionsCaller,
  registry: QueueRegistry,
  groups: readonly NewGroup[],
  options?: CallOptions,
): ReturnType<GroupStore['enqueueGroups']> {
  const [root] = groups
  if (root === undefined) return { status: 'enqueued', members: [], groups: [] }
  const { queue, tenantId } = root
  await registry.add([queue], options)
  const args = groups.map(encodeGroup)
  const reply = (await caller.call(
    'enqueueGroups',
    [caller.shards.of(queue, tenantId)],
    args,
    options,
  )) as Reply
  switch (reply[0]) {
    case 'existing':
      return { status: 'existing', group: toRecord(root, reply[1]) }
    case 'conflict':
      throw new JobsError(
        'JOBS_ID_CONFLICT',
        `the nested group ${groups[reply[1]]!.id} of queue ${queue} has the id of another group`,
      )
    case 'full': {
      const [, , quota, waiting, more] = reply[1][0]!
      throw backlogFull({ queue, tenantId }, { quota, waiting, more })
    }
    case 'enqueued': {
      const [, now, series, members, records] = reply
      const from = { queue, now, series }
      return {
        status: 'enqueued',
        members: members.map((ofGroup) => ofGroup.map((each) => toEnqueueResult(from, {}, each))),
        groups: records.map((text) => toRecord(root, text)),
      }
    }
  }
}

/** Groups by their ids. */
export function getGroups(
  caller: FunctionsCaller,
  refs: readonly GroupRef[],
  options?: CallOptions,
): Promise<readonly (GroupRecord | null)[]> {
  return perShard(caller.shards, refs, async (shard, ofShard) => {
    const reply = await caller.call('getGroups', [shard], refArguments(ofShard), options)
    return (reply as readonly (string | 0)[]).map((text, index) =>
      text === 0 ? null : toRecord(ofShard[index]!, text),
    )
  })
}

function encodeGroup({ tenantId, id, parentId, members, ...callbacks }: NewGroup): string {
  const links = { memberOf: parentId, callbackOf: id }
  const { onComplete, onAnyFailed } = callbacks
  return JSON.stringify({
    tenant: tenantText(tenantId),
    id,
    parent: parentId ?? undefined,
    members: members.map((member) => encodeJob(member, { memberOf: id, callbackOf: null })),
    onComplete: onComplete === null ? undefined : encodeJob(onComplete, links),
    onAnyFailed: onAnyFailed === null ? undefined : encodeJob(onAnyFailed, links),
  })
}

function toRecord({ queue, tenantId }: Omit<GroupRef, 'id'>, text: string): GroupRecord {
  const record = JSON.parse(text) as Pick<GroupRecord, 'id'> & Partial<GroupRecord>
  return {
    queue,
    tenantId,
    parentId: null,
    total: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    createdAt: 0,
    endedAt: null,
    callbackId: null,
    ...record,
  }
}
