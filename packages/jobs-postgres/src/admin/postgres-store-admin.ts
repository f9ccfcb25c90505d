import { type Db, type Migrator, type MigrationStatus, quoteSchema } from '@cgk/db'
import type {
  CallOptions,
  StoreAdmin,
  StoreFinding,
  StoreMigrations,
  StoreSchema,
} from '@cgk/jobs-core'
import type { Database } from '../database-options.ts'
import { createJobsMigrator } from '../migrations.ts'
import { toStoreError } from '../store-error.ts'
import { examine } from './examine.ts'

/** The care of a store in a schema. Opened by its first call; closing it closes the database. */
export class PostgresStoreAdmin implements StoreAdmin {
  readonly name: string
  readonly migrations: StoreMigrations
  readonly #database: Database
  readonly #schema: string
  #db: Promise<Db> | undefined

  /** @throws `DbError` `DB_INVALID_NAME` */
  constructor(database: Database, schema: string) {
    quoteSchema(schema)
    this.name = database.kind
    this.#database = database
    this.#schema = schema
    this.migrations = {
      status: (options) => this.#use(async (migrator) => schemaOf(await migrator.status(options))),
      plan: (options) => this.#use((migrator) => migrator.plan(options)),
      up: (options) => this.#use(async (migrator) => schemaOf(await migrator.up(options))),
    }
  }

  examine(options?: CallOptions): Promise<readonly StoreFinding[]> {
    return this.#use((migrator, db) => examine({ db, schema: this.#schema, migrator }, options))
  }

  async close(): Promise<void> {
    // What could not be opened has nothing to close.
    const db = await this.#db?.catch(() => undefined)
    await db?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #use<T>(call: (migrator: Migrator, db: Db) => Promise<T>): Promise<T> {
    try {
      this.#db = this.#database.open()
      const db = await this.#db
      return await call(createJobsMigrator(db, this.#schema), db)
    } catch (error) {
      throw toStoreError(error)
    }
  }
}

function schemaOf({ version, wanted, pending, drifted }: MigrationStatus): StoreSchema {
  return { version, wanted, pending: pending.map(({ name }) => name), drifted }
}
