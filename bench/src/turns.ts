import { forkRun, type RunOrder } from './fork-run.ts'
import type { Case, Measurement, Scenario } from './scenarios/scenario.ts'
import type { System } from './systems/system.ts'

/** A system in one case of a scenario. */
export interface Contender {
  readonly scenario: Scenario
  readonly settings: Case
  readonly system: System
}

/** What one contender measured, run by run. */
export type Runs = readonly (readonly Measurement[])[]

/** How runs are repeated. */
export interface Repetition {
  readonly runs: number
  /** The longest that one run may take. */
  readonly timeoutMs: number
  /** Ends the run that is in progress and all that would follow. */
  readonly signal: AbortSignal
  /** Names the file of a run's CPU profile, where profiles are wanted. */
  readonly profileOf?: (order: RunOrder, run: number) => string
  /** Called before each run. */
  readonly onRun?: (order: RunOrder, run: number) => void
  /** Called for a run that failed; its contender takes no further turns. */
  readonly onFailure: (error: unknown, contender: Contender) => void
}

/**
 * Lets contenders take turns (A B A B …), so that what drifts on the machine drifts for all of them.
 *
 * @returns the runs of those of whom none failed.
 */
export async function takeTurns(
  contenders: readonly Contender[],
  repetition: Repetition,
): Promise<ReadonlyMap<Contender, Runs>> {
  const runs = new Map(contenders.map((contender) => [contender, [] as (readonly Measurement[])[]]))
  for (let run = 0; run < repetition.runs; run++) {
    for (const [contender, measured] of runs) {
      try {
        measured.push(await runOnce(contender, run, repetition))
      } catch (error) {
        repetition.signal.throwIfAborted()
        runs.delete(contender)
        repetition.onFailure(error, contender)
      }
    }
  }
  return runs
}

async function runOnce(
  { scenario, settings, system }: Contender,
  run: number,
  { timeoutMs, signal, profileOf, onRun }: Repetition,
): Promise<readonly Measurement[]> {
  const order: RunOrder = { scenario: scenario.name, system: system.name, settings }
  onRun?.(order, run)
  const profile = profileOf?.(order, run)
  return await forkRun(profile === undefined ? order : { ...order, profile }, timeoutMs, signal)
}
