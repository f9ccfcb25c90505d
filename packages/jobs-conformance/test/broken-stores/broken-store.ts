import type { JobStore } from '@cgk/jobs-core'
import type { StoreHarness } from '@cgk/jobs-conformance'
import { memoryHarness } from '../memory-harness.ts'
import type { Shared } from './store-wrapper.ts'

/** A memory store with one rule of the contract broken on purpose. */
export interface BrokenStore {
  /** What is wrong with it; completes the sentence "a store …". */
  readonly fault: string
  /** Cases that must catch it, as `operation: claim`. Others may as well. */
  readonly caughtBy: readonly string[]
  /** Whether the model must catch it too. What only shows in a race or in a refusal it cannot see. */
  readonly caughtByModel: boolean
  readonly harness: StoreHarness
}

type Wrapper = new (inner: JobStore, shared: Shared, handle: number) => JobStore

/** Stores whose every handle is a wrapper around the memory store. */
export function harnessOf(wrapper: Wrapper): StoreHarness {
  return {
    largestBacklog: 2_000,
    async open(options) {
      const open = await memoryHarness.open(options)
      const shared: Shared = { now: () => open.now(), leases: [], settled: new Set() }
      let handles = 0
      const wrap = (store: JobStore): JobStore => new wrapper(store, shared, handles++)
      return {
        store: wrap(open.store),
        another: async () => wrap(await open.another()),
        advance: (ms) => open.advance(ms),
        now: () => open.now(),
        close: () => open.close(),
      }
    },
  }
}
