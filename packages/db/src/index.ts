export { openPglite, usePglite } from './pglite/open-pglite.ts'
export { connectPostgres } from './postgres/connect-postgres.ts'
export type { PostgresOptions } from './postgres/postgres-settings.ts'
export type {
  CallOptions,
  ConnectionPool,
  Db,
  Listener,
  Pipeline,
  QueryOptions,
  Queryable,
  Row,
  Statement,
  Transaction,
} from './db.ts'
export {
  createMigrator,
  type MigrationStatus,
  type Migrator,
  type MigratorOptions,
} from './migrations/create-migrator.ts'
export type { Migration } from './migrations/migration.ts'
export { drizzleOn } from './drizzle-on.ts'
export { type CallersTransaction, joinTransaction } from './join-transaction.ts'
export { withTenantTransaction } from './tenant-transaction.ts'
export { DbError, type DbErrorCode, type DbErrorOptions, isDbError } from './db-error.ts'
export type { DriverTransaction } from './driver-transaction.ts'
export { quoteSchema } from './names.ts'
export type { Parameter } from './values/parameters.ts'
export type { Value } from './values/values.ts'
