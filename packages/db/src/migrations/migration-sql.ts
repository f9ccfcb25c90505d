import type { CallOptions, Queryable } from '../db.ts'
import { quoteSchema } from '../names.ts'
import type { NumberedMigration } from './migration.ts'

/** A migration that has run. */
interface RanMigration {
  readonly version: number
  readonly name: string
  readonly checksum: string
}

/** Where the migrations that have run are recorded, in the schema itself. */
export const CREATE_HISTORY = `create table if not exists migration (
  version int primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp()
);`

export const RECORD = 'insert into migration (version, name, checksum) values ($1, $2, $3)'

export function recordText({ version, name, checksum }: NumberedMigration): string {
  const values = `${version}, ${literal(name)}, ${literal(checksum)}`
  return `insert into migration (version, name, checksum) values (${values});`
}

/** Makes the schema the one that names are looked for and made in. */
export function enterSchema(schema: string, lockTimeoutMs: number): string {
  // Unnamed, pg_temp would come first: a temporary table must not stand in for one of the schema.
  return `set local search_path = ${quoteSchema(schema)}, pg_temp;
set local lock_timeout = ${lockTimeoutMs};
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;`
}

/** One process at a time, for as long as the transaction takes. */
export function lockSchema(schema: string): string {
  const key = literal(`cgk migrations of ${schema}`)
  return `set local statement_timeout = 0; select pg_advisory_xact_lock(hashtextextended(${key}, 0))`
}

/** `create schema`, or nothing: whoever may not create schemas can use one that is there. */
export async function createSchema(queryable: Queryable, schema: string): Promise<string> {
  const exists = await queryable.query('select 1 from pg_catalog.pg_namespace where nspname = $1', [
    schema,
  ])
  return exists.length > 0 ? '' : `create schema ${quoteSchema(schema)};`
}

/** What has run, oldest first; nothing, if the schema or its record is not there. */
export async function readHistory(
  queryable: Queryable,
  schema: string,
  options?: CallOptions,
): Promise<readonly RanMigration[]> {
  const exists = await queryable.query(
    `select 1 from pg_catalog.pg_tables where schemaname = $1 and tablename = 'migration'`,
    [schema],
    options,
  )
  if (exists.length === 0) return []
  const text = `select version, name, checksum from ${quoteSchema(schema)}.migration order by version`
  return (await queryable.query(text, [], options)) as unknown as readonly RanMigration[]
}

function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? `E${quoted.replaceAll('\\', String.raw`\\`)}` : quoted
}
