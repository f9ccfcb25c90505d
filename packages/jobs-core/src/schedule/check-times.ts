import { JobsError } from '../errors.ts'
import { describe } from '../job/names.ts'
import type { StoredTimes } from './stored-spec.ts'
import { ticksOf } from './ticks.ts'

const SHORTEST_MS = 1_000
/** A thousand years: what is longer is a mistake. */
const LONGEST_MS = 1_000 * 366 * 86_400_000

/**
 * Checks when a schedule is to run.
 *
 * @param now - from where `every` is counted when there is no `startAt`.
 * @throws {@link JobsError} `JOBS_INVALID_SCHEDULE`, also for times that never come.
 */
export function checkTimes(given: object, now: number): StoredTimes {
  // Callers in JavaScript may pass anything.
  const { cron, every, timezone, startAt, endAt } = given as Readonly<Record<string, unknown>>
  if ((cron === undefined) === (every === undefined)) {
    throw invalidSchedule('give cron or every, and not both')
  }
  const start = startAt === undefined ? undefined : checkDate('startAt', startAt)
  const end = endAt === undefined ? undefined : checkDate('endAt', endAt)
  if (start !== undefined && end !== undefined && end <= start) {
    throw invalidSchedule('endAt must be later than startAt')
  }
  const bounds = {
    ...(start !== undefined && { startAt: start }),
    ...(end !== undefined && { endAt: end }),
  }
  const times: StoredTimes =
    cron === undefined
      ? { ...bounds, every: checkEvery(every, timezone), anchor: start ?? now }
      : { ...bounds, cron: checkText('cron', cron), timezone: checkTimezone(timezone ?? 'UTC') }
  checkFires(times, now)
  return times
}

/** An error about a schedule's own fields. */
export function invalidSchedule(message: string): JobsError {
  return new JobsError('JOBS_INVALID_SCHEDULE', message)
}

function checkEvery(every: unknown, timezone: unknown): number {
  if (timezone !== undefined) {
    throw invalidSchedule('timezone belongs to cron; an interval is the same in every time zone')
  }
  if (
    !Number.isSafeInteger(every) ||
    (every as number) < SHORTEST_MS ||
    (every as number) > LONGEST_MS
  ) {
    const shown = typeof every === 'number' ? String(every) : describe(every)
    throw invalidSchedule(
      `every must be a whole number of milliseconds from ${SHORTEST_MS} to ${LONGEST_MS}, not ${shown}`,
    )
  }
  return every as number
}

function checkTimezone(timezone: unknown): string {
  const name = checkText('timezone', timezone)
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return name
  } catch {
    throw invalidSchedule(
      `there is no time zone ${describe(name)}: use an IANA name such as 'Europe/London'`,
    )
  }
}

function checkText(what: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw invalidSchedule(`${what} must be a string, not ${describe(value)}`)
}

function checkDate(what: string, value: unknown): number {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime()
  throw invalidSchedule(`${what} must be a valid Date`)
}

/**
 * A schedule whose end has passed is no mistake: a deployment may declare it for years. One that can
 * have no tick whenever it is looked at is.
 */
function checkFires(times: StoredTimes, now: number): void {
  const { startAt, endAt, ...always } = times
  const bounded = startAt !== undefined && endAt !== undefined
  if (ticksOf(bounded ? times : always).after(bounded ? startAt - 1 : now) !== null) return
  throw invalidSchedule(
    bounded
      ? 'there is no tick from startAt to endAt: the schedule would never fire'
      : `cron ${describe(times.cron)} names no day that there is: the schedule would never fire`,
  )
}
