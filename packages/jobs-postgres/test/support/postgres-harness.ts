import type { OpenOptions, OpenStore, StoreHarness } from '@cgk/jobs-conformance'
import type { JobStore } from '@cgk/jobs-core'
import { createPostgresStore } from '../../src/index.ts'
import { testPlace, type PlaceKind } from './test-place.ts'
import { TestSchema } from './test-schema.ts'

/**
 * Opens stores of one place, each in a schema that is used again when it is closed: to empty one takes less
 * than to make one. To be called at the top level of a test file.
 */
export function postgresHarness(
  kind: PlaceKind,
  { largestBacklog }: { readonly largestBacklog: number },
): StoreHarness {
  const openPlace = testPlace(kind)
  const free: TestSchema[] = []
  let schemas = 0
  return {
    largestBacklog,
    async open({ history }: OpenOptions = {}): Promise<OpenStore> {
      const { db, options } = await openPlace()
      const schema = free.pop() ?? (await TestSchema.create(db, `jobs_${++schemas}`))
      await schema.empty()
      const stores: JobStore[] = []
      const openStore = (): JobStore => {
        const store = createPostgresStore({
          ...options,
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
