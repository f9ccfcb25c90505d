import { Cron } from 'croner'
import { JobsError } from '../errors.ts'
import { describe } from '../job/names.ts'
import type { Ticks } from './ticks.ts'

/**
 * The instants at which the wall clock of a time zone shows what a cron expression says.
 *
 * Where clocks change:
 * - an expression whose seconds, minutes and hours are plain values, lists and ranges means times of
 *   day, and each runs once on its day: the first time where the clock shows it twice, and at the first
 *   instant after the gap where the clock leaps over it (several such are one tick);
 * - one with `*` or a step in one of these fields means a rhythm, and runs at each instant at which the
 *   clock shows it: twice where it shows it twice, and not at all where it leaps over it.
 *
 * @throws {@link JobsError} `JOBS_INVALID_SCHEDULE`
 */
export function cronTicks(text: string, timezone: string): Ticks {
  const cron = parse(text, timezone)
  return {
    after: (instant) => cron.nextRun(new Date(instant))?.getTime() ?? null,
    before: (instant, count) =>
      cron.previousRuns(count, new Date(instant)).map((run) => run.getTime()),
  }
}

function parse(text: string, timezone: string): Cron {
  // Croner would also take nicknames and a single instant.
  const fields = text.trim().split(/\s+/).length
  if (fields !== 5 && fields !== 6) throw invalid(text, `it has ${fields} fields, not 5 or 6`)
  try {
    return new Cron(text, { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' })
  } catch (cause) {
    throw invalid(text, reasonOf(cause))
  }
}

// Without the number at the end of the message, which for months is not the one that was given.
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.replace(/^CronPattern: /, '').replace(/: -?\d+$/, '')
}

function invalid(text: string, why: string): JobsError {
  return new JobsError('JOBS_INVALID_SCHEDULE', `cron ${describe(text)} is not valid: ${why}`)
}
