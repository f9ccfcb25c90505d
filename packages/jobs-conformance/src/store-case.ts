import type { JobStore, StoreCapabilities } from '@cgk/jobs-core'
import type { OpenOptions, OpenStore, StoreHarness } from './harness.ts'

/** One claim of the contract and its check. Plain data, so that any runner can run it. */
export interface StoreCase {
  /** What holds for every store, as a sentence. */
  readonly name: string
  /** How long the check may take where that is longer than usual, in milliseconds. */
  readonly timeoutMs?: number
  /**
   * Opens a store of its own, checks the claim and closes the store.
   *
   * @returns `null`, or the reason why the claim does not apply to this store.
   * @throws when the store breaks the claim.
   */
  run(harness: StoreHarness): Promise<string | null>
}

/** The cases about one operation. */
export interface CaseGroup {
  readonly operation: string
  readonly cases: readonly StoreCase[]
}

/** What a case needs beside its check. */
export interface CaseOptions extends OpenOptions {
  /** Says why the claim does not apply to a store, `null` where it does. */
  readonly skip?: (store: JobStore) => string | null
  readonly timeoutMs?: number
}

/** Makes a case of a claim and its check. */
export function storeCase(
  name: string,
  check: (open: OpenStore, harness: StoreHarness) => Promise<void>,
  options: CaseOptions = {},
): StoreCase {
  return {
    name,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    async run(harness) {
      const open = await harness.open(
        options.history === undefined ? {} : { history: options.history },
      )
      try {
        const reason = options.skip?.(open.store) ?? null
        if (reason === null) await check(open, harness)
        return reason
      } finally {
        await open.close()
      }
    },
  }
}

/** Makes cases that do not apply to a store without one of the capabilities. */
export function caseNeeding(...needed: readonly (keyof StoreCapabilities)[]): typeof storeCase {
  return (name, check, options) =>
    storeCase(name, check, {
      ...options,
      skip(store) {
        const missing = needed.filter((capability) => !store.capabilities[capability])
        if (missing.length > 0) return `the store declines ${missing.join(', ')}`
        return options?.skip?.(store) ?? null
      },
    })
}
