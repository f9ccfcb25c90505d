import { resolve } from 'node:path'
import type { AnyJobDefinition } from '@cgk/jobs-core'
import type { WorkerConfig } from './config.ts'
import { loadConfig } from './load-config.ts'
import { loadJobs } from './load-jobs.ts'
import { type Overrides, readEnvironment } from './overrides.ts'
import { resolveSettings, type Settings } from './settings.ts'

/** A worker's settings and the jobs of each of its queues. */
export interface LoadedWorker {
  /** `null` when there is no config file. */
  readonly configPath: string | null
  readonly settings: Settings
  /** By the queue's name. */
  readonly definitions: ReadonlyMap<string, readonly AnyJobDefinition[]>
}

/** Where to read, and what the command line says. */
interface LoadRequest {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly configPath: string | undefined
  readonly flags: Overrides
}

/**
 * Reads everything a worker is told: flags, environment, config file and job modules.
 *
 * @throws `ExitError` 2 naming what is wrong.
 */
export async function loadWorker(request: LoadRequest): Promise<LoadedWorker> {
  const { env, flags } = request
  // Queues that job modules open by themselves look there, and must not end up in another store.
  if (flags.store !== undefined) env['JOBS_STORE_URL'] = flags.store
  const { path, directory, settings } = await readSettings(request)
  const definitions = new Map<string, readonly AnyJobDefinition[]>()
  for (const [name, { jobs }] of settings.queues) {
    definitions.set(name, await loadJobs(jobs, directory))
  }
  return { configPath: path, settings, definitions }
}

/**
 * Reads what a worker is told, but for its jobs, whose modules are not loaded.
 *
 * @throws `ExitError` 2 naming what is wrong.
 */
export async function loadSettings(request: LoadRequest): Promise<Settings> {
  return (await readSettings(request)).settings
}

async function readSettings({ cwd, env, configPath, flags }: LoadRequest): Promise<{
  readonly path: string | null
  readonly directory: string
  readonly settings: Settings
}> {
  const environment = readEnvironment(env)
  const { path, directory, config } = await loadConfig(cwd, configPath)
  const settings = resolveSettings({ flags, environment, config: fromThere(config, directory) })
  return { path, directory, settings }
}

/** Paths of the config start at its file. */
function fromThere(config: WorkerConfig, directory: string): WorkerConfig {
  if (typeof config.directory !== 'string') return config
  return { ...config, directory: resolve(directory, config.directory) }
}
