import postgres from 'postgres'
import { expect, test, vi } from 'vitest'
import { createTestDatabase, createTestPooler } from '../src/index.ts'

vi.setConfig({ testTimeout: 300_000 }) // It may have to be installed.

test('a pooler lends few connections to many clients, and is gone once it is disposed of', async ({
  skip,
}) => {
  await using database = await createTestDatabase('local')
  const pooler = await createTestPooler(database.url, skip)
  const clients = Array.from({ length: 20 }, () =>
    postgres(pooler.url, { max: 1, prepare: false, onnotice: () => {} }),
  )
  const rows = await Promise.all(
    clients.map((sql) => sql`select pg_backend_pid() as pid, current_database() as name`),
  )
  expect(new Set(rows.map(([row]) => row?.['pid'])).size).toBeLessThanOrEqual(4)
  expect(rows[0]?.[0]?.['name']).toBe(new URL(database.url).pathname.slice(1))

  await pooler[Symbol.asyncDispose]()
  const late = postgres(pooler.url, { max: 1 })`select 1`
  await expect(late).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await Promise.all(clients.map((sql) => sql.end({ timeout: 0 })))
})
