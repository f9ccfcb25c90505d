import fc from 'fast-check'
import { env } from 'node:process'
import { describe, expect, it } from 'vitest'
import { cronTicks } from '../../src/schedule/cron-ticks.ts'
import { type Expression, expressions } from './cron-expressions.ts'
import { WallClock, type WallMinute } from './wall-clock.ts'

const FROM = Date.UTC(2025, 0, 1)
const UNTIL = Date.UTC(2035, 0, 1)
const DAY = 86_400_000
/** Expressions drawn for each zone; for how long and for how many ticks each is compared. */
const RUNS = 40
const LONGEST = 120 * DAY
const MOST = 150
/** Who runs more often than this is compared around the changes of the clock, and not for ten years. */
const DENSE = 20_000

const ZONES = [
  'UTC',
  'America/New_York',
  'Europe/London',
  'Australia/Lord_Howe', // changes by half an hour
  'Africa/Casablanca', // changes around Ramadan
]

/** Looked at for three years, and where their clocks change alone. */
const ODD_ZONES = [
  'Africa/Cairo', // leaps over midnight
  'America/Santiago', // repeats the last hour of a day
]

const EXPRESSIONS: readonly Expression[] = [
  { cron: '30 2 * * *', timesOfDay: true, shows: (w) => w.hour === 2 && w.minute === 30 },
  { cron: '15 2 * * *', timesOfDay: true, shows: (w) => w.hour === 2 && w.minute === 15 },
  { cron: '30 1 * * *', timesOfDay: true, shows: (w) => w.hour === 1 && w.minute === 30 },
  { cron: '0 0 * * *', timesOfDay: true, shows: (w) => w.hour === 0 && w.minute === 0 },
  { cron: '45 23 * * *', timesOfDay: true, shows: (w) => w.hour === 23 && w.minute === 45 },
  {
    cron: '0,20,40 1-2 * * *',
    timesOfDay: true,
    shows: (w) => (w.hour === 1 || w.hour === 2) && w.minute % 20 === 0,
  },
  {
    cron: '0 3 L * *',
    timesOfDay: true,
    shows: (w) => w.hour === 3 && w.minute === 0 && w.day === w.lastDay,
  },
  {
    cron: '30 2 * MAR,NOV SUN',
    timesOfDay: true,
    shows: (w) =>
      w.hour === 2 && w.minute === 30 && w.weekday === 0 && (w.month === 3 || w.month === 11),
  },
  {
    cron: '0 9 * * MON-FRI',
    timesOfDay: true,
    shows: (w) => w.hour === 9 && w.minute === 0 && w.weekday >= 1 && w.weekday <= 5,
  },
  {
    cron: '15 30 2 * * *',
    timesOfDay: true,
    shows: (w) => w.hour === 2 && w.minute === 30,
    seconds: [15],
  },
  { cron: '30 */2 * * *', timesOfDay: false, shows: (w) => w.hour % 2 === 0 && w.minute === 30 },
  { cron: '0 * * * *', timesOfDay: false, shows: (w) => w.minute === 0 },
  { cron: '*/15 * * * *', timesOfDay: false, shows: (w) => w.minute % 15 === 0 },
  { cron: '*/10 2 * * *', timesOfDay: false, shows: (w) => w.hour === 2 && w.minute % 10 === 0 },
  {
    cron: '*/20 30 * * * *',
    timesOfDay: false,
    shows: (w) => w.minute === 30,
    seconds: [0, 20, 40],
  },
]

/** What the rule says, found by looking at the clock each minute for ten years. */
function expectedTicks(clock: WallClock): Map<Expression, number[]> {
  const ticks = new Map(EXPRESSIONS.map((expression) => [expression, [] as number[]]))
  const expressionsHere = [...ticks]
  for (const minute of clock.minutes()) {
    for (const [expression, found] of expressionsHere) note(found, expression, minute)
  }
  return ticks
}

