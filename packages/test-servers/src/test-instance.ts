import { pathOf, type Skip } from './broker-client.ts'
import { embeddedBinaries } from './postgres-binaries.ts'
import { type PostgresPair, PostgresInstance } from './postgres-instance.ts'
import type { Certificate } from './self-signed-certificate.ts'
import type { PostgresKind } from './server-broker.ts'

/**
 * Starts a server for one test file, to do to it what happens to servers.
 *
 * @param kind - `local` is an installed Postgres, wherever the databases of other tests are
 * @param skip - called where none is installed and none can be
 * @param certificate - what it shows to clients that want TLS; without one it has none
 */
export async function createTestInstance(
  kind: PostgresKind,
  skip: Skip,
  certificate?: Certificate,
): Promise<PostgresInstance> {
  return PostgresInstance.start(await binariesOf(kind, skip), certificate)
}

/** The same with a standby, see {@link PostgresInstance.startPair}. */
export async function createTestPair(kind: PostgresKind, skip: Skip): Promise<PostgresPair> {
  return PostgresInstance.startPair(await binariesOf(kind, skip))
}

function binariesOf(kind: PostgresKind, skip: Skip): Promise<string> {
  return kind === 'embedded' ? embeddedBinaries() : pathOf('postgres', skip)
}
