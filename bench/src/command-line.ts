import { Command, InvalidArgumentError } from 'commander'
import type { Scenario, Sizes } from './scenarios/scenario.ts'
import { findScenario, scenarios } from './scenarios/scenarios.ts'
import type { System } from './systems/system.ts'
import { findSystem, systemNames } from './systems/systems.ts'

/** What the command line asks for. */
export interface RunOptions {
  readonly scale: number
  readonly runs: number
  readonly timeoutMs: number
  readonly scenarios: readonly Scenario[]
  readonly systems: readonly System[]
  readonly sizes: Sizes
  readonly json: string | undefined
  readonly profile: string | undefined
}

const DEFAULT_RUNS = 5
const DEFAULT_TIMEOUT_SECONDS = 1800

const program = new Command('bench')
  .description('Throughput, latency and memory of @cgk/jobs beside other queues, as JSON lines.')
  .argument('<scenario>', `${scenarios.map(({ name }) => name).join(', ')}, or all`, parseScenarios)
  .option(
    '--systems <names>',
    'what to measure, separated by commas, all unless given; ratios are those of the first to each other',
    parseSystems,
  )
  .option('--jobs <counts>', 'jobs in a run; several, separated by commas, are cases', parseCounts)
  .option('--seconds <seconds>', 'length of a run that lasts for a time', parsePositive)
  .option('--scale <factor>', 'size of each run: jobs, tenants and time', parsePositive, 1)
  .option('--runs <count>', 'runs of each system, interleaved', parseCount, DEFAULT_RUNS)
  .option('--json <file>', 'write the JSON lines to this file too')
  .option('--profile <folder>', 'write a CPU profile of each run to this folder')
  .option('--timeout <seconds>', 'longest run', parsePositive, DEFAULT_TIMEOUT_SECONDS)
  .addHelpText('after', () => {
    const lines = scenarios.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`)
    return `\nScenarios:\n${lines.join('\n')}\n\nSystems: ${systemNames.join(', ')}`
  })

/** Reads the command line; on a mistake says which, and ends the process. */
export function parseCommandLine(): RunOptions {
  program.parse()
  const options = program.opts<{
    systems?: System[]
    jobs?: number[]
    seconds?: number
    scale: number
    runs: number
    timeout: number
    json?: string
    profile?: string
  }>()
  const { jobs, seconds } = options
  return {
    scenarios: (program.processedArgs as [Scenario[]])[0],
    systems: options.systems ?? systemNames.map(findSystem),
    sizes: { ...(jobs !== undefined && { jobs }), ...(seconds !== undefined && { seconds }) },
    scale: options.scale,
    runs: options.runs,
    timeoutMs: options.timeout * 1000,
    json: options.json,
    profile: options.profile,
  }
}

function parseScenarios(text: string): readonly Scenario[] {
  return text === 'all' ? scenarios : [refuse(() => findScenario(text))]
}

function parseSystem(text: string): System {
  return refuse(() => findSystem(text))
}

function parseSystems(text: string): System[] {
  return [...new Set(text.split(','))].map(parseSystem)
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
