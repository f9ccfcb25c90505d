import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { JobsError, type JobStore } from '@cgk/jobs-core'
import { createStoreFromUrl } from '@cgk/jobs-memory'

type OpenFromUrl = (url: string) => JobStore

/** Which package opens which kind of URL. The memory store comes along; the others are installed. */
const PACKAGES: ReadonlyMap<string, string> = new Map([
  ['postgres', '@cgk/jobs-postgres'],
  ['postgresql', '@cgk/jobs-postgres'],
  ['pglite', '@cgk/jobs-postgres'],
  ['redis', '@cgk/jobs-redis'],
  ['rediss', '@cgk/jobs-redis'],
])

/**
 * Opens a store by its URL. Messages name the scheme and never the rest, which may hold a password.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a scheme nobody opens;
 * `JOBS_STORE_NOT_INSTALLED` when its adapter is not there.
 */
export function openByUrl(url: string): JobStore {
  const scheme = /^([a-z][a-z0-9+.-]*):/.exec(url)?.[1]
  if (scheme === 'memory') return createStoreFromUrl(url)
  const packageName = scheme === undefined ? undefined : PACKAGES.get(scheme)
  if (scheme === undefined || packageName === undefined) {
    const known = ['memory', ...PACKAGES.keys()].map((name) => `${name}:`).join(', ')
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `${scheme === undefined ? 'a store URL without a scheme' : `the store URL scheme ${scheme}:`} is not known; known are ${known}`,
    )
  }
  return load(packageName, scheme)(url)
}

function load(packageName: string, scheme: string): OpenFromUrl {
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
    const adapter = require(path) as { readonly createStoreFromUrl: OpenFromUrl }
    return adapter.createStoreFromUrl
  }
  throw new JobsError(
    'JOBS_STORE_NOT_INSTALLED',
    `a ${scheme}: store needs a package that is not installed: npm install ${packageName}`,
  )
}
