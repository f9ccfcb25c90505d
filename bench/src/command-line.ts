import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Scenario, Sizes } from './scenarios/scenario.ts'
import { findScenario, scenarios } from './scenarios/scenarios.ts'
import type { System } from './systems/system.ts'
import { defaultSystems, findSystem, systemNames } from './systems/systems.ts'
import type { RowGroup } from './table/rows.ts'
import { type Table, tables } from './table/tables.ts'

/** What both commands take. */
interface CommonOptions {
  readonly scale: number
  readonly runs: number
  readonly timeoutMs: number
}

/** Asks for some scenarios, with some systems. */
export interface RunOptions extends CommonOptions {
  readonly command: 'run'
  readonly scenarios: readonly Scenario[]
  readonly systems: readonly System[]
  readonly sizes: Sizes
  readonly json: string | undefined
  readonly profile: string | undefined
}

/** Asks for the table that our store on one database is judged by. */
export interface TableOptions extends CommonOptions {
  readonly command: 'table'
  /** The database, as people write it. */
  readonly store: string
  readonly ours: System
  readonly groups: readonly RowGroup[]
  readonly folder: string
}

const DEFAULT_RUNS = 5
const DEFAULT_TIMEOUT_SECONDS = 1800
const DEFAULT_FOLDER = 'bench-table'

/** Reads the command line; on a mistake says which, and ends the process. */
export function parseCommandLine(): RunOptions | TableOptions {
  let parsed: RunOptions | TableOptions | undefined
  const program = new Command('bench').description(
    'Throughput, latency and memory of @cgk/jobs beside other queues.',
  )
  runCommand(program).action((chosen: readonly Scenario[], options: RunFlags) => {
    parsed = runOptions(chosen, options)
  })
  tableCommand(program).action((options: TableFlags, command: Command) => {
    parsed = tableOptions(options, command)
  })
  program.parse()
  if (parsed === undefined) throw new Error('the command line asked for nothing')
  return parsed
}

interface CommonFlags {
  readonly scale: number
  readonly runs: number
  readonly timeout: number
}

interface RunFlags extends CommonFlags {
  readonly systems?: readonly System[]
  readonly jobs?: readonly number[]
  readonly seconds?: number
  readonly json?: string
  readonly profile?: string
}

interface TableFlags extends CommonFlags {
  readonly store: keyof typeof tables
  readonly ours?: System
  readonly rows?: readonly string[]
  readonly folder?: string
}

function runCommand(program: Command): Command {
  const command = program
    .command('run', { isDefault: true })
    .description('Measures scenarios, as JSON lines. This is what `bench <scenario>` does.')
    .argument(
      '<scenario>',
      `${scenarios.map(({ name }) => name).join(', ')}, or all`,
      parseScenarios,
    )
    .option(
      '--systems <names>',
      `what to measure, separated by commas, ${defaultSystems.join(',')} unless given; ratios are those of the first to each other`,
      parseSystems,
    )
    .option(
      '--jobs <counts>',
      'jobs in a run; several, separated by commas, are cases',
      parseCounts,
    )
    .option('--seconds <seconds>', 'length of a run that lasts for a time', parsePositive)
    .option('--json <file>', 'write the JSON lines to this file too')
    .option('--profile <folder>', 'write a CPU profile of each run to this folder')
    .addHelpText('after', () => {
      const lines = scenarios.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`)
      return `\nScenarios:\n${lines.join('\n')}\n\nSystems: ${systemNames.join(', ')}`
    })
  return withCommonOptions(command)
}

function tableCommand(program: Command): Command {
  const command = program
    .command('table')
    .description('Measures one of our stores against its peers, and says which bars it passes.')
    .addOption(
      new Option('--store <name>', 'whose table')
        .choices(Object.keys(tables))
        .default('postgres' satisfies TableFlags['store']),
    )
    .option(
      '--ours <system>',
      'what is judged, our store unless given; cgk-postgres=PATH is another checkout',
      parseSystem,
    )
    .option('--rows <names>', 'some rows only, separated by commas', parseNames)
    .option(
      '--folder <folder>',
      `where the page, the picture and the figures go, ${join(DEFAULT_FOLDER, 'STORE')} unless given; rows whose figures are there are not measured again`,
    )
    .addHelpText('after', () => {
      const lines = Object.entries(tables).map(
        ([store, table]) => `  ${store.padEnd(8)} ${namesOf(table)}`,
      )
      return `\nRows:\n${lines.join('\n')}`
    })
  return withCommonOptions(command)
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--scale <factor>', 'size of each run: jobs, tenants and time', parsePositive, 1)
    .option('--runs <count>', 'runs of each system, interleaved', parseCount, DEFAULT_RUNS)
    .option('--timeout <seconds>', 'longest run', parsePositive, DEFAULT_TIMEOUT_SECONDS)
}

function runOptions(chosen: readonly Scenario[], flags: RunFlags): RunOptions {
  const { jobs, seconds, systems = defaultSystems.map(findSystem), json, profile } = flags
  return {
    command: 'run',
    ...commonOptions(flags),
    scenarios: chosen,
    systems,
    sizes: { ...(jobs !== undefined && { jobs }), ...(seconds !== undefined && { seconds }) },
    json,
    profile,
  }
}

function tableOptions(flags: TableFlags, command: Command): TableOptions {
  const { store, ours, rows, folder = join(DEFAULT_FOLDER, store) } = flags
  const table: Table = tables[store]
  return {
    command: 'table',
    ...commonOptions(flags),
    store: table.title,
    ours: ours ?? findSystem(table.ours),
    groups: rows?.map((name) => findGroup(name, table, command)) ?? table.groups,
    folder,
  }
}

function findGroup(name: string, table: Table, command: Command): RowGroup {
  return (
    table.groups.find((group) => group.name === name) ??
    command.error(`error: there is no row "${name}": choose from ${namesOf(table)}`)
  )
}

function namesOf({ groups }: Table): string {
  return groups.map(({ name }) => name).join(', ')
}

function commonOptions({ scale, runs, timeout }: CommonFlags): CommonOptions {
  return { scale, runs, timeoutMs: timeout * 1000 }
}

function parseScenarios(text: string): readonly Scenario[] {
  return text === 'all' ? scenarios : [refuse(() => findScenario(text))]
}

function parseSystem(text: string): System {
  return refuse(() => findSystem(text))
}

function parseSystems(text: string): System[] {
  return parseNames(text).map(parseSystem)
}

function parseNames(text: string): string[] {
  return [...new Set(text.split(','))]
}

function parseCounts(text: string): number[] {
  return text.split(',').map(parseCount)
}

function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new InvalidArgumentError(`"${text}" is not a whole number above 0.`)
}

function parsePositive(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError(`"${text}" is not a number above 0.`)
}

// The parser prints only errors of its own class without a stack.
function refuse<T>(find: () => T): T {
  try {
    return find()
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}
