import type {
  AnyJobDefinition,
  JobStore,
  ScheduleSpec,
  TenantDirectory,
  TenantEntry,
} from '@cgk/jobs-core'
import type { LogLevel } from './log-level.ts'
import type { RunningWorker } from './running-worker.ts'

/** A store: its URL, see `openStore` of `@cgk/jobs`, or one already made. */
export type StoreSource = string | JobStore

/**
 * Where job definitions come from: a definition, or a module of which every exported definition is
 * taken. A path that is relative starts at the config file.
 */
export type JobSource = AnyJobDefinition | string | URL

/**
 * Where the tenants come from: a list; the path or URL of a JSON file that holds one and is followed as
 * it changes, where a relative path starts at the config file; or a directory already made.
 */
export type DirectorySource = readonly TenantEntry[] | string | URL | TenantDirectory

/** One queue that the worker serves. */
export interface QueueConfig {
  /** Attempts at once, 1 to 10,000. @defaultValue 10 */
  readonly concurrency?: number | undefined
  /** The name of its store; needed when `stores` names more than one and there is no `directory`. */
  readonly store?: string | undefined
  /** Jobs of this queue alone, beside those of {@link WorkerConfig.jobs}. */
  readonly jobs?: readonly JobSource[] | undefined
  /**
   * Schedules by id, made or changed when a worker starts. One that is no longer listed goes on until
   * it is removed (`queue.schedules.remove`), since another worker may list it.
   */
  readonly schedules?: Readonly<Record<string, ScheduleSpec>> | undefined
}

/** Where the health endpoints listen. */
export interface HealthConfig {
  /** 0 takes any free port, which is logged. */
  readonly port: number
  /** @defaultValue '127.0.0.1' */
  readonly host?: string | undefined
}

/** Called with the worker. It may be async, and is waited for; what it returns is ignored. */
export type WorkerHook = (worker: RunningWorker) => unknown

/**
 * The moments at which the worker calls you. A hook that throws is logged, ends the worker and makes
 * its exit code 1.
 */
export interface WorkerHooks {
  /** Stores and queues are open, and no processor runs yet: the place for middleware and listeners. */
  readonly starting?: WorkerHook | undefined
  /** The processors run; nothing of `--file` has been read yet. */
  readonly started?: WorkerHook | undefined
  /** With `--until-idle`, once: the file is in and no job is left. */
  readonly idle?: WorkerHook | undefined
  /** Always, also after a signal: the processors have drained, and the stores still answer. */
  readonly stopped?: WorkerHook | undefined
}

/** What a worker does: the default export of `jobs.config.ts`. */
export interface WorkerConfig {
  /** The one store of every queue. @defaultValue `JOBS_STORE_URL`, else `pglite:./.jobs` */
  readonly store?: StoreSource | undefined
  /** Several stores by name, in place of `store`. */
  readonly stores?: Readonly<Record<string, StoreSource>> | undefined
  /**
   * The tenants: their limits, their status and which store serves each. Others are held. A worker
   * follows it without a restart.
   *
   * @defaultValue none: tenants are whatever jobs say
   */
  readonly directory?: DirectorySource | undefined
  /**
   * With a `directory`: the store of jobs without a tenant and of tenants without a `store`.
   *
   * @defaultValue the only one, else the one named `default`
   */
  readonly defaultStore?: string | undefined
  /** The queues to serve, by name. @defaultValue one, `default` */
  readonly queues?: Readonly<Record<string, QueueConfig>> | undefined
  /** The jobs that every queue can run. */
  readonly jobs?: readonly JobSource[] | undefined
  /**
   * The only tenants whose jobs a file may hold, and those of schedules with `forEach: 'tenant'`.
   *
   * @defaultValue any, and none
   */
  readonly tenants?: readonly string[] | undefined
  /** @defaultValue off, unless the command line or the environment names a port */
  readonly health?: HealthConfig | false | undefined
  /**
   * How many milliseconds running attempts have to finish when the worker stops, up to a day.
   *
   * @defaultValue 20000
   */
  readonly gracePeriod?: number | undefined
  /** What is logged: lines of this level and above. @defaultValue 'info' */
  readonly log?: { readonly level?: LogLevel | undefined } | undefined
  /** What the worker calls, and when. */
  readonly hooks?: WorkerHooks | undefined
}

/**
 * Types a worker's config file. Returns its argument; the worker checks it when it starts.
 *
 * @example
 * ```ts
 * export default defineWorkerConfig({
 *   queues: { default: { concurrency: 20 } },
 *   jobs: ['./jobs/email.ts'],
 *   tenants: ['rawdog', 'meliusly'],
 * })
 * ```
 */
export function defineWorkerConfig(config: WorkerConfig): WorkerConfig {
  return config
}
