import type { Measure } from '../results.ts'
import type { Case, Scenario } from '../scenarios/scenario.ts'
import { type Entry, OURS, type Row } from './rows.ts'

export const JOBS_PER_SECOND: Measure = { metric: 'jobsPerSecond' }

type Compared = Pick<Row, 'entry' | 'measure' | 'against' | 'unit' | 'better'>

/** Ours against the best of some peers, in the same case unless another is given. */
export function ratio(
  scenario: Scenario,
  settings: Case,
  peers: readonly string[],
  peerSettings: Case = settings,
): Compared {
  return {
    entry: ours(scenario, settings),
    measure: JOBS_PER_SECOND,
    against: peers.map((name) => peer(name, scenario, peerSettings)),
    unit: '×',
    better: 'higher',
  }
}

/** Ours by itself. */
export function value(
  scenario: Scenario,
  settings: Case,
  measure: Measure,
): Omit<Compared, 'unit'> {
  return { entry: ours(scenario, settings), measure, against: [], better: 'higher' }
}

export function ours(scenario: Scenario, settings: Case): Entry {
  return { scenario, settings, system: OURS }
}

export function peer(system: string, scenario: Scenario, settings: Case): Entry {
  return { scenario, settings, system }
}
