import { readdirSync, readFileSync } from 'node:fs'
import { createMigrator, type Db, type Migration, type Migrator } from '@cgk/db'

const DIRECTORY = new URL('../sql/', import.meta.url)

/** What the store's schema is made by, oldest first: the files of `sql`. */
function migrations(): readonly Migration[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => ({
      name: file.slice(0, -'.sql'.length),
      sql: readFileSync(new URL(file, DIRECTORY), 'utf8'),
    }))
}

/**
 * What brings the schema of a store to the version of this package, or prints what it would run. A store with
 * `migrate: 'auto'` does this by itself.
 *
 * @param schema - the store's. @defaultValue `'jobs'`
 * @throws `DbError` `DB_INVALID_NAME` for a schema that cannot be.
 *
 * @example
 * ```ts
 * await using db = connectPostgres({ url })
 * await createJobsMigrator(db).up()
 * ```
 */
export function createJobsMigrator(db: Db, schema: string = DEFAULT_SCHEMA): Migrator {
  return createMigrator({ db, schema, migrations: migrations() })
}

export const DEFAULT_SCHEMA = 'jobs'
