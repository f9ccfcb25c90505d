import { DEFAULT_STORE_URL } from '@cgk/jobs'
import type { ScheduleSpec } from '@cgk/jobs-core'
import type {
  DirectorySource,
  JobSource,
  StoreSource,
  WorkerConfig,
  WorkerHooks,
} from './config.ts'
import { usageError } from './exit-error.ts'
import type { LogLevel } from './log-level.ts'
import type { Overrides } from './overrides.ts'

const DEFAULT_CONCURRENCY = 10
const DEFAULT_GRACE_PERIOD_MS = 20_000
const DEFAULT_HOST = '127.0.0.1'

/** The name of the store in a config that has one. */
const ONLY_STORE = 'default'

/** One queue, with every question answered. */
interface QueueSettings {
  readonly concurrency: number
  /** A key of {@link Settings.stores}. */
  readonly store: string
  readonly jobs: readonly JobSource[]
  /** By id. */
  readonly schedules: Readonly<Record<string, ScheduleSpec>>
}

/** A config with its defaults filled in and the overrides applied. */
export interface Settings {
  readonly stores: ReadonlyMap<string, StoreSource>
  /** `null`: none; tenants are whatever jobs say. */
  readonly directory: DirectorySource | null
  /** The store of those without one of their own; a key of {@link Settings.stores}. */
  readonly defaultStore: string
  readonly queues: ReadonlyMap<string, QueueSettings>
  /** Whether the config lists its queues; without a list any queue name goes. */
  readonly queuesAreListed: boolean
  /** `null`: any. */
  readonly tenants: ReadonlySet<string> | null
  readonly health: { readonly port: number; readonly host: string } | null
  readonly gracePeriod: number
  readonly logLevel: LogLevel
  readonly hooks: WorkerHooks
}

/**
 * Flag over environment over config file over default.
 *
 * @throws `ExitError` 2 when a flag names one store and the config several.
 */
export function resolveSettings(sources: {
  readonly flags: Overrides
  readonly environment: Overrides
  readonly config: WorkerConfig
}): Settings {
  const { flags, environment, config } = sources
  const overrides: Overrides = { ...environment, ...flags }
  const stores = storesOf(sources)
  const onlyStore = stores.size === 1 ? [...stores.keys()][0] : undefined
  const queues = new Map<string, QueueSettings>()
  for (const [name, queue] of Object.entries(config.queues ?? { default: {} })) {
    queues.set(name, {
      concurrency: overrides.concurrency ?? queue.concurrency ?? DEFAULT_CONCURRENCY,
      store: queue.store ?? onlyStore ?? ONLY_STORE,
      jobs: [...(config.jobs ?? []), ...(queue.jobs ?? [])],
      schedules: queue.schedules ?? {},
    })
  }
  const health = config.health === false ? undefined : config.health
  const port = overrides.healthPort ?? health?.port
  return {
    stores,
    directory: config.directory ?? null,
    defaultStore: config.defaultStore ?? onlyStore ?? ONLY_STORE,
    queues,
    queuesAreListed: config.queues !== undefined,
    tenants: config.tenants === undefined ? null : new Set(config.tenants),
    health: port === undefined ? null : { port, host: health?.host ?? DEFAULT_HOST },
    gracePeriod: overrides.gracePeriod ?? config.gracePeriod ?? DEFAULT_GRACE_PERIOD_MS,
    logLevel: overrides.logLevel ?? config.log?.level ?? 'info',
    hooks: config.hooks ?? {},
  }
}

function storesOf({
  flags,
  environment,
  config,
}: Parameters<typeof resolveSettings>[0]): Map<string, StoreSource> {
  if (config.stores === undefined) {
    const store = flags.store ?? environment.store ?? config.store ?? DEFAULT_STORE_URL
    return new Map([[ONLY_STORE, store]])
  }
  if (flags.store !== undefined) {
    throw usageError('--store names one store, but the config file names several')
  }
  return new Map(Object.entries(config.stores))
}
