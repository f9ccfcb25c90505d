import type { ScheduleEnd, ScheduleFire, ScheduleRecord } from '../storage/schedule.ts'
import type { Schedule, ScheduleOutcome, ScheduleRun } from './schedule.ts'
import { parseSpec } from './stored-spec.ts'

/** A store's record as a {@link Schedule}. */
export function scheduleFromRecord(record: ScheduleRecord): Schedule {
  const { times, action } = parseSpec(record.spec)
  const { tenantId, nextAt, paused, lastFire, lastEnd } = record
  return {
    id: record.id,
    queue: record.queue,
    ...(tenantId !== null && { tenantId }),
    ...action,
    options: { ...action.options, ...(tenantId !== null && { tenantId }) },
    ...(times.cron === undefined
      ? { every: times.every }
      : { cron: times.cron, timezone: times.timezone }),
    ...(times.startAt !== undefined && { startAt: new Date(times.startAt) }),
    ...(times.endAt !== undefined && { endAt: new Date(times.endAt) }),
    paused,
    ...(nextAt !== null && !paused && { nextAt: new Date(nextAt) }),
    ...(lastFire !== null && { lastRun: runOf(lastFire) }),
    ...(lastEnd !== null && { lastOutcome: outcomeOf(lastEnd) }),
    revision: record.revision,
    createdAt: new Date(record.createdAt),
    updatedAt: new Date(record.updatedAt),
  }
}

function runOf({ tickAt, firedAt, jobs, jobId }: ScheduleFire): ScheduleRun {
  return {
    tickAt: new Date(tickAt),
    firedAt: new Date(firedAt),
    jobs,
    ...(jobId !== null && { jobId }),
  }
}

function outcomeOf({ jobId, tenantId, tickAt, state, endedAt }: ScheduleEnd): ScheduleOutcome {
  return {
    jobId,
    ...(tenantId !== null && { tenantId }),
    ...(tickAt !== null && { tickAt: new Date(tickAt) }),
    status: state,
    endedAt: new Date(endedAt),
  }
}
