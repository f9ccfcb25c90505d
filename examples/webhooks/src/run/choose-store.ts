import { join } from 'node:path'

/** Where a run keeps its jobs. */
export interface StoreChoice {
  /** For people, without the URL, which may hold a password. */
  readonly description: string
  /** @param folder - of the run, which ends with it. */
  urlIn(folder: string): string
}

const VARIABLES = ['JOBS_STORE_URL', 'DATABASE_URL', 'REDIS_URL'] as const

/** The store that the environment names, else an embedded database; or what is wrong with what it says. */
export function chooseStore(env: NodeJS.ProcessEnv): StoreChoice | { readonly problem: string } {
  // An empty variable counts as absent.
  const named = VARIABLES.filter((variable) => (env[variable] ?? '') !== '')
  const [variable, ...more] = named
  if (variable === undefined) {
    return {
      description: 'PGlite, in a folder of this run (DATABASE_URL or REDIS_URL names a server)',
      urlIn: (folder) => `pglite:${join(folder, 'jobs')}`,
    }
  }
  if (more.length > 0) {
    return { problem: `${named.join(' and ')} each name a store: set one of them` }
  }
  return { description: `named by ${variable}`, urlIn: () => env[variable]! }
}
