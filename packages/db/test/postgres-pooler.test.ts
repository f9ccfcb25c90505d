import { createTestPooler, type TestPooler } from '@cgk/test-servers'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  connectPostgres,
  createMigrator,
  type Db,
  drizzleOn,
  type PostgresOptions,
  withTenantTransaction,
} from '../src/index.ts'
import { errorOf } from './support/error-of.ts'
import { SERVERS, useServer } from './support/use-db.ts'

vi.setConfig({ hookTimeout: 300_000 }) // PgBouncer may have to be installed.

describe.each(SERVERS)('through PgBouncer, on %s', (kind) => {
  const database = useServer(kind)
  let pooler: TestPooler | undefined
  beforeEach(async ({ skip }) => {
    pooler ??= await createTestPooler(database.url, skip)
  })
  afterAll(() => pooler?.[Symbol.asyncDispose]())

  function connect(options: PostgresOptions = {}): Db {
    const url = pooler?.url ?? expect.unreachable()
    return connectPostgres({ url, pooler: 'transaction', ...options })
  }

  beforeAll(() => database.connect().query('create table item (id bigint primary key)'))

  test('statements with parameters run on whatever connection is lent', async () => {
    await using first = connect()
    await using second = connect()
    const text = 'select $1::bigint[] as ids, pg_backend_pid() as pid'
    const rows = await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const db = index % 2 === 0 ? first : second
        return db.query<{ ids: bigint[]; pid: number }>(text, [[BigInt(index)]])
      }),
    )
    expect(rows.map(([row]) => row?.ids)).toEqual(rows.map((_, index) => [BigInt(index)]))
    // Twenty connections to the pooler, which has four to the server.
    expect(new Set(rows.map(([row]) => row?.pid)).size).toBeLessThanOrEqual(4)
    expect(await first.query('select name from pg_prepared_statements')).toEqual([])
  })

  test('nothing is sent right behind a statement', async () => {
    await using db = connect()
    const onSent = vi.fn()
    expect(await db.query('select 1 as one', [], { onSent })).toEqual([{ one: 1 }])
    expect(onSent).not.toHaveBeenCalled()
  })

  test('a pipeline answers each statement, and rejects with the first error', async () => {
    await using db = connect()
    const insert = 'insert into item values ($1::bigint)'
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const id = BigInt(1000 + index)
        const pipeline = db.pipeline([
          { text: 'select 0 as n' }, // One without parameters, before one with.
          { text: insert, params: [id] },
          { text: 'select id from item where id = $1::bigint', params: [id] },
          { text: 'select $1::int as n', params: [index] },
        ])
        expect(await pipeline).toEqual([[{ n: 0 }], [], [{ id }], [{ n: index }]])
      }),
    )
    const failing = db.pipeline([
      { text: 'select 1' },
      { text: insert, params: [1000n] },
      { text: insert, params: [2000n] },
    ])
    expect(await errorOf(failing)).toMatchObject({ code: '23505' })
    expect(await db.query('select id from item where id = 2000')).toHaveLength(1)
  })

  test('a transaction keeps its connection, and leaves nothing in it', async () => {
    // drizzle-orm is loaded while the first transactions wait, which takes a busy machine long.
    await using db = connect({ acquireTimeoutMs: 30_000 })
    const pids = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        withTenantTransaction(db, `tenant-${index}`, async (tx) => {
          const text = `select pg_backend_pid() as pid, current_setting('cgk.tenant') as tenant`
          const [first] = await tx.query(text)
          expect(await (await drizzleOn(tx)).execute(text)).toEqual([first])
          const [last] = await tx.query(text)
          expect(last).toEqual(first)
          expect(last?.['tenant']).toBe(`tenant-${index}`)
          return last?.['pid']
        }),
      ),
    )
    expect(new Set(pids).size).toBeLessThanOrEqual(4)
    const left = `select coalesce(current_setting('cgk.tenant', true), '') as tenant`
    const rows = await Promise.all(Array.from({ length: 20 }, () => db.query(left)))
    expect(rows).toEqual(rows.map(() => [{ tenant: '' }]))
  })

  test('a transaction that fails is rolled back, and its connection is good for the next', async () => {
    await using db = connect({ maxConnections: 1 })
    for (let turn = 0; turn < 10; turn += 1) {
      const refused = db.transaction(async (tx) => {
        await tx.query('insert into item values (3000)')
        await tx.query('select 1/0')
      })
      expect(await errorOf(refused)).toMatchObject({ code: '22012' })
      expect(await db.query('select id from item where id = 3000')).toEqual([])
    }
  })

  test('an advisory lock of a transaction keeps the others out until it ends', async () => {
    await using first = connect()
    await using second = connect()
    const tryLock = 'select pg_try_advisory_xact_lock(7) as got'
    await first.transaction(async (tx) => {
      expect(await tx.query(tryLock)).toEqual([{ got: true }])
      for (let turn = 0; turn < 4; turn += 1) {
        expect(await second.query(tryLock)).toEqual([{ got: false }])
      }
    })
    expect(await second.query(tryLock)).toEqual([{ got: true }])
  })

  test('ten that migrate at once run each migration once', async () => {
    const migrations = [
      { name: 'create', sql: 'create table thing (id bigint primary key);' },
      { name: 'fill', sql: 'insert into thing values (1);' },
    ]
    await using first = connect()
    await using second = connect()
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        createMigrator({
          db: index % 2 === 0 ? first : second,
          schema: 'pooled',
          migrations,
        }).up(),
      ),
    )
    expect(all.map(({ version }) => version)).toEqual(all.map(() => 2))
    expect(await first.query('select id from pooled.thing')).toEqual([{ id: 1n }])
  })

  test('the server ends a statement and an idle transaction in time, and only of ours', async () => {
    await using db = connect({ statementTimeoutMs: 50, idleInTransactionTimeoutMs: 50 })
    await using patient = connect()
    const slow = db.transaction((tx) => tx.query('select pg_sleep(10)'))
    expect(await errorOf(slow)).toMatchObject({ code: '57014', retryable: true })
    const ended = Promise.withResolvers<void>()
    const idle = db.transaction(async (tx) => {
      await tx.query('select 1')
      await ended.promise
    })
    expect(await errorOf(idle)).toMatchObject({ retryable: true })
    ended.resolve()
    await Promise.all(
      Array.from({ length: 8 }, () =>
        patient.transaction((tx) => tx.query('select pg_sleep(0.1)')),
      ),
    )
  })

  test('outside of a transaction a statement is given up and cancelled a while later', async () => {
    await using db = connect({ statementTimeoutMs: 50 })
    const text = `select pg_sleep(60), 'given up'`
    expect(await errorOf(db.query(text))).toMatchObject({
      code: 'DB_CONNECTION_SILENT',
      retryable: true,
    })
    const running = `select 1 from pg_stat_activity where query = $1 and state = 'active'`
    await vi.waitFor(async () => {
      expect(await database.connect().query(running, [text])).toHaveLength(0)
    })
  })

  test('an aborted statement is cancelled on the server', async () => {
    await using db = connect()
    const controller = new AbortController()
    const text = `select pg_sleep(60), 'aborted'`
    const sleeping = errorOf(db.query(text, [], { signal: controller.signal }))
    const running = `select 1 from pg_stat_activity where query = $1 and state = 'active'`
    const direct = database.connect()
    await vi.waitFor(async () => expect(await direct.query(running, [text])).toHaveLength(1))
    controller.abort()
    expect(await sleeping).toMatchObject({ code: 'DB_ABORTED' })
    await vi.waitFor(async () => expect(await direct.query(running, [text])).toHaveLength(0))
  })

  test('nobody can listen, and is told what helps', async () => {
    await using db = connect()
    const error = await errorOf(db.listen('x', { onNotify: () => {} }))
    expect(error).toMatchObject({ code: 'DB_LISTEN_UNSUPPORTED', retryable: false })
    expect(error.message).toContain('directUrl')
  })

  test('with a direct URL what is notified through the pooler is heard', async () => {
    await using db = connect({ directUrl: database.url })
    const heard = Promise.withResolvers<string>()
    await db.listen('x', { onNotify: heard.resolve })
    await db.transaction((tx) => tx.query(`select pg_notify('x', 'through the pooler')`))
    expect(await heard.promise).toBe('through the pooler')
  })

  test('a pooler that was not named as one is found out, and the message tells what helps', async () => {
    const url = pooler?.url ?? expect.unreachable()
    await using db = connectPostgres({ url })
    const error = await errorOf(db.query('select 1'))
    expect(error).toMatchObject({ code: 'DB_INVALID_OPTION', retryable: false })
    expect(error.message).toContain("set pooler to 'transaction'")
  })

  test('what the pooler itself refuses may be tried again', async () => {
    // To a server that is not there.
    const url = new URL(database.url)
    url.port = '1'
    await using other = await createTestPooler(url.href, () => expect.unreachable())
    await using db = connectPostgres({ url: other.url, pooler: 'transaction' })
    expect(await errorOf(db.query('select 1'))).toMatchObject({ retryable: true })
  })
})
