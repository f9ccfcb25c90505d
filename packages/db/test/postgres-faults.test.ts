import { createTestInstance, type PostgresInstance, PostgresProxy } from '@cgk/test-servers'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectPostgres, drizzleOn } from '../src/index.ts'
import { errorOf } from './support/error-of.ts'

import { SERVERS, useServer } from './support/use-db.ts'

describe.each(SERVERS)('a server of one’s own, %s', (kind) => {
  let server: PostgresInstance
  beforeEach(async ({ skip }) => {
    server ??= await createTestInstance(kind, skip)
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  test('that crashes fails calls with retryable errors at once, and is used again when it is back', async () => {
    await using db = connectPostgres({ url: server.url, connectTimeoutMs: 2000 })
    const lost = Promise.withResolvers<void>()
    const restored = Promise.withResolvers<void>()
    const heard = Promise.withResolvers<string>()
    await db.listen('x', {
      onNotify: heard.resolve,
      onLost: () => lost.resolve(),
      onRestored: restored.resolve,
    })
    await db.query('create table kept (id int)')
    await db.query('insert into kept values (1)')
    const underWay = errorOf(db.query('select pg_sleep(60)'))
    const inTransaction = errorOf(
      db.transaction(async (tx) => {
        await tx.query('insert into kept values (2)')
        await lost.promise
        await tx.query('insert into kept values (3)')
      }),
    )
    await vi.waitFor(async () => {
      const text = `select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`
      expect(await db.query(text)).toHaveLength(1)
    })

    await server.stop('immediate')
    await lost.promise
    for (const error of [await underWay, await inTransaction]) {
      expect(error).toMatchObject({ name: 'DbError', retryable: true })
    }
    const begun = performance.now()
    const calls = [
      db.query('select 1'),
      db.control.query('select 1'),
      db.transaction(async () => {}),
      db.listen('y', { onNotify: () => {} }),
    ]
    for (const error of await Promise.all(calls.map((call) => errorOf(call)))) {
      expect(error).toMatchObject({ code: 'DB_CONNECTION_FAILED', retryable: true })
    }
    expect(performance.now() - begun).toBeLessThan(2500)

    await server.start()
    await restored.promise
    expect(await db.query('select id from kept')).toEqual([{ id: 1 }])
    expect(await db.control.query('select 1 as one')).toEqual([{ one: 1 }])
    await db.query(`select pg_notify('x', 'still there')`)
    expect(await heard.promise).toBe('still there')
  })

  test('that was demoted is left: its connections are not used again', async () => {
    await using db = connectPostgres({ url: server.url })
    await db.query('create table if not exists written (id int)')
    const pidBefore = await db.query('select pg_backend_pid() as pid')
    await db.query('alter role postgres set default_transaction_read_only = on')
    await using readOnly = connectPostgres({ url: server.url })
    const backend = 'select pg_backend_pid() as pid'
    const [control] = await readOnly.control.query(backend)
    expect(await errorOf(readOnly.query('insert into written values (1)'))).toMatchObject({
      code: '25006',
      retryable: true,
    })
    await db.query('alter role postgres reset default_transaction_read_only')
    expect(await db.query(backend)).toEqual(pidBefore)

    await readOnly.query('insert into written values (2)')
    expect(await readOnly.control.query(backend)).not.toEqual([control])
  })

  test('that is full is told apart, and retryable', async () => {
    await using admin = connectPostgres({ url: server.url })
    await admin.query('create role guest login connection limit 0')
    const url = new URL(server.url)
    url.username = 'guest'
    await using db = connectPostgres({ url: url.href })
    expect(await errorOf(db.query('select 1'))).toMatchObject({ code: '53300', retryable: true })
  })
})

describe.each(SERVERS)('behind a network, on %s', (kind) => {
  const database = useServer(kind)
  let counter = 0
  let table: string
  beforeEach(async () => {
    counter += 1
    table = `t${counter}`
    await database.connect().query(`create table ${table} (id int)`)
  })

  test('a reply lost after the commit is an unknown outcome: retryable, and here it was committed', async () => {
    await using proxy = await PostgresProxy.start(database.url)
    await using db = connectPostgres({ url: proxy.url })
    await db.query('select 1')
    const cut = proxy.cutAfter('COMMIT')
    const transaction = db.transaction(async (tx) => {
      await tx.query(`insert into ${table} values (1)`)
    })
    expect(await errorOf(transaction)).toMatchObject({
      code: 'DB_CONNECTION_LOST',
      retryable: true,
    })
    await cut
    expect(await db.query(`select id from ${table}`)).toEqual([{ id: 1 }])
  })

  test('a transaction whose connection is lost rejects, and so does what it still does', async () => {
    await using proxy = await PostgresProxy.start(database.url)
    await using db = connectPostgres({ url: proxy.url })
    const errors: unknown[] = []
    const done = Promise.withResolvers<void>()
    const transaction = db.transaction(async (tx) => {
      const { driver } = tx
      const orm = await drizzleOn(tx)
      await tx.query('select 1')
      proxy.reset()
      if (driver.kind !== 'postgres') return
      const calls = [
        () => driver.sql`select 1`,
        () => driver.sql.unsafe('select 1'),
        () => orm.execute('select 1'),
        () => orm.transaction((nested) => nested.execute('select 1')),
        () => tx.query('select 1'),
      ]
      for (const call of calls) {
        try {
          await call()
        } catch (error) {
          errors.push(error)
        }
      }
      done.resolve()
    })
    expect(await errorOf(transaction)).toMatchObject({ code: 'DB_CONNECTION_LOST' })
    await done.promise
    expect(errors).toHaveLength(5)
  })

  test('a silent connection is left when the signal aborts, and the next call has a new one', async () => {
    await using proxy = await PostgresProxy.start(database.url)
    await using db = connectPostgres({ url: proxy.url })
    // Several connections, all of which fall silent.
    await Promise.all([1, 2, 3].map(() => db.query('select pg_sleep(0.05)')))
    proxy.silence()
    const before = proxy.connections
    const begun = performance.now()
    const silent = db.query('select 1', [], { signal: AbortSignal.timeout(300) })
    expect(await errorOf(silent)).toMatchObject({ code: 'DB_ABORTED', retryable: true })
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
    expect(performance.now() - begun).toBeLessThan(2000)
    // The request to cancel, and one connection: the other two were not tried.
    expect(proxy.connections - before).toBeLessThanOrEqual(2)
  })

  test('without a signal nobody waits much longer than the server may take, nor for a commit', async () => {
    await using proxy = await PostgresProxy.start(database.url)
    await using db = connectPostgres({ url: proxy.url, statementTimeoutMs: 500 })
    await Promise.all([1, 2].map(() => db.query('select 1')))
    const query = Promise.withResolvers<unknown>()
    const transaction = db.transaction(async () => {
      proxy.silence()
      query.resolve(errorOf(db.query('select 1')))
    })
    const silent = { code: 'DB_CONNECTION_SILENT', retryable: true }
    expect(await errorOf(transaction)).toMatchObject(silent)
    expect(await query.promise).toMatchObject(silent)
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('a server that takes the connection and says nothing fails in the time for connecting', async () => {
    await using proxy = await PostgresProxy.start(database.url)
    proxy.silenceAll(true)
    await using db = connectPostgres({ url: proxy.url, connectTimeoutMs: 300 })
    const begun = performance.now()
    expect(await errorOf(db.query('select 1'))).toMatchObject({
      code: 'DB_CONNECTION_FAILED',
      retryable: true,
    })
    expect(performance.now() - begun).toBeLessThan(2000)
    proxy.silenceAll(false)
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('a server that hangs up before it says a word fails the call', async () => {
    await using proxy = await PostgresProxy.start(database.url)
    await using db = connectPostgres({ url: proxy.url })
    proxy.cutAtNextReply()
    expect(await errorOf(db.query('select 1'))).toMatchObject({ retryable: true })
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('connections reset while idle are replaced before anybody notices', async () => {
    await using proxy = await PostgresProxy.start(database.url)
    await using db = connectPostgres({ url: proxy.url, applicationName: 'reset' })
    await Promise.all([1, 2, 3].map(() => db.query('select 1')))
    const open = `select 1 from pg_stat_activity where datname = current_database() and application_name = 'reset'`
    proxy.reset()
    await using other = connectPostgres({ url: database.url })
    await vi.waitFor(async () => expect(await other.query(open)).toHaveLength(0))
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
    }
  })

  test('a listening connection that falls silent is replaced within 5 seconds', async () => {
    await using proxy = await PostgresProxy.start(database.url)
    await using db = connectPostgres({ url: proxy.url })
    const lost = Promise.withResolvers<void>()
    const restored = Promise.withResolvers<void>()
    const heard = Promise.withResolvers<string>()
    await db.listen('x', {
      onNotify: heard.resolve,
      onLost: () => lost.resolve(),
      onRestored: restored.resolve,
    })
    const begun = performance.now()
    proxy.silence()
    await lost.promise
    await restored.promise
    expect(performance.now() - begun).toBeLessThan(5000)
    await db.query(`select pg_notify('x', 'again')`)
    expect(await heard.promise).toBe('again')
  })

  test('an aborted statement is cancelled on the server', async () => {
    const db = database.connect()
    const controller = new AbortController()
    const text = `select pg_sleep(60), '${table}'`
    const sleeping = errorOf(db.query(text, [], { signal: controller.signal }))
    const running = `select 1 from pg_stat_activity where query = $1 and state = 'active'`
    await vi.waitFor(async () => expect(await db.query(running, [text])).toHaveLength(1))
    controller.abort()
    expect(await sleeping).toMatchObject({ code: 'DB_ABORTED' })
    await vi.waitFor(async () => expect(await db.query(running, [text])).toHaveLength(0))
  })
})
