import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type PostgresKind, type TestDatabase } from '../src/index.ts'

const KINDS: readonly [PostgresKind, number][] = [
  ['local', 15],
  ['embedded', 18],
]

describe.each(KINDS)('a database on the %s server', (kind, oldest) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase(kind)
  }, 120_000)
  afterAll(() => database[Symbol.asyncDispose]())

  test(`is on Postgres ${oldest} or newer`, async () => {
    const sql = postgres(database.url, { max: 1 })
    const [row] = await sql`select current_setting('server_version_num')::int as version`
    expect(row?.['version']).toBeGreaterThanOrEqual(oldest * 10_000)
    await sql.end()
  })

  test('is gone once it is disposed of, connections or not', async () => {
    const other = await createTestDatabase(kind)
    const connected = postgres(other.url, { max: 1, onnotice: () => {} })
    await connected`select 1`
    await other[Symbol.asyncDispose]()
    await connected.end()

    const sql = postgres(database.url, { max: 1 })
    const name = new URL(other.url).pathname.slice(1)
    expect(await sql`select from pg_database where datname = ${name}`).toHaveLength(0)
    await sql.end()
  })
})
