import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WorkerConfig } from './config.ts'
import { readConfig } from './config-schema.ts'
import { messageOf, usageError } from './exit-error.ts'

const FILE_NAMES = ['jobs.config.ts', 'jobs.config.mts', 'jobs.config.js', 'jobs.config.mjs']

/** A config and where its relative paths start. */
export interface LoadedConfig {
  /** `null` when there is no config file. */
  readonly path: string | null
  readonly directory: string
  readonly config: WorkerConfig
}

/**
 * Imports and checks the config file given, else the one in the directory, else none.
 *
 * @throws `ExitError` 2 when it cannot be imported or says something that is not allowed.
 */
export async function loadConfig(cwd: string, given: string | undefined): Promise<LoadedConfig> {
  const path = given === undefined ? findConfig(cwd) : resolve(cwd, given)
  if (path === null) return { path, directory: cwd, config: {} }
  if (!existsSync(path)) throw usageError(`there is no config file ${path}`)
  const { config, problems } = readConfig(await importDefault(path))
  if (problems !== undefined) {
    throw usageError([`${path} is not a worker config:`, ...problems].join('\n  '))
  }
  return { path, directory: dirname(path), config }
}

function findConfig(cwd: string): string | null {
  const found = FILE_NAMES.map((name) => join(cwd, name)).filter((path) => existsSync(path))
  if (found.length > 1) {
    throw usageError(
      `there is more than one config file: ${found.join(', ')}; name one by --config`,
    )
  }
  return found[0] ?? null
}

async function importDefault(path: string): Promise<unknown> {
  let module: Record<string, unknown>
  try {
    module = (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (cause) {
    throw usageError(`cannot load ${path}: ${messageOf(cause)}`, { cause })
  }
  if (!('default' in module)) {
    throw usageError(
      `${path} has no default export; write export default defineWorkerConfig({ … })`,
    )
  }
  return module['default']
}
