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
import { examine } from './examine.ts'

/** The care of a store in a schema. Opened by its first call; closing it closes the database. */
export class PostgresStoreAdmin implements StoreAdmin {
  readonly name = 'postgres'
  readonly migrations: StoreMigrations
  readonly #database: Database
  readonly #schema: string
  #db: Promise<Db> | undefined

  /** @throws `DbError` `DB_INVALID_NAME` */
  constructor(database: Database, schema: string) {
    quoteSchema(schema)
    this.#database = database
    this.#schema = schema
    this.migrations = {
      status: async (options) => schemaOf(await (await this.#migrator()).status(options)),
      plan: async (options) => (await this.#migrator()).plan(options),
      up: async (options) => schemaOf(await (await this.#migrator()).up(options)),
    }
  }

  async examine(options?: CallOptions): Promise<readonly StoreFinding[]> {
    const migrator = await this.#migrator()
    return examine({ db: await this.#open(), schema: this.#schema, migrator }, options)
  }

  async close(): Promise<void> {
    // What could not be opened has nothing to close.
    const db = await this.#db?.catch(() => undefined)
    await db?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(): Promise<Db> {
    this.#db = this.#database.open()
    return this.#db
  }

  async #migrator(): Promise<Migrator> {
    return createJobsMigrator(await this.#open(), this.#schema)
  }
}

function schemaOf({ version, wanted, pending, drifted }: MigrationStatus): StoreSchema {
  return { version, wanted, pending: pending.map(({ name }) => name), drifted }
}
