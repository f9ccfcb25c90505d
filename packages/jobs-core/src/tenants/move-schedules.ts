import { expectedOf } from '../schedule/expected-of.ts'
import { parseSpec, type StoredSpec } from '../schedule/stored-spec.ts'
import type { ScheduleRecord } from '../storage/schedule.ts'
import type { QueuePlace } from './queue-routes.ts'

const PAGE = 500

/** A schedule on its way to another store; until it is there, how it stood is kept with it. */
interface MovingSpec extends StoredSpec {
  readonly moving?: { readonly paused: boolean; readonly nextAt: number | null }
}

/**
 * Moves the schedules of tenants that live elsewhere to where they live, so that no tick is fired in both
 * stores or in none, whenever the process is killed. One that is there already stays as it is.
 *
 * @param placeOf - where a tenant lives; `null` to leave its schedules where they are.
 */
export async function moveSchedules(
  from: QueuePlace,
  placeOf: (tenantId: string) => QueuePlace | null,
): Promise<void> {
  const { store, queue, parts } = from
  if (!store.capabilities.schedules) return
  let cursor: string | null | undefined
  while (cursor !== null) {
    const request = { queue: queue.name, limit: PAGE, ...(cursor !== undefined && { cursor }) }
    const page = await parts.session.call('listSchedules', (call) =>
      store.listSchedules(request, call),
    )
    for (const record of page.schedules) {
      const to = record.tenantId === null ? null : placeOf(record.tenantId)
      if (to !== null && to.store !== store) await move(from, to, record)
    }
    cursor = page.nextCursor
  }
}

async function move(from: QueuePlace, to: QueuePlace, record: ScheduleRecord): Promise<void> {
  const { queue, tenantId, id, paused, nextAt } = record
  const ref = { queue, tenantId, id }
  const { moving: begun, ...spec } = parseSpec(record) as MovingSpec
  const moving = begun ?? { paused, nextAt }
  if (begun === undefined) {
    const put = {
      ...ref,
      // From here on it fires no more where it was.
      spec: JSON.stringify({ ...spec, moving }),
      paused: true,
      nextAt,
      expected: expectedOf(record),
    }
    const answer = await from.parts.session.call('putSchedule', (call) =>
      from.store.putSchedule(put, call),
    )
    // Somebody changed it meanwhile; the next round looks again.
    if (answer.status === 'stale') return
  }
  const put = { ...ref, spec: JSON.stringify(spec), ...moving, expected: null }
  await to.parts.session.call('putSchedule', (call) => to.store.putSchedule(put, call))
  await from.parts.session.call('removeSchedules', (call) =>
    from.store.removeSchedules([ref], call),
  )
}
