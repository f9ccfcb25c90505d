export { embeddedBinaries, installedBinaries } from './postgres-binaries.ts'
export { PostgresInstance } from './postgres-instance.ts'
export type { PostgresKind } from './server-broker.ts'
export { createTestDatabase, type TestDatabase } from './test-database.ts'
