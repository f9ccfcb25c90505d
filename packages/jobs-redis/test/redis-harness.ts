import type { StoreHarness } from '@cgk/jobs-conformance'
import { createClient } from '@redis/client'
import { randomBytes } from 'node:crypto'
import { openRedisStore } from '../src/redis-store.ts'

/** Far from the server's own time, so that a store that reads that shows. */
const START = Date.UTC(2040, 0, 1)

/** Redis stores under prefixes of their own, with a clock that moves only when told. */
export function redisHarness(url: string): StoreHarness {
  return {
    async open(options = {}) {
      let now = START
      const prefix = `cgk-test-${randomBytes(6).toString('hex')}`
      const open = () =>
        openRedisStore(
          { url, prefix, ...(options.history && { history: options.history }) },
          { now: () => now },
        )
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
          await deleteKeys(url, prefix)
        },
      }
    },
  }
}

/** Deletes what a store has stored under its prefix. */
export async function deleteKeys(url: string, prefix: string): Promise<void> {
  const client = await createClient({ url }).connect()
  for await (const keys of client.scanIterator({ MATCH: `{${prefix}*`, COUNT: 1_000 })) {
    if (keys.length > 0) await client.unlink(keys)
  }
  client.destroy()
}
