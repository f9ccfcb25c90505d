import { cronTicks } from './cron-ticks.ts'
import type { StoredTimes } from './stored-spec.ts'

/** A sequence of instants, in epoch milliseconds. */
export interface Ticks {
  /** The first after an instant; `null` when there is none. */
  readonly after: (instant: number) => number | null
  /** The last before an instant, at most `count`, newest first. */
  readonly before: (instant: number, count: number) => number[]
}

/** The last instant that a `Date` can hold. */
const END_OF_TIME = 8.64e15

/** The ticks of a schedule. @throws {@link JobsError} `JOBS_INVALID_SCHEDULE` */
export function ticksOf(times: StoredTimes): Ticks {
  const ticks =
    times.cron === undefined
      ? everyTicks(times.every, times.anchor)
      : cronTicks(times.cron, times.timezone)
  return within(ticks, times.startAt ?? -END_OF_TIME, times.endAt ?? END_OF_TIME)
}

/** `anchor`, and each whole number of `every` after it: no drift, however late a tick is looked for. */
function everyTicks(every: number, anchor: number): Ticks {
  return {
    after(instant) {
      const since = instant - anchor
      return since < 0 ? anchor : instant - (since % every) + every
    },
    before(instant, count) {
      const ticks: number[] = []
      const since = instant - 1 - anchor
      if (since < 0) return ticks
      for (
        let tick = anchor + since - (since % every);
        tick >= anchor && ticks.length < count;
        tick -= every
      ) {
        ticks.push(tick)
      }
      return ticks
    },
  }
}

/** The ticks from `start` on and before `end`. */
function within(ticks: Ticks, start: number, end: number): Ticks {
  return {
    after(instant) {
      const tick = ticks.after(Math.max(instant, start - 1))
      return tick !== null && tick < end ? tick : null
    },
    before: (instant, count) =>
      ticks.before(Math.min(instant, end), count).filter((tick) => tick >= start),
  }
}
