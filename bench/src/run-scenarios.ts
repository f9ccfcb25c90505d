import type { RunOptions } from './command-line.ts'
import { describeEnvironment } from './environment.ts'
import { profileFile, summarizeProfile } from './profiles.ts'
import { createProgress, type Progress } from './progress.ts'
import { createReport, type Report } from './report.ts'
import { ratiosOf, resultsOf } from './results.ts'
import { type Case, type Scenario, scaleCase } from './scenarios/scenario.ts'
import { openServers } from './servers/open-servers.ts'
import { type Contender, type Repetition, type Runs, takeTurns } from './turns.ts'

/** Measures scenarios with some systems, and prints what they reached. */
export async function runScenarios(options: RunOptions, signal: AbortSignal): Promise<void> {
  const progress = createProgress()
  const report = createReport(options.json, progress)
  await using servers = await openServers(options.systems)
  report.begin(describeEnvironment(options.systems, servers))
  if (servers.postgres?.isDurable === false) {
    progress.note('the Postgres server is not durable: a commit does not wait for the disk')
  }
  const profiles: string[] = []
  const repetition = repetitionOf(options, signal, progress, profiles)
  for (const scenario of options.scenarios) {
    for (const settings of scenario.cases(options.sizes)) {
      const contenders = contendersOf(scenario, settings, options, progress)
      report.add(inTurns(contenders, await takeTurns(contenders, repetition)))
    }
  }
  for (const file of profiles) progress.note(summarizeProfile(file))
}

function contendersOf(
  scenario: Scenario,
  settings: Case,
  { systems, scale }: RunOptions,
  progress: Progress,
): readonly Contender[] {
  const scaled = scaleCase(settings, scale)
  const suited = systems.filter((system) => scenario.suits?.(system, settings) ?? true)
  for (const { name } of systems.filter((system) => !suited.includes(system))) {
    progress.note(`${name} has nothing for ${scenario.name} ${JSON.stringify(scaled)}`)
  }
  return suited.map((system) => ({ scenario, settings: scaled, system }))
}

/** Each contender's results, then the ratios of the first to each other. */
function inTurns(
  contenders: readonly Contender[],
  runs: ReadonlyMap<Contender, Runs>,
): Parameters<Report['add']>[0] {
  const [first] = contenders
  const ownRuns = first && runs.get(first)
  return [
    ...[...runs].flatMap(([contender, measured]) => resultsOf(contender, measured)),
    ...[...runs].flatMap(([other, measured]) =>
      first === undefined || ownRuns === undefined || other === first
        ? []
        : ratiosOf(first, ownRuns, other, measured),
    ),
  ]
}

function repetitionOf(
  { runs, timeoutMs, profile }: RunOptions,
  signal: AbortSignal,
  progress: Progress,
  profiles: string[],
): Repetition {
  return {
    runs,
    timeoutMs,
    signal,
    onRun: (order, run) => {
      progress.show(
        `${order.scenario} ${JSON.stringify(order.settings)} ${order.system} ${run + 1}/${runs}`,
      )
    },
    onFailure: (error) => {
      process.exitCode = 1
      progress.note(error instanceof Error ? error.message : String(error))
    },
    ...(profile !== undefined && {
      profileOf: (order, run) => {
        const file = profileFile(profile, order, run)
        profiles.push(file)
        return file
      },
    }),
  }
}
