import type { StoreFinding } from '@cgk/jobs-core'
import { connectPostgres } from '@cgk/db'
import { createTestInstance } from '@cgk/test-servers'
import { expect, test, vi } from 'vitest'
import { createJobsMigrator, createStoreAdminFromUrl } from '../../src/index.ts'

vi.setConfig({ testTimeout: 300_000 })

/** What was found, by what was looked at. */
async function examine(url: string): Promise<Record<string, StoreFinding['level']>> {
  await using admin = createStoreAdminFromUrl(url)
  const findings = await admin.examine()
  return Object.fromEntries(findings.map(({ check, level }) => [check, level]))
}

function inDatabase(url: string, name: string): string {
  return url.replace(/\/postgres$/, `/${name}`)
}

test('what is wrong with a server and a schema is found, and nothing else', async ({ skip }) => {
  await using server = await createTestInstance('local', skip)
  await using db = connectPostgres({ url: server.url })
  await createJobsMigrator(db).up()
  const well = await examine(server.url)
  expect(well).toMatchObject({
    writable: 'ok',
    'prepared transactions and replication slots': 'ok',
    autovacuum: 'ok',
    schema: 'ok',
    privileges: 'ok',
    'dead rows': 'ok',
    // Servers of tests do not wait for the disk.
    durability: 'error',
  })
  expect(Object.values(well).filter((level) => level !== 'ok')).toEqual(['error'])

  await db.query('alter system set autovacuum = off')
  await db.query('select pg_reload_conf()')
  await db.query(`select pg_create_physical_replication_slot('forgotten', true)`)
  await db.query(`update jobs.migration set checksum = 'of another text' where version = 1`)
  await db.query(
    'create table jobs.crowd as select n from pg_catalog.generate_series(1, 100001) as n',
  )
  await db.query('delete from jobs.crowd')
  await vi.waitFor(
    async () => {
      expect(await examine(server.url)).toEqual({
        ...well,
        'prepared transactions and replication slots': 'warning',
        autovacuum: 'warning',
        schema: 'error',
        'dead rows': 'warning',
      })
    },
    { timeout: 60_000, interval: 500 },
  )

  await db.query(`create database foreign_letters encoding 'LATIN1' locale 'C' template template0`)
  expect(await examine(inDatabase(server.url, 'foreign_letters'))).toMatchObject({
    encoding: 'error',
  })
  await db.query('create database shown')
  await db.query('alter database shown set default_transaction_read_only = on')
  expect(await examine(inDatabase(server.url, 'shown'))).toMatchObject({ writable: 'error' })
})
