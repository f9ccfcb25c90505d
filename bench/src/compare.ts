import { forkRun, type RunOrder } from './fork-run.ts'
import type { Ratio, Result } from './results.ts'
import type { Case, Measurement, Scenario } from './scenarios/scenario.ts'
import { spread } from './statistics.ts'
import type { Settings, System } from './systems/system.ts'

/** How runs are repeated. */
export interface Repetition {
  readonly runs: number
  /** The longest that one run may take. */
  readonly timeoutMs: number
  /** Names the file of a run's CPU profile, where profiles are wanted. */
  readonly profileOf?: (order: RunOrder, run: number) => string
  /** Called before each run. */
  readonly onRun?: (order: RunOrder, run: number) => void
  /** Called for a run that failed; its system is left out of the rest of the case. */
  readonly onFailure: (error: unknown) => void
}

/** The values of one metric, one per run. */
interface Series {
  readonly system: System
  readonly metric: Measurement['metric']
  readonly settings: Settings
  readonly values: number[]
}

/**
 * Measures the systems in one case of a scenario, their runs interleaved (A B A B …), so that what
 * drifts on the machine drifts for all of them.
 *
 * @returns each system's results, then the ratios of the first system to each other, run by run.
 */
export async function compare(
  scenario: Scenario,
  settings: Case,
  systems: readonly System[],
  repetition: Repetition,
): Promise<(Result | Ratio)[]> {
  const remaining = new Set(systems)
  const series = new Map<string, Series>()
  for (let run = 0; run < repetition.runs; run++) {
    for (const system of remaining) {
      try {
        const measured = await runOnce(scenario, settings, system, run, repetition)
        for (const measurement of measured)
          seriesOf(series, system, measurement).push(measurement.value)
      } catch (error) {
        remaining.delete(system)
        repetition.onFailure(error)
      }
    }
  }
  const complete = [...series.values()].filter(({ system }) => remaining.has(system))
  return [
    ...complete.map((one) => resultOf(scenario, settings, one)),
    ...ratiosOf(scenario, settings, complete, systems[0]),
  ]
}

async function runOnce(
  scenario: Scenario,
  settings: Case,
  system: System,
  run: number,
  { timeoutMs, profileOf, onRun }: Repetition,
): Promise<readonly Measurement[]> {
  const order: RunOrder = { scenario: scenario.name, system: system.name, settings }
  onRun?.(order, run)
  const profile = profileOf?.(order, run)
  return await forkRun(profile === undefined ? order : { ...order, profile }, timeoutMs)
}

function seriesOf(
  series: Map<string, Series>,
  system: System,
  { metric, settings = {} }: Measurement,
): number[] {
  const key = JSON.stringify([system.name, metric, settings])
  let found = series.get(key)
  if (found === undefined) {
    found = { system, metric, settings, values: [] }
    series.set(key, found)
  }
  return found.values
}

function resultOf(scenario: Scenario, settings: Case, one: Series): Result {
  return {
    scenario: scenario.name,
    system: one.system.name,
    settings: { ...settings, ...one.settings, ...one.system.settings },
    metric: one.metric,
    ...spread(one.values),
  }
}

function ratiosOf(
  scenario: Scenario,
  settings: Case,
  complete: readonly Series[],
  first: System | undefined,
): Ratio[] {
  return complete
    .filter(({ system }) => system !== first)
    .flatMap((other) => {
      const own = complete.find(
        (one) =>
          one.system === first &&
          one.metric === other.metric &&
          JSON.stringify(one.settings) === JSON.stringify(other.settings),
      )
      // A ratio to nothing says nothing.
      if (own === undefined || other.values.includes(0)) return []
      return {
        scenario: scenario.name,
        system: own.system.name,
        against: other.system.name,
        settings: { ...settings, ...own.settings },
        metric: `${own.metric}Ratio` as const,
        ...spread(own.values.map((value, run) => value / (other.values[run] ?? Number.NaN))),
      }
    })
}
