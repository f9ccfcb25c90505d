import { connectPostgres, type Db, openPglite, type PostgresOptions, usePglite } from '@cgk/db'
import type { PGlite } from '@electric-sql/pglite'

/** Where the database is: a server (`url` or `sql`, see `PostgresOptions`), or one of these. */
export type DatabaseOptions =
  | (PostgresOptions & { readonly db?: never; readonly pglite?: never })
  /** Connections that are shared with others. Closing the store leaves them open. */
  | { readonly db: Db; readonly pglite?: never }
  /**
   * A PGlite of yours, which the store leaves open, or a directory to open one in; `'memory'` for one that
   * is gone with the store.
   */
  | { readonly pglite: PGlite | string; readonly db?: never }

/** A database that is opened when it is first used. */
export interface Database {
  readonly kind: Db['kind']
  open(): Promise<Db>
  /** Whether it was opened for us, so that we close it. */
  readonly isOurs: boolean
}

/** @throws `DbError` `DB_INVALID_OPTION` */
export function databaseOf({ db, pglite, ...server }: DatabaseOptions): Database {
  if (db !== undefined) return { kind: db.kind, open: async () => db, isOurs: false }
  if (pglite === undefined) {
    const connected = connectPostgres({ applicationName: 'cgk-jobs', ...server })
    return { kind: 'postgres', open: async () => connected, isOurs: true }
  }
  const open = async (): Promise<Db> => {
    if (typeof pglite !== 'string') return usePglite(pglite)
    return openPglite(pglite === 'memory' ? undefined : pglite)
  }
  return { kind: 'pglite', open: once(open), isOurs: true }
}

/** Calls a function until it has succeeded, and never at the same time. */
function once<T>(call: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () =>
    (result ??= call().catch((error: unknown) => {
      result = undefined
      throw error
    }))
}
