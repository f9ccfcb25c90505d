import { createTestDatabase, type PostgresKind } from '@cgk/test-servers'
import { connectPostgres, type Db, usePglite } from '@cgk/db'
import { PGlite } from '@electric-sql/pglite'
import { afterAll } from 'vitest'
import type { PostgresStoreOptions } from '../../src/index.ts'

/** Where a store is tested: on the server found on this machine, on the newest, or embedded. */
export type PlaceKind = PostgresKind | 'pglite'

/** A database of a test file, gone when the file is done. */
export interface TestPlace {
  readonly db: Db
  /** What a store of this place is made with. */
  readonly options: PostgresStoreOptions
  /** Other connections, closed when the file is done. */
  readonly connect: () => Db
}

/** Opens the database at the first call, for all tests of the file. To be called at its top level. */
export function testPlace(kind: PlaceKind): () => Promise<TestPlace> {
  const stack = new AsyncDisposableStack()
  let place: Promise<TestPlace> | undefined
  afterAll(() => stack.disposeAsync())
  const open = async (): Promise<TestPlace> => {
    if (kind === 'pglite') {
      const pglite = stack.use(await PGlite.create())
      const connect = (): Db => stack.use(usePglite(pglite))
      return { db: connect(), options: { pglite }, connect }
    }
    const { url } = stack.use(await createTestDatabase(kind))
    const connect = (): Db => stack.use(connectPostgres({ url }))
    return { db: connect(), options: { url }, connect }
  }
  return () => (place ??= open())
}
