import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TableOptions } from '../command-line.ts'
import { describeEnvironment, type Environment } from '../environment.ts'
import { createProgress, type Progress } from '../progress.ts'
import { scaleCase } from '../scenarios/scenario.ts'
import { openServers } from '../servers/open-servers.ts'
import type { System } from '../systems/system.ts'
import { findSystem } from '../systems/systems.ts'
import { type Contender, takeTurns } from '../turns.ts'
import { FiguresFile, type GroupFigures } from './figures.ts'
import { formatRow } from './format-row.ts'
import { judge } from './judge.ts'
import { type Entry, entriesOf, keyOf, type RowGroup, systemNameOf } from './rows.ts'

/** Measures what the table asks for, prints it row by row, and writes a page and a picture of it. */
export async function runTable(options: TableOptions, signal: AbortSignal): Promise<void> {
  const { store, groups, ours, folder, scale, runs } = options
  const systems = systemsOf(groups, ours)
  await using servers = await openServers(systems)
  const environment = describeEnvironment(systems, servers)
  const progress = createProgress()
  if (servers.postgres?.isDurable === false) {
    progress.note('the Postgres server is not durable: these figures are of no use')
  }
  const file = new FiguresFile(folder)
  const rows = []
  for (const group of groups) {
    let figures = file.find({ group: group.name, ours: ours.name, scale, runs })
    if (figures === undefined) {
      figures = await measureGroup(group, options, environment, progress, signal)
      file.put(figures)
    }
    const judged = judge(group, figures)
    for (const row of judged) progress.print(formatRow(row))
    rows.push(...judged)
  }
  // What draws charts is large, and nobody else wants it.
  const { drawSummary } = await import('./charts.ts')
  const { renderPage } = await import('./page.ts')
  const summary = await drawSummary(store, rows)
  writeFileSync(join(folder, 'table.svg'), summary)
  writeFileSync(join(folder, 'table.html'), await renderPage({ store, rows, summary, scale }))
  progress.note(
    `the page is ${join(folder, 'table.html')}, its picture ${join(folder, 'table.svg')}`,
  )
  if (rows.some(({ verdict }) => verdict === 'falls short' || verdict === 'not measured')) {
    process.exitCode = 1
  }
}

async function measureGroup(
  group: RowGroup,
  { ours, scale, runs, timeoutMs }: TableOptions,
  environment: Environment,
  progress: Progress,
  signal: AbortSignal,
): Promise<GroupFigures> {
  const contenders = new Map(
    entriesOf(group).map((entry) => [contenderOf(entry, ours, scale), keyOf(entry)]),
  )
  const failures: string[] = []
  const measured = await takeTurns([...contenders.keys()], {
    runs,
    timeoutMs,
    signal,
    onRun: ({ scenario, system, settings }, run) => {
      progress.show(`${scenario} ${JSON.stringify(settings)} ${system} ${run + 1}/${runs}`)
    },
    onFailure: (error) => {
      const reason = error instanceof Error ? error.message : String(error)
      failures.push(reason)
      progress.note(reason)
    },
  })
  return {
    group: group.name,
    ours: ours.name,
    scale,
    runs,
    environment,
    entries: Object.fromEntries(
      [...measured].map(([contender, itsRuns]) => [contenders.get(contender), itsRuns]),
    ),
    failures,
  }
}

function contenderOf(entry: Entry, ours: System, scale: number): Contender {
  return {
    scenario: entry.scenario,
    settings: scaleCase(entry.settings, scale),
    system: findSystem(systemNameOf(entry, ours.name)),
  }
}

function systemsOf(groups: readonly RowGroup[], ours: System): readonly System[] {
  const names = groups.flatMap(entriesOf).map((entry) => systemNameOf(entry, ours.name))
  return [...new Set(names)].map(findSystem)
}
