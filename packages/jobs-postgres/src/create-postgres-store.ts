import { JobsError, type JobStore } from '@cgk/jobs-core'
import { quoteSchema } from '@cgk/db'
import { type DatabaseOptions, databaseOf } from './database-options.ts'
import { type HistoryOptions, historyBounds } from './history.ts'
import { DEFAULT_SCHEMA } from './migrations.ts'
import { PostgresStore } from './postgres-store.ts'
import { toConfigError } from './store-error.ts'

/** What {@link createPostgresStore} takes. */
export type PostgresStoreOptions = DatabaseOptions & {
  /** The schema, made if it is not there: several stores in one database are apart. @defaultValue `'jobs'` */
  readonly schema?: string
  /**
   * `'auto'`: the first call brings the schema to the version of this package. `'manual'`: until somebody
   * has (see {@link createJobsMigrator}), calls are refused with a `retryable` error. @defaultValue `'auto'`
   */
  readonly migrate?: 'auto' | 'manual'
  /**
   * How many ended jobs are kept.
   * @defaultValue completed jobs 1 hour, failed and cancelled ones 7 days; 10,000 of each per queue
   */
  readonly history?: HistoryOptions
}

/**
 * Makes a store in Postgres, on a server or embedded as PGlite. Nothing is opened before the first call, and
 * an idle store holds no process open.
 *
 * An acknowledged job survives what the database survives: on a server with its default settings any crash,
 * on PGlite the end of the process.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a bad setting. Calls of the store reject with
 * `JOBS_STORE_UNAVAILABLE` or `JOBS_STORE_TIMEOUT`, `retryable`, while the database does not answer.
 *
 * @example
 * ```ts
 * const store = createPostgresStore({ url: 'postgres://app@localhost/shop' })
 * const queue = createJobQueue({ name: 'default', store })
 * ```
 */
export function createPostgresStore(options: PostgresStoreOptions): JobStore {
  const { schema = DEFAULT_SCHEMA, migrate = 'auto', history, ...place } = options
  if (migrate !== 'auto' && migrate !== 'manual') {
    throw new JobsError('JOBS_INVALID_CONFIG', "migrate is 'auto' or 'manual'")
  }
  try {
    quoteSchema(schema)
    return new PostgresStore({
      database: databaseOf(place as DatabaseOptions),
      schema,
      migrate,
      history: historyBounds(history),
    })
  } catch (error) {
    throw toConfigError(error)
  }
}
