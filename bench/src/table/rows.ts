import type { Measure } from '../results.ts'
import type { Case, Scenario } from '../scenarios/scenario.ts'

/** Stands for the system that is judged, `ours:aof` for its variant of that name. */
export const OURS = 'ours'

/** Something that is measured for the table: a case of a scenario, with ours or with a peer. */
export interface Entry {
  readonly scenario: Scenario
  readonly settings: Case
  /** A system's name, or {@link OURS} and what may follow it. */
  readonly system: string
}

/** One line of the table: a value, and where it should be. */
export interface Row {
  readonly title: string
  readonly entry: Entry
  readonly measure: Measure
  /** The value is the ratio to the best of these; without any it is what was measured. */
  readonly against: readonly Entry[]
  /** What is measured and shown with them, and judges nothing. */
  readonly beside?: readonly Entry[]
  readonly unit: Unit
  readonly better: 'higher' | 'lower'
  /** What must be reached, and what should be. */
  readonly bar: number
  readonly aim: number
  /** What must be reached besides. */
  readonly floor?: Floor
}

export type Unit = '×' | 'KB' | '%'

/** How many times as good as a peer the entry of a row must be, in some measure. */
export interface Floor {
  readonly measure: Measure
  readonly against: Entry
  readonly ratio: number
}

/** Lines whose entries are measured together, in turns. */
export interface RowGroup {
  readonly name: string
  readonly rows: readonly Row[]
}

/** What is measured for some rows, each thing once. */
export function entriesOf({ rows }: RowGroup): readonly Entry[] {
  return [...new Map(rows.flatMap(entriesOfRow).map((entry) => [keyOf(entry), entry])).values()]
}

/** What is measured for one row. */
export function entriesOfRow({ entry, against, beside = [], floor }: Row): readonly Entry[] {
  return [entry, ...against, ...beside, ...(floor === undefined ? [] : [floor.against])]
}

/** The same for the same entry. */
export function keyOf({ scenario, settings, system }: Entry): string {
  return JSON.stringify([scenario.name, system, settings])
}

/** The system that an entry names where `ours` is judged: `cgk-redis:aof=PATH` is a variant of `cgk-redis=PATH`. */
export function systemNameOf({ system }: Entry, ours: string): string {
  if (system !== OURS && !system.startsWith(`${OURS}:`)) return system
  const variant = system.slice(OURS.length)
  return ours.replace(/^[^=]*/, (name) => `${name}${variant}`)
}
