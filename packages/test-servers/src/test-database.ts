import type { PostgresKind } from './server-broker.ts'

/** Tells the test processes where the broker is. */
export const BROKER_VARIABLE = 'CGK_TEST_SERVERS'

/** A database of its own for a test file. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
}

/** Creates a database on a server that is found or started; dispose of it when the file is done. */
export async function createTestDatabase(kind: PostgresKind): Promise<TestDatabase> {
  const url = await ask('POST', `/${kind}`)
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      await ask('DELETE', `/${kind}${new URL(url).pathname}`)
    },
  }
}

async function ask(method: string, path: string): Promise<string> {
  const broker = process.env[BROKER_VARIABLE]
  if (broker === undefined) {
    throw new Error(
      'no broker of test servers: run the tests with the vitest.config.ts of the root',
    )
  }
  const response = await fetch(broker + path, { method })
  const body = await response.text()
  if (!response.ok) throw new Error(body)
  return body
}
