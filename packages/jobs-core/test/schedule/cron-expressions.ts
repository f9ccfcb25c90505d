import fc, { type Arbitrary } from 'fast-check'
import type { WallTime } from './wall-clock.ts'

/** A cron expression, and what it means by the account of this file alone. */
export interface Expression {
  readonly cron: string
  /** Times of day, each to run once; otherwise a rhythm. */
  readonly timesOfDay: boolean
  readonly shows: (wall: WallTime) => boolean
  readonly seconds?: readonly number[]
}

interface Field {
  readonly text: string
  readonly values: ReadonlySet<number>
  /** Has neither `*` nor a step. */
  readonly isPlain: boolean
}

interface DayField extends Field {
  /** What else it means by a day. */
  readonly also?: (wall: WallTime) => boolean
}

const MONTHS = 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ')
const WEEKDAYS = 'SUN MON TUE WED THU FRI SAT'.split(' ')

/** How a field writes a number. */
type Show = (value: number) => string

/** Any field as cron has it: `*`, a value, a range, a step, or a list of values and ranges. */
function field(
  least: number,
  most: number,
  { show = String, value = fc.integer({ min: least, max: most }) }: FieldOptions = {},
): Arbitrary<Field> {
  const all = span(least, most)
  const single = value.map((each) => plain(show(each), [each]))
  const range = fc
    .tuple(value, value)
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
    .map(([from, to]) => plain(`${show(from)}-${show(to)}`, span(from, to)))
  const list = fc.array(fc.oneof(single, range), { minLength: 2, maxLength: 3 }).map((parts) =>
    plain(
      parts.map(({ text }) => text).join(','),
      parts.flatMap(({ values }) => [...values]),
    ),
  )
  const step = fc
    .tuple(fc.oneof(range, fc.constant(plain('*', all))), fc.integer({ min: 1, max: most - least }))
    .map(([{ text, values }, by]) => {
      const every = [...values].filter((_, index) => index % by === 0)
      return { text: `${text}/${by}`, values: new Set(every), isPlain: false }
    })
  const any = fc.constant({ text: '*', values: new Set(all), isPlain: false })
  return fc.oneof(single, range, list, step, any)
}

interface FieldOptions {
  readonly show?: Show
  readonly value?: Arbitrary<number>
}

function plain(text: string, values: readonly number[]): Field {
  return { text, values: new Set(values), isPlain: true }
}

function span(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

const sixty = field(0, 59)
// Clocks are changed in the small hours.
const hours = field(0, 23, {
  value: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 23 })),
})
const months = fc.oneof(field(1, 12), field(1, 12, { show: (month) => MONTHS[month - 1]! }))

const lastDay = (wall: WallTime): boolean => wall.day === wall.lastDay
const days: Arbitrary<DayField> = fc.oneof(
  { arbitrary: field(1, 31), weight: 3 },
  fc.constant({ ...plain('L', []), also: lastDay }),
  fc.integer({ min: 1, max: 31 }).map((day) => ({ ...plain(`${day},L`, [day]), also: lastDay })),
)

/** `FRI#2` for the second Friday, `FRI#L` for the last. */
const nthWeekday: Arbitrary<DayField> = fc
  .record({
    weekday: fc.integer({ min: 0, max: 6 }),
    named: fc.boolean(),
    nth: fc.constantFrom(1, 2, 3, 4, 5, 'L' as const),
  })
  .map(({ weekday, named, nth }) => ({
    ...plain(`${named ? WEEKDAYS[weekday] : weekday}#${nth}`, []),
    also: (wall) =>
      wall.weekday === weekday &&
      (nth === 'L' ? wall.day > wall.lastDay - 7 : Math.ceil(wall.day / 7) === nth),
  }))
const modulo7 = (each: Field): Field => ({
  ...each,
  values: new Set([...each.values].map((day) => day % 7)),
})
const weekdays: Arbitrary<DayField> = fc.oneof(
  fc.constant({ text: '*', values: new Set(span(0, 6)), isPlain: false }),
  // Sunday is 7 as well, also by its name: FRI-SUN.
  field(0, 7).map(modulo7),
  // From Sunday to Sunday is the whole week; by its number, 0-0, it is not.
  field(0, 7, { show: (day) => WEEKDAYS[day % 7]! })
    .filter(({ text }) => !text.includes('SUN-SUN'))
    .map(modulo7),
  nthWeekday,
)

/** Expressions of five and six fields, with everything that `docs/schedules.md` says there is. */
export const expressions: Arbitrary<Expression> = fc
  .record({
    seconds: fc.oneof({ arbitrary: fc.constant(undefined), weight: 2 }, sixty),
    minutes: sixty,
    hours,
    days,
    months,
    weekdays,
    both: fc.boolean(),
  })
  .map((fields) => {
    const { seconds, minutes, both } = fields
    const isClock = [minutes, fields.hours, ...(seconds === undefined ? [] : [seconds])]
    // With a day of the month and a weekday either is enough, and `+` asks for both.
    const asks = both && fields.days.text !== '*' && fields.weekdays.text !== '*' ? '+' : ''
    const texts = [minutes, fields.hours, fields.days, fields.months].map(({ text }) => text)
    return {
      cron: [...(seconds ? [seconds.text] : []), ...texts, asks + fields.weekdays.text].join(' '),
      timesOfDay: isClock.every(({ isPlain }) => isPlain),
      shows: (wall) =>
        minutes.values.has(wall.minute) &&
        fields.hours.values.has(wall.hour) &&
        fields.months.values.has(wall.month) &&
        isDay(wall, fields.days, fields.weekdays, asks === '+'),
      ...(seconds !== undefined && { seconds: [...seconds.values].toSorted((a, b) => a - b) }),
    }
  })

function isDay(wall: WallTime, days: DayField, weekdays: DayField, both: boolean): boolean {
  const day = days.values.has(wall.day) || days.also?.(wall) === true
  const weekday = weekdays.values.has(wall.weekday) || weekdays.also?.(wall) === true
  if (days.text === '*' || weekdays.text === '*' || both) return day && weekday
  return day || weekday
}
