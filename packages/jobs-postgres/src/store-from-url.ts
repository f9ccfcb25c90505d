import { resolve } from 'node:path'
import { JobsError, type JobStore, type StoreAdmin } from '@cgk/jobs-core'
import { PostgresStoreAdmin } from './admin/postgres-store-admin.ts'
import { createPostgresStore } from './create-postgres-store.ts'
import { databaseOf } from './database-options.ts'
import { DEFAULT_SCHEMA } from './migrations.ts'
import { toConfigError } from './store-error.ts'
import { findWorkspaceRoot } from './workspace-root.ts'

/**
 * Opens the store that a URL names, as every adapter package does: `postgres://…` or `postgresql://…`;
 * `pglite:./directory`, which starts at the root of the workspace, so that it is the same one in each of its
 * packages; or `pglite:memory` for one that is gone with the store. `?schema=` names the schema,
 * `?migrate=manual` leaves it as it is.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for any other URL. No message repeats one.
 */
export function createStoreFromUrl(url: string): JobStore {
  return createPostgresStore(readUrl(url))
}

/**
 * Opens the care of the store that a URL names, see {@link createStoreFromUrl}.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`
 */
export function createStoreAdminFromUrl(url: string): StoreAdmin {
  const { schema, migrate: _, ...place } = readUrl(url)
  try {
    return new PostgresStoreAdmin(databaseOf(place), schema)
  } catch (error) {
    throw toConfigError(error)
  }
}

type NamedStore = ({ readonly pglite: string } | { readonly url: string }) & {
  readonly schema: string
  readonly migrate: 'auto' | 'manual'
}

function readUrl(url: string): NamedStore {
  const [address = '', query = ''] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  const schema = parameters.get('schema') ?? DEFAULT_SCHEMA
  const migrate = (parameters.get('migrate') ?? 'auto') as 'auto' | 'manual'
  // A server would refuse a setting that it does not know.
  parameters.delete('schema')
  parameters.delete('migrate')
  const rest = parameters.toString()
  const directory = /^pglite:(.+)$/s.exec(address)?.[1]
  if (directory !== undefined && rest === '') {
    const pglite = directory === 'memory' ? directory : resolve(findWorkspaceRoot(), directory)
    return { pglite, schema, migrate }
  }
  if (!/^postgres(ql)?:\/\//.test(address)) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      '@cgk/jobs-postgres opens URLs like postgres://user:password@host/database, pglite:./directory and pglite:memory, with ?schema= and ?migrate=manual',
    )
  }
  return { url: rest === '' ? address : `${address}?${rest}`, schema, migrate }
}
