import { appendFileSync, writeFileSync } from 'node:fs'
import type { Environment } from './environment.ts'
import type { Progress } from './progress.ts'
import type { Ratio, Result } from './results.ts'

/** Where results go: a line of JSON each, and beside that something to read. */
export interface Report {
  begin(environment: Environment): void
  add(results: readonly (Result | Ratio)[]): void
}

/**
 * Writes JSON lines to stdout and, where one is named, to a file; on a terminal also a table to stderr.
 */
export function createReport(file: string | undefined, progress: Progress): Report {
  if (file !== undefined) writeFileSync(file, '')

  const line = (value: unknown): void => {
    const text = JSON.stringify(value)
    progress.print(text)
    if (file !== undefined) appendFileSync(file, `${text}\n`)
  }
  return {
    begin: line,
    add(results) {
      for (const result of results) line(result)
      // The lines are on the same screen unless they went elsewhere; the table is easier to read.
      if (process.stderr.isTTY) progress.note(formatTable(results))
    },
  }
}

/** Rows of a table, columns padded to their widest cell. */
function formatTable(results: readonly (Result | Ratio)[]): string {
  const rows = results.map((result) => [
    'against' in result ? `${result.system} / ${result.against}` : result.system,
    `${result.scenario} ${describeSettings(result)}`,
    result.metric,
    formatNumber(result.median),
    `${formatNumber(result.min)} – ${formatNumber(result.max)}`,
    String(result.runs),
  ])
  const table = [['system', 'scenario', 'metric', 'median', 'min – max', 'runs'], ...rows]
  const widths = table[0]?.map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  )
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

// How a system is set up is the same in all of its rows: the JSON lines tell, the table need not.
function describeSettings(result: Result | Ratio): string {
  const shown = [
    'jobs',
    'waiting',
    'delayed',
    'tenants',
    'inFlight',
    'batch',
    'transaction',
    'seconds',
    'awaits',
    'held',
    'window',
    'call',
  ]
  return shown
    .filter((key) => key in result.settings)
    .map((key) => `${key}=${String(result.settings[key])}`)
    .join(' ')
}

function formatNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 })
}
