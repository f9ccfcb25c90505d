import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as db from '@cgk/db'
import type * as core from '@cgk/jobs-core'
import type { JobQueue } from '@cgk/jobs-core'
import type * as memory from '@cgk/jobs-memory'
import type * as jobsPostgres from '@cgk/jobs-postgres'
import type * as jobsRedis from '@cgk/jobs-redis'

/** How the package on Postgres is to take part in a transaction of the caller's, once it does. */
interface JoinsTransactions {
  readonly withTransaction?: (queue: JobQueue, transaction: unknown) => Pick<JobQueue, 'enqueue'>
}

/** The packages of this repository that are measured, by their folders. */
export interface CgkPackages {
  readonly db: typeof db
  readonly 'jobs-core': typeof core
  readonly 'jobs-memory': typeof memory
  readonly 'jobs-postgres': typeof jobsPostgres & JoinsTransactions
  readonly 'jobs-redis': typeof jobsRedis
}

const OWN_CHECKOUT = join(import.meta.dirname, '..', '..', '..')

/**
 * Imports a package of this checkout, or that of another, so that two states of the code can be
 * compared in one interleaved run.
 *
 * @param checkout - the root of the other checkout, its dependencies installed.
 * @throws Error where the checkout has no such package.
 */
export async function importCgk<P extends keyof CgkPackages>(
  folder: P,
  checkout: string = OWN_CHECKOUT,
): Promise<CgkPackages[P]> {
  // By its path and not by its name: resolving a name looks in NODE_PATH and in parent folders too,
  // where it may find the packages of this checkout, and the comparison would be with itself.
  const entry = join(resolve(checkout), 'packages', folder, 'src', 'index.ts')
  if (!existsSync(entry)) throw new Error(`there is no packages/${folder} in ${resolve(checkout)}`)
  return (await import(pathToFileURL(entry).href)) as CgkPackages[P]
}
