import type { CallOptions } from './job-store.ts'

/** Where the schema of a store stands, against what the adapter wants. */
export interface StoreSchema {
  /** 0 where nothing is there. */
  readonly version: number
  readonly wanted: number
  /** Names of the migrations that have not run, oldest first. */
  readonly pending: readonly string[]
  /** Names of those that ran with another text than the adapter's. */
  readonly drifted: readonly string[]
}

/** The schema of a store that keeps one. */
export interface StoreMigrations {
  status(options?: CallOptions): Promise<StoreSchema>
  /** What {@link StoreMigrations.up} would run, to read or to run by hand; runs none of it. */
  plan(options?: CallOptions): Promise<string>
  /** Runs what is pending. Any number of processes may call it at once. */
  up(options?: CallOptions): Promise<StoreSchema>
}

/** One thing that an examination looked at. */
export interface StoreFinding {
  /** What was looked at, in a few words. */
  readonly check: string
  /** `warning`: works, but not as well or as safely as it could. `error`: does not work. */
  readonly level: 'ok' | 'warning' | 'error'
  /** What is so; never a secret. */
  readonly message: string
  /** What to do about it. */
  readonly advice?: string
}

/**
 * The care of a store, apart from its jobs: for operators and deployments. An adapter offers it as
 * `createStoreAdminFromUrl(url)`.
 */
export interface StoreAdmin extends AsyncDisposable {
  /** The adapter's name, as of its stores. */
  readonly name: string
  /** `null` for a store without a schema. */
  readonly migrations: StoreMigrations | null
  /** Looks at all that may be wrong with the server, its settings and the store in it; changes nothing. */
  examine(options?: CallOptions): Promise<readonly StoreFinding[]>
  close(): Promise<void>
}
