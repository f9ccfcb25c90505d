import type { JobStore } from '@cgk/jobs-core'
import { openByUrl } from './adapters.ts'

// Two copies of this package in one process must find the same store, above all the memory store:
// a producer and a processor that do not share it would never meet.
const KEY = Symbol.for('@cgk/jobs.stores')
const registry = globalThis as { [KEY]?: Map<string, JobStore> }
const stores = (registry[KEY] ??= new Map<string, JobStore>())

/**
 * The process-wide store of a URL: opened at the first call, the same at every later one
 * until it is closed.
 *
 * @param url - `memory:`, or the URL of an installed adapter: `postgres://…`, `redis://…`.
 * @defaultValue the environment variable `JOBS_STORE_URL`, else `memory:`
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`; `JOBS_STORE_NOT_INSTALLED`, naming the package.
 */
export function openStore(url: string = process.env['JOBS_STORE_URL'] || 'memory:'): JobStore {
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
