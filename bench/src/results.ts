import type { Measurement, Metric } from './scenarios/scenario.ts'
import { type Spread, spread } from './statistics.ts'
import type { Settings } from './systems/system.ts'
import type { Contender, Runs } from './turns.ts'

/** What a system reached in the runs of one case. */
export interface Result extends Spread {
  readonly scenario: string
  readonly system: string
  readonly settings: Settings
  readonly metric: Metric
}

/** How a system stands to another: its value over the other's, of runs made side by side. */
export interface Ratio extends Spread {
  readonly scenario: string
  readonly system: string
  readonly against: string
  readonly settings: Settings
  readonly metric: `${Metric}Ratio`
}

/** Names one of the values that each run of a contender measured. */
export interface Measure {
  readonly metric: Metric
  readonly settings?: Settings
}

/** A contender's results, one for each value that its runs measured. */
export function resultsOf({ scenario, settings, system }: Contender, runs: Runs): Result[] {
  return measuresOf(runs).map((measure) => ({
    scenario: scenario.name,
    system: system.name,
    settings: { ...settings, ...measure.settings, ...system.settings },
    metric: measure.metric,
    ...spread(valuesOf(runs, measure)),
  }))
}

/** How a contender stands to another in each value that the runs of both measured. */
export function ratiosOf(
  { scenario, settings, system }: Contender,
  runs: Runs,
  against: Contender,
  otherRuns: Runs,
): Ratio[] {
  return measuresOf(runs).flatMap((measure) => {
    const values = ratios(valuesOf(runs, measure), valuesOf(otherRuns, measure))
    if (values.length === 0) return []
    return {
      scenario: scenario.name,
      system: system.name,
      against: against.system.name,
      settings: { ...settings, ...measure.settings },
      metric: `${measure.metric}Ratio` as const,
      ...spread(values),
    }
  })
}

/** The values of one measure, one a run; none where no run measured it. */
export function valuesOf(runs: Runs, { metric, settings = {} }: Measure): number[] {
  const key = JSON.stringify(settings)
  return runs.flatMap((run) =>
    run
      .filter((one) => one.metric === metric && JSON.stringify(one.settings ?? {}) === key)
      .map(({ value }) => value),
  )
}

/** The quotients of runs made side by side; none where one divides by nothing, which says nothing. */
export function ratios(values: readonly number[], others: readonly number[]): number[] {
  if (values.length !== others.length || others.includes(0)) return []
  return values.map((value, run) => value / (others[run] ?? Number.NaN))
}

function measuresOf(runs: Runs): readonly Measurement[] {
  return runs[0] ?? []
}
