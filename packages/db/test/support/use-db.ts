import { PGlite } from '@electric-sql/pglite'
import { createTestDatabase, type PostgresKind } from '@cgk/test-servers'
import { afterAll, beforeAll, vi } from 'vitest'
import { connectPostgres, type Db, type PostgresOptions, usePglite } from '../../src/index.ts'

// A server is started, or PGlite creates its database, where many tests run at once.
vi.setConfig({ hookTimeout: 120_000, testTimeout: 30_000 })

/** The servers that everything is tested on. */
export const SERVERS: readonly PostgresKind[] = ['local', 'embedded']

/** Gives the tests of a `describe` a database of their own on a server. */
export function useServer(kind: PostgresKind): {
  readonly url: string
  /** Connected with the options, closed when the tests are done. */
  connect(options?: PostgresOptions): Db
} {
  const stack = new AsyncDisposableStack()
  let url = ''
  beforeAll(async () => {
    url = stack.use(await createTestDatabase(kind)).url
  })
  afterAll(() => stack.disposeAsync())
  return {
    get url() {
      return url
    },
    connect: (options = { url }) => stack.use(connectPostgres(options)),
  }
}

/** Where SQL has to mean the same. */
export const DATABASES: readonly (PostgresKind | 'pglite')[] = [...SERVERS, 'pglite']

/** Gives the tests of a `describe` a database of their own, and a connection to it. */
export function useDb(kind: PostgresKind | 'pglite'): {
  readonly db: Db
  /** On a server. */
  readonly url: string
  /** On PGlite. */
  readonly pglite: PGlite
} {
  const stack = new AsyncDisposableStack()
  let db: Db
  let url = ''
  let pglite: PGlite
  beforeAll(async () => {
    if (kind === 'pglite') {
      pglite = stack.use(await PGlite.create())
      db = stack.use(usePglite(pglite))
    } else {
      url = stack.use(await createTestDatabase(kind)).url
      db = stack.use(connectPostgres({ url }))
    }
  })
  afterAll(() => stack.disposeAsync())
  return {
    get db() {
      return db
    },
    get url() {
      return url
    },
    get pglite() {
      return pglite
    },
  }
}
