import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as core from '@cgk/jobs-core'
import type * as memory from '@cgk/jobs-memory'

/** The packages of this repository that are measured. */
export interface CgkPackages {
  readonly core: typeof core
  readonly memory: typeof memory
}

/**
 * Imports the packages of this checkout, or those of another, so that two states of the code can be
 * compared in one interleaved run.
 *
 * @param checkout - the root of the other checkout, its dependencies installed.
 */
export async function importCgkPackages(checkout: string | undefined): Promise<CgkPackages> {
  if (checkout === undefined) {
    return { core: await import('@cgk/jobs-core'), memory: await import('@cgk/jobs-memory') }
  }
  // By its path and not by its name: resolving a name looks in NODE_PATH and in parent folders too,
  // where it may find the packages of this checkout, and the comparison would be with itself.
  const load = async (folder: string): Promise<unknown> =>
    await import(pathToFileURL(join(resolve(checkout), 'packages', folder, 'src', 'index.ts')).href)
  return {
    core: (await load('jobs-core')) as CgkPackages['core'],
    memory: (await load('jobs-memory')) as CgkPackages['memory'],
  }
}
