import type { OpenOptions, OpenStore, StoreHarness } from '@cgk/jobs-conformance'
import type { Db } from '@cgk/db'
import type { JobStore } from '@cgk/jobs-core'
import { createPostgresStore } from '../../src/index.ts'
import { testPlace, type PlaceKind } from './test-place.ts'
import { TestSchema } from './test-schema.ts'

/**
 * Opens stores of one place. Schemas and connections are used again by those that are opened later, because
 * making them would take longer than most tests. To be called at the top level of a test file.
 */
export function postgresHarness(
  kind: PlaceKind,
  { largestBacklog }: { readonly largestBacklog: number },
): StoreHarness {
  const openPlace = testPlace(kind)
  const free: TestSchema[] = []
  const connections: Db[] = []
  let schemas = 0
  return {
    largestBacklog,
    async open({ history }: OpenOptions = {}): Promise<OpenStore> {
      const { db, connect } = await openPlace()
      const schema = free.pop() ?? (await TestSchema.create(db, `jobs_${++schemas}`))
      await schema.empty()
      const stores: JobStore[] = []
      const openStore = (): JobStore => {
        // Each handle has its own, as another process would.
        const handleDb = (connections[stores.length] ??= connect())
        const store = createPostgresStore({
          db: handleDb,
          schema: schema.name,
          migrate: 'manual',
          ...(history && { history }),
        })
        stores.push(store)
        return store
      }
      return {
        store: openStore(),
        another: async () => openStore(),
        advance: (ms) => schema.setClock(schema.now + ms),
        now: async () => schema.now,
        async close() {
          await Promise.all(stores.map((store) => store.close()))
          free.push(schema)
        },
      }
    },
  }
}
