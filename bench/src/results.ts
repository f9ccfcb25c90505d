import type { Metric } from './scenarios/scenario.ts'
import type { Spread } from './statistics.ts'
import type { Settings } from './systems/system.ts'

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
