import {
  createTestDatabase,
  createTestPooler,
  type PostgresKind,
  type Skip,
} from '@cgk/test-servers'
import { connectPostgres, type Db, type PostgresOptions, usePglite } from '@cgk/db'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeEach, expect } from 'vitest'
import type { PostgresStoreOptions } from '../../src/index.ts'

/**
 * Where a store is tested: on the server found on this machine, on the newest, embedded, or on the first of these
 * through a PgBouncer.
 */
export type PlaceKind = PostgresKind | 'pglite' | 'pooled'

/** A database of a test file, gone when the file is done. */
export interface TestPlace {
  readonly db: Db
  /** What a store of this place is made with. */
  readonly options: PostgresStoreOptions
  /** Other connections, closed when the file is done. */
  readonly connect: () => Db
}

/**
 * Opens the database at the first call, for all tests of the file. To be called at its top level. Tests behind a
 * pooler are skipped where there is none.
 */
export function testPlace(kind: PlaceKind): () => Promise<TestPlace> {
  const stack = new AsyncDisposableStack()
  let place: Promise<TestPlace> | undefined
  afterAll(() => stack.disposeAsync())
  const open = async (skip: Skip): Promise<TestPlace> => {
    if (kind === 'pglite') {
      const pglite = stack.use(await PGlite.create())
      const connect = (): Db => stack.use(usePglite(pglite))
      return { db: connect(), options: { pglite }, connect }
    }
    const options = await serverOptions(kind, stack, skip)
    const connect = (): Db => stack.use(connectPostgres(options))
    return { db: connect(), options, connect }
  }
  if (kind === 'pooled') {
    let pooled: TestPlace | undefined
    beforeEach(async ({ skip }) => {
      pooled ??= await open(skip)
    }, 300_000) // PgBouncer may have to be installed.
    return async () => pooled ?? expect.unreachable()
  }
  return () => (place ??= open(expect.unreachable))
}

async function serverOptions(
  kind: PostgresKind | 'pooled',
  stack: AsyncDisposableStack,
  skip: Skip,
): Promise<PostgresOptions> {
  const { url } = stack.use(await createTestDatabase(kind === 'pooled' ? 'local' : kind))
  if (kind !== 'pooled') return { url }
  const pooler = stack.use(await createTestPooler(url, skip))
  return { url: pooler.url, directUrl: url, pooler: 'transaction' }
}
