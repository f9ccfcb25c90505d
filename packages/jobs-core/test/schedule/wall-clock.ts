/** What a clock on the wall shows. */
export interface WallTime {
  readonly minute: number
  readonly hour: number
  readonly day: number
  readonly month: number
  /** 0 for Sunday. */
  readonly weekday: number
  /** How many days the month has. */
  readonly lastDay: number
}

/** From `from` on the zone's clocks are so many minutes ahead of UTC. */
interface OffsetPeriod {
  readonly from: number
  readonly minutes: number
}

/** A minute of real time, or one that the clock leapt over (which then has the instant of the leap). */
export interface WallMinute {
  readonly at: number
  readonly wall: WallTime
  readonly kind: 'plain' | 'repeated' | 'skipped'
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A time zone as `Intl` knows it, walked minute by minute. */
export class WallClock {
  readonly periods: readonly OffsetPeriod[]
  readonly #from: number
  readonly #until: number

  constructor(zone: string, from: number, until: number) {
    this.periods = offsetPeriods(zone, from, until)
    this.#from = from
    this.#until = until
  }

  /** The instants at which the clock was changed. */
  get changes(): readonly number[] {
    return this.periods.slice(1).map((period) => period.from)
  }

  /** Each minute from `from` on and before `until`, in order. Both are whole minutes. */
  *minutes(from: number = this.#from, until: number = this.#until): Generator<WallMinute> {
    const reader = new WallReader()
    for (const [index, period] of this.periods.entries()) {
      const { from: change, minutes } = period
      const end = Math.min(until, this.periods[index + 1]?.from ?? this.#until)
      if (change >= until || end <= from) continue
      const shownBefore = change + (this.periods[index - 1]?.minutes ?? minutes) * MINUTE
      if (change >= from) {
        for (let shown = shownBefore; shown < change + minutes * MINUTE; shown += MINUTE) {
          yield { at: change, wall: reader.read(shown), kind: 'skipped' }
        }
      }
      for (let at = Math.max(change, from); at < end; at += MINUTE) {
        const shown = at + minutes * MINUTE
        yield { at, wall: reader.read(shown), kind: shown < shownBefore ? 'repeated' : 'plain' }
      }
    }
  }
}

function offsetPeriods(zone: string, from: number, until: number): OffsetPeriod[] {
  const offsetAt = offsetReader(zone)
  const periods = [{ from, minutes: offsetAt(from) }]
  for (let day = from; day < until; day += DAY) {
    const { minutes } = periods.at(-1)!
    if (offsetAt(day + DAY) === minutes) continue
    let change = day
    while (offsetAt(change + HOUR) === minutes) change += HOUR
    while (offsetAt(change) === minutes) change += MINUTE
    periods.push({ from: change, minutes: offsetAt(change) })
  }
  return periods
}

function offsetReader(zone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeZoneName: 'longOffset' })
  return (instant) => {
    const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?$/.exec(format.format(instant))!
    const offset = Number(hours ?? 0) * 60 + Number(minutes ?? 0)
    return sign === '-' ? -offset : offset
  }
}

/** Reads the time off a clock on the wall, in a way that is quick when read minute by minute. */
class WallReader {
  #today = Number.NaN
  #day = { day: 0, month: 0, weekday: 0, lastDay: 0 }

  /** @param shown - what the clock shows, as if it were UTC. */
  read(shown: number): WallTime {
    const today = Math.floor(shown / DAY)
    if (today !== this.#today) {
      this.#today = today
      const date = new Date(shown)
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
      this.#day = {
        day: date.getUTCDate(),
        month: month + 1,
        weekday: date.getUTCDay(),
        lastDay: new Date(Date.UTC(year, month + 1, 0)).getUTCDate(),
      }
    }
    const { day, month, weekday, lastDay } = this.#day
    const inDay = Math.floor((shown - today * DAY) / MINUTE)
    const hour = Math.floor(inDay / 60)
    return { minute: inDay - hour * 60, hour, day, month, weekday, lastDay }
  }
}
