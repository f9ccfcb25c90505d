import { describe, expect, test } from 'vitest'
import { dueTicks } from '../../src/schedule/due-ticks.ts'
import { ticksOf } from '../../src/schedule/ticks.ts'

const MINUTE = 60_000
const anchor = Date.UTC(2026, 0, 1)

describe('an interval', () => {
  const cases = [1_000, 1_001, MINUTE, 86_400_000, 7_777_777_777, 1e12 + 1].flatMap((every) =>
    [1, every - 1, every, every + 1, 12_345_678_901, 1e13].map((since) => [every, since] as const),
  )

  test.each(cases)('of %i ms, %i ms after its anchor, neither drifts nor leaps', (every, since) => {
    const { after, before } = ticksOf({ every, anchor })
    const instant = anchor + since
    const tick = after(instant)!
    expect((tick - anchor) % every).toBe(0)
    expect(tick).toBeGreaterThan(instant)
    expect(tick - every).toBeLessThanOrEqual(instant)
    const count = Math.min(3, Math.ceil(since / every))
    const last = instant % every === anchor % every ? instant - every : tick - every
    expect(before(instant, 3)).toEqual(
      Array.from({ length: count }, (_, index) => last - index * every),
    )
  })

  test('begins at its anchor', () => {
    const { after, before } = ticksOf({ every: MINUTE, anchor })
    expect(after(0)).toBe(anchor)
    expect(before(anchor, 5)).toEqual([])
    expect(before(anchor + 1, 5)).toEqual([anchor])
  })
})

describe('startAt and endAt', () => {
  const startAt = anchor + MINUTE
  const endAt = anchor + 3 * MINUTE
  const { after, before } = ticksOf({ cron: '* * * * *', timezone: 'UTC', startAt, endAt })

  test('bound the ticks: the start is one, the end is none', () => {
    expect(after(0)).toBe(startAt)
    expect(after(startAt)).toBe(startAt + MINUTE)
    expect(after(startAt + MINUTE)).toBeNull()
    expect(before(anchor + 1e9, 10)).toEqual([startAt + MINUTE, startAt])
  })
})

describe('missed ticks', () => {
  const ticks = ticksOf({ every: MINUTE, anchor })
  const due = (catchUp: 'once' | 'skip' | 'all', lateMs: number, catchUpLimit = 100): number[] =>
    dueTicks(ticks, { catchUp, catchUpLimit }, anchor, anchor + lateMs).map(
      (tick) => (tick - anchor) / MINUTE,
    )

  test.each([
    ['once', 0, [0]],
    ['once', 5 * MINUTE + 1, [5]],
    ['skip', 0, [0]],
    ['skip', 5 * MINUTE + 1, [5]],
    ['all', 0, [0]],
    ['all', 3 * MINUTE, [0, 1, 2, 3]],
  ] as const)('with catchUp %s, %i ms late', (catchUp, lateMs, expected) => {
    expect(due(catchUp, lateMs)).toEqual(expected)
  })

  test("catchUp 'all' takes the newest", () => {
    expect(due('all', 10 * MINUTE, 3)).toEqual([8, 9, 10])
  })

  test.each([
    [60_000, 1],
    [60_001, 0],
  ])("catchUp 'skip' runs a tick that is %i ms late %i times", (lateMs, runs) => {
    const hourly = ticksOf({ every: 60 * MINUTE, anchor })
    const rule = { catchUp: 'skip', catchUpLimit: 100 } as const
    expect(dueTicks(hourly, rule, anchor, anchor + lateMs)).toHaveLength(runs)
  })

  test('never begin before the cursor, and the cursor is one', () => {
    const odd = anchor + 5 * MINUTE + 7
    const rule = { catchUp: 'all', catchUpLimit: 100 } as const
    expect(dueTicks(ticks, rule, odd, odd)).toEqual([odd])
    expect(dueTicks(ticks, rule, odd, anchor + 6 * MINUTE)).toEqual([odd, anchor + 6 * MINUTE])
  })
})
