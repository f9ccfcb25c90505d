import { setTimeout as delay } from 'node:timers/promises'
import { DbError, isDbError } from '../db-error.ts'
import type { CallOptions, Db, Queryable } from '../db.ts'
import { quoteSchema } from '../names.ts'
import { type Migration, type NumberedMigration, numbered } from './migration.ts'
import {
  CREATE_HISTORY,
  createSchema,
  enterSchema,
  lockSchema,
  readHistory,
  RECORD,
  recordText,
} from './migration-sql.ts'

/** What a migrator is made of. */
export interface MigratorOptions {
  readonly db: Db
  /** The schema to migrate; created if it is not there. Any name that Postgres takes. */
  readonly schema: string
  /** All of them, oldest first. */
  readonly migrations: readonly Migration[]
  /**
   * How long a migration waits for a lock before it lets the others pass and tries again, in
   * milliseconds. Whoever waits for a table makes everybody after it wait. @defaultValue 2000
   */
  readonly lockTimeoutMs?: number
  /** How often it tries. @defaultValue 10 */
  readonly attempts?: number
}

/** Where a schema stands, against the migrations that the code knows. */
export interface MigrationStatus {
  /** The version of the schema, 0 if nothing has run. */
  readonly version: number
  /** The version the code wants. */
  readonly wanted: number
  /** Migrations that have not run. */
  readonly pending: readonly Migration[]
  /** Names of migrations that ran with another text than the code's. */
  readonly drifted: readonly string[]
  /** The schema is behind the code: migrate, or wait until somebody has. */
  readonly isOlder: boolean
  /** The schema is ahead of the code: update the code. */
  readonly isNewer: boolean
}

/** Brings a schema to the version that the code wants. */
export interface Migrator {
  status(options?: CallOptions): Promise<MigrationStatus>
  /** The SQL that {@link Migrator.up} would run, to read or to run by hand; runs none of it. */
  plan(options?: CallOptions): Promise<string>
  /**
   * Runs what is pending, each migration in a transaction of its own. Any number of processes may call
   * it at once: each migration runs once, and all of them return when it has.
   *
   * @throws {@link DbError} having changed nothing: `DB_MIGRATION_NEWER` when the schema is ahead of the
   * code, `DB_MIGRATION_DRIFT` when a migration ran with another text. `55P03`, `retryable`, when a lock
   * was not to be had.
   */
  up(options?: CallOptions): Promise<MigrationStatus>
}

/** @throws {@link DbError} `DB_INVALID_NAME` for a schema that cannot be. */
export function createMigrator(options: MigratorOptions): Migrator {
  return new SchemaMigrator(options)
}

const FIRST_PAUSE_MS = 50
const LAST_PAUSE_MS = 2000

class SchemaMigrator implements Migrator {
  readonly #db: Db
  readonly #schema: string
  readonly #migrations: readonly NumberedMigration[]
  readonly #lockTimeoutMs: number
  readonly #attempts: number

  constructor({ db, schema, migrations, lockTimeoutMs = 2000, attempts = 10 }: MigratorOptions) {
    this.#db = db
    this.#schema = schema
    quoteSchema(schema)
    this.#migrations = numbered(migrations)
    this.#lockTimeoutMs = lockTimeoutMs
    this.#attempts = attempts
  }

  async status(options?: CallOptions): Promise<MigrationStatus> {
    return this.#statusOf(await readHistory(this.#db, this.#schema, options))
  }

  async plan(options?: CallOptions): Promise<string> {
    const status = this.#checked(await this.status(options))
    const pending = this.#migrations.slice(status.version)
    const create = await createSchema(this.#db, this.#schema)
    const steps = pending.map((migration) =>
      [
        `-- ${migration.version}: ${migration.name}`,
        'begin;',
        migration.version === 1 ? create : '',
        enterSchema(this.#schema, this.#lockTimeoutMs),
        migration.version === 1 ? CREATE_HISTORY : '',
        migration.sql.trim(),
        recordText(migration),
        'commit;',
      ]
        .filter((part) => part !== '')
        .join('\n'),
    )
    return steps.map((step) => `${step}\n`).join('\n')
  }

  async up(options?: CallOptions): Promise<MigrationStatus> {
    for (;;) {
      const status = this.#checked(await this.status(options))
      const next = this.#migrations[status.version]
      if (next === undefined) return status
      await this.#retrying(() => this.#run(next, options), options?.signal)
    }
  }

  /** Runs a migration unless somebody else has by the time it is our turn. */
  async #run(migration: NumberedMigration, options: CallOptions | undefined): Promise<void> {
    await this.#db.transaction(async (tx) => {
      // First, and without a time limit: the others wait here for the one that migrates.
      await tx.runScript(lockSchema(this.#schema))
      const { version } = this.#checked(await this.#read(tx))
      if (version !== migration.version - 1) return
      const enter = enterSchema(this.#schema, this.#lockTimeoutMs)
      if (migration.version === 1) {
        await tx.runScript(await createSchema(tx, this.#schema))
        await tx.runScript(`${enter}\n${CREATE_HISTORY}`)
      }
      await tx.runScript(`${enter}\n${migration.sql}`)
      await tx.runScript(enter) // The migration may have changed it.
      await tx.query(RECORD, [migration.version, migration.name, migration.checksum])
    }, options)
  }

  async #retrying(run: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await run()
      } catch (error) {
        if (!isDbError(error, '55P03') || attempt >= this.#attempts) throw error
      }
      const longest = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LAST_PAUSE_MS)
      await delay(longest * (0.5 + Math.random() / 2), undefined, { ...(signal && { signal }) })
    }
  }

  async #read(queryable: Queryable): Promise<MigrationStatus> {
    return this.#statusOf(await readHistory(queryable, this.#schema))
  }

  #statusOf(history: Awaited<ReturnType<typeof readHistory>>): MigrationStatus {
    const version = history.at(-1)?.version ?? 0
    const wanted = this.#migrations.length
    const drifted = history.filter((ran) => {
      const known = this.#migrations[ran.version - 1]
      return known !== undefined && known.checksum !== ran.checksum
    })
    return {
      version,
      wanted,
      pending: this.#migrations.slice(version).map(({ name, sql }) => ({ name, sql })),
      drifted: drifted.map(({ name }) => name),
      isOlder: version < wanted,
      isNewer: version > wanted,
    }
  }

  #checked(status: MigrationStatus): MigrationStatus {
    const where = `the schema ${JSON.stringify(this.#schema)}`
    if (status.isNewer) {
      throw new DbError(
        'DB_MIGRATION_NEWER',
        `${where} is at version ${status.version}, and this code knows ${status.wanted}: update the code`,
      )
    }
    if (status.drifted.length > 0) {
      throw new DbError(
        'DB_MIGRATION_DRIFT',
        `${where} was migrated with another text of ${status.drifted.join(', ')}: a released migration never changes`,
      )
    }
    return status
  }
}