/** Adds the ticks of one minute to those found so far. */
function note(found: number[], expression: Expression, { at, wall, kind }: WallMinute): void {
  if (!expression.shows(wall)) return
  const { timesOfDay, seconds = [0] } = expression
  if (timesOfDay ? kind === 'repeated' : kind === 'skipped') return
  // Times of day that were skipped meet at the end of the gap, and with one that is just there.
  const offsets = kind === 'skipped' ? [0] : seconds
  for (const offset of offsets) {
    if (found.at(-1) !== at + offset * 1_000) found.push(at + offset * 1_000)
  }
}

/** The first ticks from `from` on, about `most` of them, and until when they are all there are. */
function firstTicks(
  expression: Expression,
  clock: WallClock,
  { from, until, most }: { readonly from: number; readonly until: number; readonly most: number },
): { readonly ticks: readonly number[]; readonly until: number } {
  const ticks: number[] = []
  for (const minute of clock.minutes(from, until)) {
    if (ticks.length >= most && minute.kind !== 'skipped') return { ticks, until: minute.at }
    note(ticks, expression, minute)
  }
  return { ticks, until }
}

/** Walks from tick to tick. */
function walk(cron: string, zone: string, from: number, until: number): number[] {
  const { after } = cronTicks(cron, zone)
  const ticks: number[] = []
  for (let tick = after(from - 1); tick !== null && tick < until; tick = after(tick)) {
    ticks.push(tick)
  }
  return ticks
}

describe.each([...ZONES, ...ODD_ZONES])('cron in %s', (zone) => {
  const isOdd = ODD_ZONES.includes(zone)
  const clock = new WallClock(zone, FROM, isOdd ? FROM + 1_095 * DAY : UNTIL)
  const expected = expectedTicks(clock)
  // A year's worth of a zone without changes is as good as ten.
  const changes = clock.changes.length > 0 ? clock.changes : [FROM + 59 * DAY]

  it.each(EXPRESSIONS)('$cron follows the rule for ten years', (expression) => {
    const ticks = expected.get(expression)!
    const windows =
      ticks.length < DENSE && !isOdd
        ? [[FROM, UNTIL] as const]
        : changes.map((change) => [change - 1.5 * DAY, change + 1.5 * DAY] as const)
    for (const [from, until] of windows) {
      const within = ticks.filter((tick) => tick >= from && tick < until)
      expect(walk(expression.cron, zone, from, until).map(iso)).toEqual(within.map(iso))
    }
  })

  it.each(EXPRESSIONS)('$cron is the same backwards', (expression) => {
    const ticks = expected.get(expression)!
    for (const change of changes) {
      for (const end of [change, change + 1, change + 0.4 * DAY + 1]) {
        const before = ticks.filter((tick) => tick < end && tick >= FROM).slice(-12)
        const found = cronTicks(expression.cron, zone).before(end, before.length)
        expect(found.toReversed().map(iso)).toEqual(before.map(iso))
      }
    }
  })
})

describe.each(ZONES)('any cron expression in %s', (zone) => {
  const clock = new WallClock(zone, FROM, UNTIL)
  const { changes } = clock
  // Just before a change of the clock, or anywhere.
  const anywhere = fc.integer({ min: FROM / DAY, max: (UNTIL - LONGEST) / DAY }).map((n) => n * DAY)
  const near = changes.filter((change) => change < UNTIL - LONGEST).map((change) => change - DAY)
  const start = near.length === 0 ? anywhere : fc.oneof(fc.constantFrom(...near), anywhere)

  it(
    'has the ticks that the clock on the wall shows',
    { timeout: 60_000 },
    async ({ annotate }) => {
      const seed = Number(env['CRON_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
      await annotate(`CRON_SEED=${seed}`)
      fc.assert(
        fc.property(expressions, start, (expression, from) => {
          const bounds = { from, until: from + LONGEST, most: MOST }
          const { ticks, until } = firstTicks(expression, clock, bounds)
          expect(walk(expression.cron, zone, from, until).map(iso)).toEqual(ticks.map(iso))
          const last = ticks.slice(-5)
          const found = cronTicks(expression.cron, zone).before(until, last.length)
          expect(found.toReversed().map(iso)).toEqual(last.map(iso))
        }),
        { seed, numRuns: RUNS },
      )
    },
  )
})

function iso(instant: number): string {
  return new Date(instant).toISOString()
}
