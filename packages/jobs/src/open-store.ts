import type { JobStore } from '@cgk/jobs-core'
import { openByUrl } from './adapters.ts'

// Two copies of this package in one process must find the same store: two memory stores would never
// meet, and a directory serves one store alone.
const KEY = Symbol.for('@cgk/jobs.stores')
const registry = globalThis as { [KEY]?: Map<string, JobStore> }
const stores = (registry[KEY] ??= new Map<string, JobStore>())

/** The store of a process that names none: a database of its own, in a directory of the workspace. */
export const DEFAULT_STORE_URL = 'pglite:./.jobs'

/**
 * The process-wide store of a URL: made at the first call, the same at every later one until it is closed.
 * Nothing is opened before a call of the store needs it.
 *
 * @param url - `postgres://…`, `pglite:./directory`, `memory:`, or the URL of an installed adapter, `redis://…`.
 * A relative directory starts at the root of the workspace: the nearest directory upwards with
 * `pnpm-workspace.yaml`, `workspaces` in its `package.json`, or `.git`; else with a `package.json`.
 * @defaultValue the environment variable `JOBS_STORE_URL`, else {@link DEFAULT_STORE_URL}
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`; `JOBS_STORE_NOT_INSTALLED`, naming the package.
 */
export function openStore(
  url: string = process.env['JOBS_STORE_URL'] || DEFAULT_STORE_URL,
): JobStore {
  let store = stores.get(url)
  if (store === undefined) {
    store = forgottenWhenClosed(url, openByUrl(url))
    stores.set(url, store)
  }
  return store
}

function forgottenWhenClosed(url: string, store: JobStore): JobStore {
  const close = store.close.bind(store)
  store.close = () => {
    if (stores.get(url) === store) stores.delete(url)
    return close()
  }
  return store
}
