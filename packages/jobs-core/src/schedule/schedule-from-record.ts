import type { JobsError } from '../errors.ts'
import type { ScheduleEnd, ScheduleFire, ScheduleRecord } from '../storage/schedule.ts'
import type { Schedule, ScheduleOutcome, ScheduleRun } from './schedule.ts'
import { parseSpec, type StoredAction } from './stored-spec.ts'

/** A store's record as a {@link Schedule}: what cannot be read of it is absent, and `error` says so. */
export function scheduleFromRecord(record: ScheduleRecord): Schedule {
  const { tenantId, nextAt, paused, lastFire, lastEnd } = record
  const spec = readSpec(record)
  return {
    id: record.id,
    queue: record.queue,
    ...(tenantId !== null && { tenantId }),
    ...spec,
    options: { ...spec.options, ...(tenantId !== null && { tenantId }) },
    paused,
    ...(nextAt !== null && !paused && { nextAt: new Date(nextAt) }),
    ...(lastFire !== null && { lastRun: runOf(lastFire) }),
    ...(lastEnd !== null && { lastOutcome: outcomeOf(lastEnd) }),
    revision: record.revision,
    createdAt: new Date(record.createdAt),
    updatedAt: new Date(record.updatedAt),
  }
}

type Shown = Omit<StoredAction, 'forEach'> &
  Pick<Schedule, 'cron' | 'timezone' | 'every' | 'startAt' | 'endAt' | 'forEach' | 'error'>

function readSpec(record: ScheduleRecord): Shown {
  try {
    const { times, action } = parseSpec(record)
    return {
      ...action,
      ...(times.cron === undefined
        ? { every: times.every }
        : { cron: times.cron, timezone: times.timezone }),
      ...(times.startAt !== undefined && { startAt: new Date(times.startAt) }),
      ...(times.endAt !== undefined && { endAt: new Date(times.endAt) }),
    }
  } catch (error) {
    const { code, message } = error as JobsError
    return { ...NOTHING, error: { code, message, retryable: false } }
  }
}

/** What a schedule shows that cannot be read. */
const NOTHING: StoredAction = {
  job: '',
  payload: null,
  options: {},
  catchUp: 'once',
  catchUpLimit: 1,
  overlap: 'allow',
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
