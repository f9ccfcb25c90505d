import { askBroker } from './broker-client.ts'
import type { PostgresKind } from './server-broker.ts'

/** A database of its own for a test file. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
}

/** Creates a database on a server that is found or started; dispose of it when the file is done. */
export async function createTestDatabase(kind: PostgresKind): Promise<TestDatabase> {
  const url = await askBroker('POST', `/${kind}`)
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      await askBroker('DELETE', `/${kind}${new URL(url).pathname}`)
    },
  }
}
