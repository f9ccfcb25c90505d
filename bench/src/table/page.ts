import { drawRow } from './charts.ts'
import type { EntryLine, JudgedRow } from './judge.ts'
import {
  costsOf,
  describeConditions,
  formatBar,
  formatFigure,
  formatFloor,
  formatValue,
  nameOf,
} from './words.ts'

const STYLE = `
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #24292f }
table { border-collapse: collapse; margin: 0.5rem 0 }
th, td { text-align: left; padding: 0.25rem 0.75rem; border-bottom: 1px solid #d0d7de; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
svg { max-width: 100%; height: auto }
.falls-short, .not-measured { color: #cf222e }
.passes { color: #0969da }
.reaches-the-aim { color: #1a7f37 }
`

/** What a page shows. */
interface Contents {
  /** The database of our store, as people write it. */
  readonly store: string
  readonly rows: readonly JudgedRow[]
  /** SVG of all rows. */
  readonly summary: string
  readonly scale: number
}

/** The table as one page that needs nothing beside it. */
export async function renderPage({ store, rows, summary, scale }: Contents): Promise<string> {
  const sections = await Promise.all(rows.map(renderRow))
  const conditions = new Set(
    rows.map(({ environment }) => describeConditions(environment).join('\n')),
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Benchmark of @cgk/jobs on ${escape(store)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>@cgk/jobs on ${escape(store)} beside its peers</h1>
${scale === 1 ? '' : `<p><strong>Runs of ${scale} times the size: these figures only show that everything works.</strong></p>`}
${[...conditions].map((text) => `<pre>${escape(text)}</pre>`).join('\n')}
<p>Medians of runs in turns; a ratio is taken within each round of turns. Costs are those of one job.</p>
${summary}
${sections.join('\n')}
</body>
</html>
`
}

async function renderRow(judged: JudgedRow): Promise<string> {
  const { row, value, verdict, lines, failures } = judged
  const floor = formatFloor(judged)
  const came =
    value === undefined
      ? ''
      : `<strong>${escape(formatValue(value.median, row))}</strong> (${escape(formatValue(value.min, row))} – ${escape(formatValue(value.max, row))}), `
  return `<section>
<h2>${escape(row.title)}</h2>
<p><span class="${verdict.replaceAll(' ', '-')}">${verdict}</span>: ${came}${escape(formatBar(row))}${floor === undefined ? '' : `; and ${escape(floor)}`}</p>
${failures.map((failure) => `<pre>${escape(failure)}</pre>`).join('\n')}
${lines.length === 0 ? '' : await drawRow(judged)}
<table>
<tr><th>system</th><th>median</th><th>WAL</th><th>server CPU</th><th>worker CPU</th></tr>
${lines.map((line) => renderLine(line, judged)).join('\n')}
</table>
</section>`
}

function renderLine(line: EntryLine, { row }: JudgedRow): string {
  const cells = [formatFigure(line, row), ...costsOf(line)]
  return `<tr><td>${escape(nameOf(line))}</td>${cells.map((cell) => `<td class="number">${escape(cell)}</td>`).join('')}</tr>`
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
