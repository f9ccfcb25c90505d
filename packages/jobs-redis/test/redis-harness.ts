import type { StoreHarness } from '@cgk/jobs-conformance'
import { deleteKeys, type RedisCluster, type TestRedis } from '@cgk/test-servers'
import { openRedisStore, type RedisStoreOptions } from '../src/redis-store.ts'

/** Far from the server's own time, so that a store that reads that shows. */
const START = Date.UTC(2040, 0, 1)

/** Redis stores under prefixes of their own, with a clock that moves only when told. */
export function redisHarness(redis: () => Pick<TestRedis, 'url' | 'prefix'>): StoreHarness {
  let opened = 0
  return harnessOf(() => {
    const { url, prefix: ofFile } = redis()
    const prefix = `${ofFile}-${opened++}`
    return { options: { url, prefix }, empty: () => deleteKeys(url, `{${prefix}`) }
  })
}

/** The same on a cluster that goes with all that is in it. */
export function clusterHarness(cluster: () => RedisCluster, shards: number): StoreHarness {
  let opened = 0
  const harness = harnessOf(() => {
    const options = { url: cluster().url, prefix: `case-${shards}-${opened++}`, shards }
    return { options, empty: () => Promise.resolve() }
  })
  return { ...harness, largestBacklog: 10_000 }
}

function harnessOf(
  place: () => { readonly options: RedisStoreOptions; readonly empty: () => Promise<void> },
): StoreHarness {
  return {
    async open({ history } = {}) {
      const { options, empty } = place()
      let now = START
      const open = () =>
        openRedisStore({ ...options, ...(history && { history }) }, { now: () => now })
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
          await empty()
        },
      }
    },
  }
}
