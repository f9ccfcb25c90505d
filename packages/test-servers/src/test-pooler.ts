import { pathOf, type Skip } from './broker-client.ts'
import { PgBouncer } from './pgbouncer.ts'

/** A pooler in front of a database, which lends its connections out per transaction. */
export interface TestPooler extends AsyncDisposable {
  readonly url: string
}

/**
 * Starts a PgBouncer in front of a database.
 *
 * @param skip - called where there is none and none can be installed
 */
export async function createTestPooler(databaseUrl: string, skip: Skip): Promise<TestPooler> {
  return PgBouncer.start(await pathOf('pgbouncer', skip), databaseUrl)
}
