import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { JudgedRow, Verdict } from './judge.ts'
import { describeConditions, formatValue, nameOf } from './words.ts'

const WIDTH = 460
const FONT = 'system-ui, sans-serif'

const COLORS: Readonly<Record<Verdict, string>> = {
  'reaches the aim': '#1a7f37',
  passes: '#4c8dd6',
  'falls short': '#cf222e',
  'not measured': '#8c959f',
}

/**
 * The whole table as one picture: how many times its bar each row reaches, with a mark for its aim.
 *
 * @returns SVG
 */
export async function drawSummary(store: string, rows: readonly JudgedRow[]): Promise<string> {
  const measured = rows.flatMap(({ row, value, verdict }) => {
    if (value === undefined) return []
    const times = (reached: number): number =>
      row.better === 'higher' ? reached / row.bar : row.bar / reached
    return [
      {
        title: row.title,
        verdict,
        reached: times(value.median),
        aim: times(row.aim),
        label: formatValue(value.median, row),
      },
    ]
  })
  return await draw({
    title: {
      text: `@cgk/jobs on ${store}: what was reached, as a multiple of what must be`,
      ...subtitle(rows),
    },
    data: { values: measured },
    width: WIDTH,
    height: { step: 22 },
    encoding: {
      y: { field: 'title', type: 'nominal', sort: null, title: null, axis: { labelLimit: 600 } },
    },
    layer: [
      {
        mark: { type: 'bar', height: 14 },
        encoding: {
          x: {
            field: 'reached',
            type: 'quantitative',
            title: 'times what must be reached; the line is 1, a mark the aim',
          },
          color: {
            field: 'verdict',
            type: 'nominal',
            title: null,
            scale: { domain: Object.keys(COLORS), range: Object.values(COLORS) },
            legend: { orient: 'bottom' },
          },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: {
          x: { field: 'reached', type: 'quantitative' },
          text: { field: 'label', type: 'nominal' },
        },
      },
      {
        mark: { type: 'tick', thickness: 2, color: '#24292f', size: 18 },
        encoding: { x: { field: 'aim', type: 'quantitative' } },
      },
      {
        mark: { type: 'rule', color: '#24292f' },
        encoding: { x: { datum: 1 }, y: { value: 0 }, y2: { value: 'height' } },
      },
    ],
  })
}

/** What each entry of a row reached. @returns SVG */
export async function drawRow({ row, lines, environment }: JudgedRow): Promise<string> {
  const [ours] = lines
  const values = lines.map((line) => ({
    name: nameOf(line),
    who: line === ours ? 'ours' : 'peer',
    median: line.figure.median,
    min: line.figure.min,
    max: line.figure.max,
  }))
  return await draw({
    title: { text: row.title, subtitle: environment.date, anchor: 'start' },
    data: { values },
    width: WIDTH,
    height: { step: 22 },
    encoding: { y: { field: 'name', type: 'nominal', sort: null, title: null } },
    layer: [
      {
        mark: { type: 'bar', height: 14 },
        encoding: {
          x: { field: 'median', type: 'quantitative', title: axisOf(row.measure.metric) },
          color: {
            field: 'who',
            type: 'nominal',
            scale: { domain: ['ours', 'peer'], range: ['#1f6feb', '#8c959f'] },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'rule', color: '#24292f' },
        encoding: {
          x: { field: 'min', type: 'quantitative' },
          x2: { field: 'max' },
        },
      },
    ],
  })
}

function subtitle(rows: readonly JudgedRow[]): {
  readonly subtitle: string[]
  readonly anchor: 'start'
} {
  const environment = rows.at(-1)?.environment
  return {
    subtitle: environment === undefined ? [] : [...describeConditions(environment)],
    anchor: 'start',
  }
}

function axisOf(metric: string): string {
  return metric.replaceAll(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`)
}

async function draw(spec: TopLevelSpec): Promise<string> {
  const compiled = compile({
    background: '#ffffff',
    padding: 12,
    config: { font: FONT, view: { stroke: null }, title: { fontSize: 14 } },
    ...spec,
  })
  const view = new View(parse(compiled.spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}
