import type {
  EnqueueResult,
  NewJob,
  ScheduleAdvance,
  ScheduledTick,
  SchedulePut,
  ScheduleRecord,
  ScheduleRef,
  ScheduleStore,
} from '@cgk/jobs-core'
import { newJob, only, QUEUE, TENANT } from './new-job.ts'

/** The schedule that cases use where only one matters. */
export const SCHEDULE: ScheduleRef = { queue: QUEUE, tenantId: TENANT, id: 'nightly' }

/** A schedule that is not there yet; what a case does not care about is filled in. */
export function newSchedule(given: Partial<SchedulePut> = {}): SchedulePut {
  return { ...SCHEDULE, spec: '{"every":"1h"}', paused: false, nextAt: 0, expected: null, ...given }
}

/** Stores a schedule that must not be there yet. */
export async function putNew(
  store: ScheduleStore,
  given: Partial<SchedulePut> = {},
): Promise<ScheduleRecord> {
  return stored(await store.putSchedule(newSchedule(given)))
}

/** Changes a schedule that is as it was seen. */
export async function change(
  store: ScheduleStore,
  seen: ScheduleRecord,
  given: Partial<SchedulePut>,
): Promise<ScheduleRecord> {
  const { queue, tenantId, id, spec, createdAt, revision, paused, nextAt } = seen
  const expected = { createdAt, revision, paused, nextAt }
  const put = { queue, tenantId, id, spec, paused, nextAt, expected, ...given }
  return stored(await store.putSchedule(put))
}

function stored(answer: Awaited<ReturnType<ScheduleStore['putSchedule']>>): ScheduleRecord {
  if (answer.status !== 'stored') throw new Error('expected the schedule to be as it was seen')
  return answer.schedule
}

/** The record of a schedule that must be there. */
export async function readSchedule(
  store: ScheduleStore,
  ref: ScheduleRef = SCHEDULE,
): Promise<ScheduleRecord> {
  const record = only((await store.getSchedules([ref])).schedules)
  if (record === null) throw new Error(`expected schedule ${ref.id} to be there`)
  return record
}

/** A job that a tick of a schedule makes. */
export function tickJob(
  schedule: ScheduleRecord,
  tickAt: number | null,
  given: Partial<NewJob> = {},
): NewJob {
  const { queue, tenantId } = schedule
  return newJob({ queue, tenantId, schedule: tickOf(schedule, tickAt), ...given })
}

/** How a job names the schedule that made it. */
export function tickOf(
  { id, tenantId, createdAt }: ScheduleRecord,
  tickAt: number | null,
): ScheduledTick {
  return { id, tenantId, createdAt, tickAt }
}

/** Deals with the tick that the cursor is at, by one job, and moves the cursor on by an hour. */
export function nextTick(
  seen: ScheduleRecord,
  given: Partial<ScheduleAdvance> = {},
): ScheduleAdvance {
  const { queue, tenantId, id, createdAt, revision, nextAt } = seen
  if (nextAt === null) throw new Error(`schedule ${id} has no next tick`)
  return {
    queue,
    tenantId,
    id,
    expected: { createdAt, revision, nextAt },
    nextAt: nextAt + 3_600_000,
    ticks: [{ tickAt: nextAt, jobs: [tickJob(seen, nextAt)] }],
    ...given,
  }
}

/** Advances a schedule that is as it was seen, and answers with what became of the jobs. */
export async function advanceOne(
  store: ScheduleStore,
  advance: ScheduleAdvance,
): Promise<readonly EnqueueResult[]> {
  const answer = only(await store.advanceSchedules([advance]))
  if (answer.status !== 'advanced') throw new Error(`expected schedule ${advance.id} to advance`)
  return answer.jobs
}
