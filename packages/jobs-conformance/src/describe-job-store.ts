import { describe, test } from 'vitest'
import { allCases } from './all-cases.ts'
import type { StoreHarness } from './harness.ts'
import { checkModel, modelOptionsFromEnv, type ModelOptions } from './model/check-model.ts'

/** How the suite runs. */
export interface DescribeOptions {
  /** The environment goes before: see {@link modelOptionsFromEnv}. */
  readonly model?: ModelOptions
  /** The longest that one case may take, a few large ones apart, in milliseconds. @defaultValue 30000 */
  readonly timeoutMs?: number
}

const CASE_TIMEOUT_MS = 30_000
const MODEL_TIMEOUT_MS = 3_600_000

/**
 * Registers the contract of `JobStore` as Vitest tests: every case, then the reference model.
 *
 * Call it at the top level of a test file of your adapter. Cases run one after the other, each on a
 * store of its own; none needs another.
 *
 * @param name - the adapter, as the report shall name it.
 *
 * @example
 * ```ts
 * describeJobStore('memory', harness)
 * ```
 */
export function describeJobStore(
  name: string,
  harness: StoreHarness,
  options: DescribeOptions = {},
): void {
  describe(`${name} job store`, () => {
    for (const { operation, cases } of allCases) {
      describe(operation, () => {
        for (const storeCase of cases) {
          test(
            storeCase.name,
            { timeout: Math.max(options.timeoutMs ?? CASE_TIMEOUT_MS, storeCase.timeoutMs ?? 0) },
            async (context) => {
              const reason = await storeCase.run(harness)
              if (reason !== null) context.skip(reason)
            },
          )
        }
      })
    }

    test(
      'any run of commands does what the reference model allows',
      {
        timeout: MODEL_TIMEOUT_MS,
      },
      async () => {
        await checkModel(harness, { ...options.model, ...modelOptionsFromEnv() })
      },
    )
  })
}
