import { describe, expect, it } from 'vitest'
import type { Environment } from '../src/environment.ts'
import { drain } from '../src/scenarios/drain.ts'
import type { Measurement } from '../src/scenarios/scenario.ts'
import type { GroupFigures } from '../src/table/figures.ts'
import { judge } from '../src/table/judge.ts'
import { type Entry, keyOf, OURS, type Row } from '../src/table/rows.ts'

const environment = {} as Environment

const entryOf = (system: string): Entry => ({ scenario: drain, settings: { jobs: 1 }, system })
const [ours, slow, fast] = [OURS, 'slow', 'fast'].map(entryOf) as [Entry, Entry, Entry]

const row: Row = {
  title: 'drain',
  entry: ours,
  measure: { metric: 'jobsPerSecond' },
  against: [slow, fast],
  unit: '×',
  better: 'higher',
  bar: 1.5,
  aim: 2,
}

function figures(values: ReadonlyMap<Entry, readonly number[]>): GroupFigures {
  const runs = [...values].map(([entry, reached]) => [
    keyOf(entry),
    reached.map((value): Measurement[] => [
      { metric: 'jobsPerSecond', value },
      { metric: 'walBytesPerJob', value: 500 },
    ]),
  ])
  return {
    group: 'drain',
    ours: 'cgk',
    scale: 1,
    runs: 1,
    environment,
    entries: Object.fromEntries(runs),
    failures: [],
  }
}

function verdictOf(judged: Row, values: ReadonlyMap<Entry, readonly number[]>) {
  const [only] = judge({ name: 'drain', rows: [judged] }, figures(values))
  if (only === undefined) throw new Error('no row')
  return only
}

describe('a row of the table', () => {
  it.each([
    [300, 'reaches the aim', 3],
    [160, 'passes', 1.6],
    [149, 'falls short', 1.49],
  ])('at %d jobs/s against 100 %s', (value, verdict, ratio) => {
    const reached = new Map([
      [ours, [value]],
      [slow, [10]],
      [fast, [100]],
    ])
    expect(verdictOf(row, reached)).toMatchObject({ verdict, value: { median: ratio } })
  })

  it('takes the ratio within each round, and the median of those', () => {
    const reached = new Map([
      [ours, [200, 20, 2000]],
      [slow, [1, 1, 1]],
      [fast, [100, 10, 500]],
    ])
    expect(verdictOf(row, reached).value).toEqual({ median: 2, min: 2, max: 4, runs: 3 })
  })

  it('is not measured while a peer that might be the best is missing', () => {
    const reached = new Map([
      [ours, [300]],
      [slow, [10]],
    ])
    expect(verdictOf(row, reached).verdict).toBe('not measured')
  })

  it('is not measured without ours', () => {
    expect(verdictOf(row, new Map([[fast, [1]]])).verdict).toBe('not measured')
  })

  it.each([
    [0.5, 'reaches the aim'],
    [0.7, 'passes'],
    [0.9, 'falls short'],
  ])('where less is better, %d times as much %s', (value, verdict) => {
    const lower: Row = { ...row, against: [slow, fast], better: 'lower', bar: 0.8, aim: 0.6 }
    const reached = new Map([
      [ours, [value]],
      [slow, [10]],
      [fast, [1]],
    ])
    expect(verdictOf(lower, reached).verdict).toBe(verdict)
  })

  it.each([
    [120, 'reaches the aim'],
    [119, 'falls short'],
  ])('a floor holds it to a peer, too: at %d against 100 it %s', (value, verdict) => {
    const floored: Row = {
      ...row,
      against: [slow],
      floor: { measure: row.measure, against: fast, ratio: 1.2 },
    }
    const reached = new Map([
      [ours, [value]],
      [slow, [10]],
      [fast, [100]],
    ])
    expect(verdictOf(floored, reached).verdict).toBe(verdict)
  })

  it('shows what stands beside, and is not compared with it', () => {
    const reached = new Map([
      [ours, [200]],
      [slow, [100]],
      [fast, [1000]],
    ])
    const judged = verdictOf({ ...row, against: [slow], beside: [fast] }, reached)
    expect(judged).toMatchObject({ verdict: 'reaches the aim', value: { median: 2 } })
    expect(judged.lines.map(({ system }) => system)).toEqual(['cgk', 'slow', 'fast'])
  })

  it('without anything to compare with is what was measured, in its unit', () => {
    const wal: Row = {
      ...row,
      measure: { metric: 'walBytesPerJob' },
      against: [],
      unit: 'KB',
      better: 'lower',
      bar: 1,
      aim: 0.75,
    }
    const judged = verdictOf(wal, new Map([[ours, [1]]]))
    expect(judged).toMatchObject({ verdict: 'reaches the aim', value: { median: 0.5 } })
  })

  it('names the variant of ours that was measured, of another checkout too', () => {
    const variant = entryOf(`${OURS}:aof`)
    const judged = { ...row, entry: variant, against: [slow] }
    const reached = new Map([
      [variant, [300]],
      [slow, [10]],
    ])
    const group = { name: 'drain', rows: [judged] }
    const [only] = judge(group, { ...figures(reached), ours: 'cgk=../before:1' })
    expect(only?.lines.map(({ system }) => system)).toEqual(['cgk:aof=../before:1', 'slow'])
  })

  it('shows what each system reached and cost', () => {
    const reached = new Map([
      [ours, [300]],
      [slow, [10]],
      [fast, [100]],
    ])
    expect(verdictOf(row, reached).lines).toMatchObject([
      { system: 'cgk', figure: { median: 300 }, walBytesPerJob: 500 },
      { system: 'slow', figure: { median: 10 } },
      { system: 'fast', figure: { median: 100 } },
    ])
  })
})
