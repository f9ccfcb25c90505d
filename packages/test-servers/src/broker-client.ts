import type { Search } from './find-program.ts'

/** Tells the test processes where the broker is. */
export const BROKER_VARIABLE = 'CGK_TEST_SERVERS'

/** Ends a test that cannot run here, saying why: `skip` of Vitest's test context. */
export type Skip = (reason: string) => never

/** Asks the broker. */
export async function askBroker(method: 'GET' | 'POST' | 'DELETE', path: string): Promise<string> {
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

/** The path of a program, found or installed by the broker. */
export async function pathOf(
  program: 'pgbouncer' | 'postgres' | 'redis-server' | 'valkey-server',
  skip: Skip,
): Promise<string> {
  const search = JSON.parse(await askBroker('GET', `/${program}`)) as Search
  return 'missing' in search ? skip(search.missing) : search.path
}
