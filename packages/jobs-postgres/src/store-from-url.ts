import { JobsError, type JobStore } from '@cgk/jobs-core'
import { createPostgresStore } from './create-postgres-store.ts'

/**
 * Opens the store that a URL names, as every adapter package does: `postgres://…` or `postgresql://…`, with
 * the schema as `?schema=`; `pglite:./directory`, or `pglite:memory` for one that is gone with the store.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for any other URL. No message repeats one.
 */
export function createStoreFromUrl(url: string): JobStore {
  const pglite = /^pglite:(.+)$/s.exec(url)?.[1]
  if (pglite !== undefined) return createPostgresStore({ pglite })
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      '@cgk/jobs-postgres opens URLs like postgres://user:password@host/database, pglite:./directory and pglite:memory',
    )
  }
  const { rest, schema } = takeSchema(url)
  return createPostgresStore({ url: rest, ...(schema !== null && { schema }) })
}

/** The server would refuse a setting that it does not know. */
function takeSchema(url: string): { readonly rest: string; readonly schema: string | null } {
  const [address = '', query = ''] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  const schema = parameters.get('schema')
  parameters.delete('schema')
  return { rest: parameters.size > 0 ? `${address}?${parameters}` : address, schema }
}
