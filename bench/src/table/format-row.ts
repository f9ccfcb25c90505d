import type { JudgedRow } from './judge.ts'
import { costsOf, formatBar, formatFigure, formatFloor, formatValue, nameOf } from './words.ts'

/** A row as text: what came out, and under it what each entry reached and cost. */
export function formatRow(judged: JudgedRow): string {
  const { row, value, verdict, lines } = judged
  const came = value === undefined ? '' : `${formatValue(value.median, row)} `
  const between =
    value === undefined
      ? ''
      : `(${formatValue(value.min, row)} – ${formatValue(value.max, row)}; ${value.runs} runs) `
  const floor = formatFloor(judged)
  const entries = lines.map((line) => {
    const [wal, server, worker] = costsOf(line)
    return [
      nameOf(line),
      formatFigure(line, row),
      `WAL ${wal}`,
      `server ${server}`,
      `worker ${worker}`,
    ]
  })
  return [
    `${verdict.toUpperCase()}  ${row.title}`,
    `  ${came}${between}${formatBar(row)}`,
    ...(floor === undefined ? [] : [`  and ${floor}`]),
    ...alignColumns(entries).map((line) => `    ${line}`),
  ].join('\n')
}

/** Columns padded to their widest cell. */
function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  )
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
