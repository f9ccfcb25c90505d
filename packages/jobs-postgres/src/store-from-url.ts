import { JobsError, type JobStore, type StoreAdmin } from '@cgk/jobs-core'
import { PostgresStoreAdmin } from './admin/postgres-store-admin.ts'
import { createPostgresStore } from './create-postgres-store.ts'
import { type DatabaseOptions, databaseOf } from './database-options.ts'
import { DEFAULT_SCHEMA } from './migrations.ts'
import { toConfigError } from './store-error.ts'

/**
 * Opens the store that a URL names, as every adapter package does: `postgres://…` or `postgresql://…`, with
 * the schema as `?schema=`; `pglite:./directory`, or `pglite:memory` for one that is gone with the store.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for any other URL. No message repeats one.
 */
export function createStoreFromUrl(url: string): JobStore {
  const { place, schema } = readUrl(url)
  return createPostgresStore({ ...place, schema })
}

/**
 * Opens the care of the store that a URL names, see {@link createStoreFromUrl}.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`
 */
export function createStoreAdminFromUrl(url: string): StoreAdmin {
  const { place, schema } = readUrl(url)
  try {
    return new PostgresStoreAdmin(databaseOf(place), schema)
  } catch (error) {
    throw toConfigError(error)
  }
}

function readUrl(url: string): { readonly place: DatabaseOptions; readonly schema: string } {
  const pglite = /^pglite:(.+)$/s.exec(url)?.[1]
  if (pglite !== undefined) return { place: { pglite }, schema: DEFAULT_SCHEMA }
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      '@cgk/jobs-postgres opens URLs like postgres://user:password@host/database, pglite:./directory and pglite:memory',
    )
  }
  const [address = '', query = ''] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  const schema = parameters.get('schema') ?? DEFAULT_SCHEMA
  // The server would refuse a setting that it does not know.
  parameters.delete('schema')
  const rest = parameters.toString()
  return { place: { url: rest === '' ? address : `${address}?${rest}` }, schema }
}
