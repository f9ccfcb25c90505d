import type { StoreCapabilities } from '@cgk/jobs-core'
import fc from 'fast-check'
import { env } from 'node:process'
import type { HistoryOptions, StoreHarness } from '../harness.ts'
import { commandsFor } from './commands/commands.ts'
import { FIRST_LIMITS } from './commands/limit-arbitraries.ts'
import { ModelState } from './model-state.ts'
import { setLimits } from './rules/limits.ts'

/** How far the model is taken. */
export interface ModelOptions {
  /** Runs, each on a fresh store. @defaultValue 60 */
  readonly runs?: number
  /** Commands of one run, at most. @defaultValue 100 */
  readonly maxCommands?: number
  /** Where the drawing begins: each draws other runs. @defaultValue 1, the same runs each time */
  readonly seed?: number
  /** The run to repeat, as a failure printed it beside its seed. @defaultValue all runs */
  readonly path?: string
  /** Stop at the first failure instead of looking for a shorter one. @defaultValue false */
  readonly endOnFailure?: boolean
}

const FIRST_SEED = 1

const HISTORY: HistoryOptions = {
  completed: { maxAgeMs: 20_005, maxCount: 3 },
  failed: { maxAgeMs: 4_005, maxCount: 1_000 },
  cancelled: { maxAgeMs: 100_005, maxCount: 2 },
}

/**
 * Runs random commands against a store and a reference model, and compares all that can be seen after
 * each.
 *
 * @throws when the store does something the contract does not allow. The message holds the seed, the
 * path and the shortest trace found.
 */
export async function checkModel(harness: StoreHarness, options: ModelOptions = {}): Promise<void> {
  const able = await capabilitiesOf(harness)
  const property = fc.asyncProperty(
    fc.commands(commandsFor(able), { maxCommands: options.maxCommands ?? 100, size: 'max' }),
    async (trace) => {
      const open = await harness.open({ history: HISTORY })
      try {
        const handles = [open.store, await open.another()]
        const model = new ModelState(await open.now(), HISTORY)
        if (able.limits) {
          await open.store.setLimits(FIRST_LIMITS)
          setLimits(model, FIRST_LIMITS)
        }
        await fc.asyncModelRun(() => ({ model, real: { open, handles } }), trace)
      } finally {
        await open.close()
      }
    },
  )
  await fc.assert(property, {
    numRuns: options.runs ?? 60,
    endOnFailure: options.endOnFailure ?? false,
    seed: options.seed ?? FIRST_SEED,
    ...(options.path === undefined ? {} : { path: options.path }),
  })
}

async function capabilitiesOf(harness: StoreHarness): Promise<StoreCapabilities> {
  const open = await harness.open()
  try {
    return open.store.capabilities
  } finally {
    await open.close()
  }
}

/**
 * The options that the environment names: `JOBS_CONFORMANCE_RUNS` and `JOBS_CONFORMANCE_SEED` for more and
 * for other runs, the seed with `JOBS_CONFORMANCE_PATH` to repeat a run that failed.
 */
export function modelOptionsFromEnv(): ModelOptions {
  const runs = numberFrom('JOBS_CONFORMANCE_RUNS')
  const seed = numberFrom('JOBS_CONFORMANCE_SEED')
  const path = env['JOBS_CONFORMANCE_PATH']
  return {
    ...(runs === undefined ? {} : { runs }),
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path }),
  }
}

function numberFrom(name: string): number | undefined {
  const text = env[name]
  if (text === undefined || text === '') return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new Error(`${name} must be a whole number, not ${text}`)
  return number
}
