import type { Environment } from '../environment.ts'
import type { Metric } from '../scenarios/scenario.ts'
import type { EntryLine, JudgedRow } from './judge.ts'
import type { Row } from './rows.ts'

const UNITS: { readonly [M in Metric]?: string } = {
  jobsPerSecond: 'jobs/s',
  p50Milliseconds: 'ms',
  p99Milliseconds: 'ms',
  walBytesPerJob: 'B a job',
  serverBytesPerJob: 'B a job',
}

/** A value in the unit of its row. */
export function formatValue(value: number, { unit }: Row): string {
  const text = formatNumber(value)
  return unit === '×' ? `${text} ×` : `${text} ${unit}`
}

/** What a row asks for. */
export function formatBar(row: Row): string {
  const word = row.better === 'higher' ? 'at least' : 'at most'
  return `${word} ${formatValue(row.bar, row)}, aim ${formatValue(row.aim, row)}`
}

/** What a row asks for besides, and what came of it; nothing where it asks for nothing. */
export function formatFloor({ row, floor }: JudgedRow): string | undefined {
  if (row.floor === undefined) return undefined
  const reached = floor === undefined ? 'not measured' : formatValue(floor.median, row)
  return `${reached} of ${row.floor.against.system} there, at least ${formatValue(row.floor.ratio, row)}`
}

/** What was measured of an entry, before any ratio. */
export function formatFigure(line: EntryLine, row: Row): string {
  return formatMeasured(line.figure.median, row)
}

/** What an entry cost; `n/a` where that is not known. */
export function costsOf(line: EntryLine): readonly [wal: string, server: string, worker: string] {
  return [
    line.walBytesPerJob === undefined ? 'n/a' : `${formatNumber(line.walBytesPerJob)} B`,
    micros(line.serverCpuMicrosecondsPerJob),
    micros(line.cpuMicrosecondsPerJob),
  ]
}

/** Tells entries of one system apart. */
export function nameOf({ system, entry }: EntryLine): string {
  const { tenants, waiting, delayed, held } = entry.settings
  const details = [
    ...(waiting === undefined ? [] : [`${formatNumber(waiting)} waiting`]),
    ...(delayed === undefined ? [] : [`${formatNumber(delayed)} delayed`]),
    ...(tenants === undefined ? [] : [`${formatNumber(tenants)} tenants`]),
    ...(held === undefined ? [] : [`${held} held`]),
  ]
  return details.length === 0 ? system : `${system}, ${details.join(', ')}`
}

/** Where and of what the figures are, in one line each. */
export function describeConditions(environment: Environment): readonly string[] {
  const { date, cpu, cores, memoryGibibytes, platform, node, revision, packages } = environment
  const { postgres, redis, loadAverage } = environment
  return [
    `${date}, revision ${revision}`,
    `${cpu}, ${cores} cores, ${memoryGibibytes} GiB, ${platform}, load ${formatNumber(loadAverage)}`,
    `Node.js ${node}, ${Object.entries(packages)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    ...(postgres === undefined
      ? []
      : [
          `Postgres ${Object.entries(postgres)
            .map(([name, value]) => `${name} ${value}`)
            .join(', ')}`,
        ]),
    ...(redis === undefined ? [] : [`Redis ${redis}`]),
  ]
}

function formatNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 })
}

function formatMeasured(value: number, { measure }: Row): string {
  if (measure.metric === 'partOfPossible') return `${formatNumber(value * 100)} %`
  const unit = UNITS[measure.metric]
  return unit === undefined ? formatNumber(value) : `${formatNumber(value)} ${unit}`
}

function micros(value: number | undefined): string {
  return value === undefined ? 'n/a' : `${formatNumber(value)} µs`
}
