import { createMemoryStore } from '@cgk/jobs-memory'
import type { StoreHarness } from '@cgk/jobs-conformance'

/** Far from the machine's own time, so that a store that reads that shows. */
const START = Date.UTC(2040, 0, 1)

/** Memory stores with a clock that moves only when told. */
export const memoryHarness: StoreHarness = {
  async open(options = {}) {
    let now = START
    const store = createMemoryStore({
      clock: { now: () => now },
      ...(options.history === undefined ? {} : { history: options.history }),
    })
    return {
      store,
      // The store lives in this process: a second handle on its data is the store itself.
      another: async () => store,
      async advance(ms) {
        now += ms
      },
      now: async () => now,
      close: () => store.close(),
    }
  },
}
