import { type Db, type Migrator, type MigrationStatus } from '@cgk/db'
import type {
  CallOptions,
  StoreAdmin,
  StoreFinding,
  StoreMigrations,
  StoreSchema,
} from '@cgk/jobs-core'
import { examine } from './examine.ts'

/** The care of a store in a schema. Closing it closes the database. */
export class PostgresStoreAdmin implements StoreAdmin {
  readonly name = 'postgres'
  readonly migrations: StoreMigrations
  readonly #db: Db
  readonly #schema: string
  readonly #migrator: Migrator

  constructor(db: Db, schema: string, migrator: Migrator) {
    this.#db = db
    this.#schema = schema
    this.#migrator = migrator
    this.migrations = {
      status: async (options) => schemaOf(await migrator.status(options)),
      plan: (options) => migrator.plan(options),
      up: async (options) => schemaOf(await migrator.up(options)),
    }
  }

  examine(options?: CallOptions): Promise<readonly StoreFinding[]> {
    return examine({ db: this.#db, schema: this.#schema, migrator: this.#migrator }, options)
  }

  close(): Promise<void> {
    return this.#db.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function schemaOf({ version, wanted, pending, drifted }: MigrationStatus): StoreSchema {
  return { version, wanted, pending: pending.map(({ name }) => name), drifted }
}
