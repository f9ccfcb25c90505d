import { expectedOf } from '../schedule/expected-of.ts'
import { parseSpec } from '../schedule/stored-spec.ts'
import { ticksOf } from '../schedule/ticks.ts'
import type { ScheduleRecord } from '../storage/schedule.ts'
import { followLimits } from './operator-limits.ts'
import type { QueuePlace } from './queue-routes.ts'

const PAGE = 500

/**
 * Makes a store say of the whole queue what the default store says of it: what an operator said, pauses
 * among it, and the schedules for each tenant. Safe to repeat, and to do in several processes at once.
 */
export async function followDefault(first: QueuePlace, other: QueuePlace): Promise<void> {
  await followLimits(first, other)
  await followSchedules(first, other)
}

/** The same for the schedules alone. */
export async function followSchedules(first: QueuePlace, other: QueuePlace): Promise<void> {
  if (first.store === other.store) return
  if (!other.store.capabilities.schedules || !first.store.capabilities.schedules) return
  const [wanted, found] = await Promise.all([forEachTenant(first), forEachTenant(other)])
  const { queue, parts } = other
  for (const record of wanted.values()) {
    const there = found.get(record.id)
    found.delete(record.id)
    if (there?.spec === record.spec && there.paused === record.paused) continue
    await copy(other, record, there)
  }
  const refs = [...found.keys()].map((id) => ({ queue: queue.name, tenantId: null, id }))
  if (refs.length === 0) return
  await parts.session.call('removeSchedules', (call) => other.store.removeSchedules(refs, call))
}

/** A change by somebody else meanwhile wins; the next round looks again. */
async function copy(
  { parts: { session }, store }: QueuePlace,
  record: ScheduleRecord,
  there: ScheduleRecord | undefined,
): Promise<void> {
  const { queue, id, spec, paused } = record
  const ref = { queue, tenantId: null, id }
  const { now } = await session.call('getSchedules', (call) => store.getSchedules([], call))
  const goesOn = there?.spec === spec && !there.paused
  const put = {
    ...ref,
    spec,
    paused,
    // The instants are the same in every store: an interval is counted from an anchor that is stored.
    nextAt: goesOn ? there.nextAt : ticksOf(parseSpec(record).times).after(now),
    expected: there === undefined ? null : expectedOf(there),
  }
  await session.call('putSchedule', (call) => store.putSchedule(put, call))
}

async function forEachTenant({
  parts: { name: queue, session },
  store,
}: QueuePlace): Promise<Map<string, ScheduleRecord>> {
  const found = new Map<string, ScheduleRecord>()
  let cursor: string | null | undefined
  while (cursor !== null) {
    const request = {
      queue,
      tenantId: null,
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    }
    const page = await session.call('listSchedules', (call) => store.listSchedules(request, call))
    for (const record of page.schedules) {
      if (parseSpec(record).action.forEach !== undefined) found.set(record.id, record)
    }
    cursor = page.nextCursor
  }
  return found
}
