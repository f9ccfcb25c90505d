import type { StoreHarness } from '@cgk/jobs-conformance'
import { deleteKeys, type TestRedis } from '@cgk/test-servers'
import { openRedisStore } from '../src/redis-store.ts'

/** Far from the server's own time, so that a store that reads that shows. */
const START = Date.UTC(2040, 0, 1)

/** Redis stores under prefixes of their own, with a clock that moves only when told. */
export function redisHarness(redis: () => TestRedis): StoreHarness {
  let opened = 0
  return {
    async open({ history } = {}) {
      const { url, prefix: ofFile } = redis()
      const prefix = `${ofFile}-${opened++}`
      let now = START
      const options = { url, prefix, ...(history !== undefined && { history }) }
      const open = () => openRedisStore(options, { now: () => now })
      const stores = [open()]
      return {
        store: stores[0]!,
        async another() {
          const store = open()
          stores.push(store)
          return store
        },
        async advance(ms) {
          now += ms
        },
        now: async () => now,
        async close() {
          for (const store of stores) await store.close()
          await deleteKeys(url, `{${prefix}`)
        },
      }
    },
  }
}
