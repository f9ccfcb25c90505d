import { ratios, valuesOf } from '../results.ts'
import type { Metric } from '../scenarios/scenario.ts'
import { type Spread, spread } from '../statistics.ts'
import type { Runs } from '../turns.ts'
import type { GroupFigures } from './figures.ts'
import {
  type Entry,
  entriesOf,
  entriesOfRow,
  keyOf,
  type Row,
  type RowGroup,
  systemNameOf,
  type Unit,
} from './rows.ts'

export type Verdict = 'reaches the aim' | 'passes' | 'falls short' | 'not measured'

/** A row of the table with what came out of it. */
export interface JudgedRow {
  readonly row: Row
  readonly verdict: Verdict
  /** In the row's unit; absent where it was not measured. */
  readonly value?: Spread
  /** How many times as good as its peer, where the row has a floor. */
  readonly floor?: Spread
  readonly lines: readonly EntryLine[]
  readonly failures: readonly string[]
  readonly environment: GroupFigures['environment']
}

/** What one entry of a row reached, and what it cost. */
export interface EntryLine {
  readonly system: string
  readonly entry: Entry
  readonly figure: Spread
  readonly walBytesPerJob?: number
  readonly serverCpuMicrosecondsPerJob?: number
  readonly cpuMicrosecondsPerJob?: number
}

/** What a unit makes of a measured value. */
const FACTORS: Readonly<Record<Unit, number>> = { '×': 1, KB: 1 / 1000, '%': 100 }

export function judge(group: RowGroup, figures: GroupFigures): readonly JudgedRow[] {
  return group.rows.map((row) => judgeRow(row, group, figures))
}

function judgeRow(row: Row, group: RowGroup, figures: GroupFigures): JudgedRow {
  const values = valuesOfRow(row, figures)
  const floors = floorsOf(row, figures)
  const shown = new Set(entriesOfRow(row).map(keyOf))
  const judged = {
    row,
    ...(values.length > 0 && { value: spread(values) }),
    ...(floors !== undefined && floors.length > 0 && { floor: spread(floors) }),
    lines: entriesOf(group)
      .filter((entry) => shown.has(keyOf(entry)))
      .flatMap((entry) => lineOf(row, entry, figures)),
    failures: figures.failures,
    environment: figures.environment,
  }
  return { ...judged, verdict: verdictOf(judged) }
}

function valuesOfRow(row: Row, figures: GroupFigures): readonly number[] {
  const own = valuesOf(runsOf(row.entry, figures), row.measure)
  if (row.against.length === 0) return own.map((value) => value * FACTORS[row.unit])
  const others = row.against.map((entry) => valuesOf(runsOf(entry, figures), row.measure))
  // Who is best is not known while one of them is missing.
  if (others.some((values) => values.length === 0)) return []
  const sign = row.better === 'higher' ? 1 : -1
  const [best = []] = others.toSorted((a, b) => sign * (spread(b).median - spread(a).median))
  return ratios(own, best)
}

function floorsOf({ entry, floor }: Row, figures: GroupFigures): readonly number[] | undefined {
  if (floor === undefined) return undefined
  const own = valuesOf(runsOf(entry, figures), floor.measure)
  return ratios(own, valuesOf(runsOf(floor.against, figures), floor.measure))
}

function verdictOf({ row, value, floor }: Omit<JudgedRow, 'verdict'>): Verdict {
  if (value === undefined || (row.floor !== undefined && floor === undefined)) return 'not measured'
  const reaches = (limit: number): boolean =>
    row.better === 'higher' ? value.median >= limit : value.median <= limit
  const isAboveFloor =
    row.floor === undefined || (floor !== undefined && floor.median >= row.floor.ratio)
  if (!isAboveFloor || !reaches(row.bar)) return 'falls short'
  return reaches(row.aim) ? 'reaches the aim' : 'passes'
}

function lineOf(row: Row, entry: Entry, figures: GroupFigures): readonly EntryLine[] {
  const runs = runsOf(entry, figures)
  const values = valuesOf(runs, row.measure)
  if (values.length === 0) return []
  return [
    {
      system: systemNameOf(entry, figures.ours),
      entry,
      figure: spread(values),
      ...cost(runs, 'walBytesPerJob'),
      ...cost(runs, 'serverCpuMicrosecondsPerJob'),
      ...cost(runs, 'cpuMicrosecondsPerJob'),
    },
  ]
}

function cost<M extends Metric>(runs: Runs, metric: M): { readonly [K in M]?: number } {
  const values = valuesOf(runs, { metric })
  return values.length === 0 ? {} : ({ [metric]: spread(values).median } as { [K in M]: number })
}

function runsOf(entry: Entry, figures: GroupFigures): Runs {
  return figures.entries[keyOf(entry)] ?? []
}
