export { createPostgresStore, type PostgresStoreOptions } from './create-postgres-store.ts'
export type { HistoryOptions, Retention } from './history.ts'
export { createJobsMigrator } from './migrations.ts'
export { createStoreFromUrl } from './store-from-url.ts'
