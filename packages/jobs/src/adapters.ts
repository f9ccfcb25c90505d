import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { JobsError, type JobStore, type StoreAdmin } from '@cgk/jobs-core'
import { createStoreFromUrl } from '@cgk/jobs-memory'

/** What an adapter package exports for us. */
interface Adapter {
  readonly createStoreFromUrl: (url: string) => JobStore
  /** Absent where there is nothing to look after. */
  readonly createStoreAdminFromUrl?: (url: string) => StoreAdmin
}

/**
 * Which package opens which kind of URL, loaded when one is first named. The memory store and Postgres come
 * along; the others are installed.
 */
const PACKAGES: ReadonlyMap<string, string> = new Map([
  ['postgres', '@cgk/jobs-postgres'],
  ['postgresql', '@cgk/jobs-postgres'],
  ['pglite', '@cgk/jobs-postgres'],
  ['redis', '@cgk/jobs-redis'],
  ['rediss', '@cgk/jobs-redis'],
  ['redis-cluster', '@cgk/jobs-redis'],
  ['rediss-cluster', '@cgk/jobs-redis'],
  ['redis-sentinel', '@cgk/jobs-redis'],
  ['rediss-sentinel', '@cgk/jobs-redis'],
])

/**
 * Opens a store by its URL. Messages name the scheme and never the rest, which may hold a password.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a scheme nobody opens;
 * `JOBS_STORE_NOT_INSTALLED` when its adapter is not there.
 */
export function openByUrl(url: string): JobStore {
  return adapterOf(url).createStoreFromUrl(url)
}

/**
 * Opens the care of a store by the store's URL.
 *
 * @throws {@link JobsError} as {@link openByUrl}, and `JOBS_UNSUPPORTED` for a store of which there is
 * nothing to look after.
 */
export function openAdminByUrl(url: string): StoreAdmin {
  const { createStoreAdminFromUrl } = adapterOf(url)
  if (createStoreAdminFromUrl !== undefined) return createStoreAdminFromUrl(url)
  throw new JobsError(
    'JOBS_UNSUPPORTED',
    `a ${url.slice(0, url.indexOf(':'))}: store has no schema and no server to look after`,
  )
}

function adapterOf(url: string): Adapter {
  const scheme = /^([a-z][a-z0-9+.-]*):/.exec(url)?.[1]
  if (scheme === 'memory') return { createStoreFromUrl }
  const packageName = scheme === undefined ? undefined : PACKAGES.get(scheme)
  if (scheme === undefined || packageName === undefined) {
    const known = ['memory', ...PACKAGES.keys()].map((name) => `${name}:`).join(', ')
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `${scheme === undefined ? 'a store URL without a scheme' : `the store URL scheme ${scheme}:`} is not known; known are ${known}`,
    )
  }
  return load(packageName, scheme)
}

function load(packageName: string, scheme: string): Adapter {
  // First as a dependency of ours, then as one of the program that runs.
  const bases = [import.meta.url, pathToFileURL(`${process.cwd()}/package.json`).href]
  for (const base of bases) {
    const require = createRequire(base)
    let path: string
    try {
      path = require.resolve(packageName)
    } catch {
      continue
    }
    return require(path) as Adapter
  }
  throw new JobsError(
    'JOBS_STORE_NOT_INSTALLED',
    `a ${scheme}: store needs a package that is not installed: npm install ${packageName}`,
  )
}
