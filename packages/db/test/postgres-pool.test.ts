import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { connectPostgres, type Pipeline, type PostgresOptions } from '../src/index.ts'
import { errorOf } from './support/error-of.ts'
import { SERVERS, useServer } from './support/use-db.ts'

const PID = 'select pg_backend_pid() as pid'

describe.each(SERVERS)('connections to %s', (kind) => {
  const database = useServer(kind)

  test('are at most as many as allowed, and a call waits for one only so long', async () => {
    const db = database.connect({
      url: database.url,
      maxConnections: 2,
      acquireTimeoutMs: 100,
      applicationName: 'bounded',
    })
    const held = Promise.withResolvers<void>()
    const holding = [1, 2].map(() =>
      db.transaction(async (tx) => {
        await tx.query('select 1')
        await held.promise
      }),
    )
    expect(await errorOf(db.query('select 1'))).toMatchObject({
      code: 'DB_POOL_EXHAUSTED',
      retryable: true,
    })
    const controller = new AbortController()
    const waiting = errorOf(db.query('select 1', [], { signal: controller.signal }))
    controller.abort()
    expect(await waiting).toMatchObject({ code: 'DB_ABORTED' })

    // Handlers hold all there are; heartbeats go on.
    const count = `select count(*)::int as n from pg_stat_activity where application_name = 'bounded'`
    expect(await db.control.query(count)).toEqual([{ n: 3 }])
    held.resolve()
    await Promise.all(holding)
    const many = await Promise.all(Array.from({ length: 50 }, () => db.query(PID)))
    expect(new Set(many.map(([row]) => row?.['pid'])).size).toBeLessThanOrEqual(2)
  })

  test('run what is sent right behind a statement before it is answered', async () => {
    const db = database.connect({ url: database.url, maxConnections: 2, applicationName: 'behind' })
    const order: string[] = []
    let behind: Promise<unknown> | undefined
    const ahead = db.query(`${PID} from pg_sleep(0.05)`, [], {
      onSent: (pipeline) => {
        behind = pipeline([{ text: PID }, { text: `${PID} from pg_sleep(0.05)` }])
        order.push('sent')
      },
    })
    const first = await ahead
    order.push('answered')
    // The one connection is in use until what was sent last is answered.
    const other = await db.query(PID)
    order.push('another answered')
    const [second, third] = (await behind) as [unknown, unknown]
    expect({ second, third }).toEqual({ second: first, third: first })
    expect(other).not.toEqual(first)
    expect(order).toEqual(['sent', 'answered', 'another answered'])
    // Both are used again.
    const many = await Promise.all(Array.from({ length: 20 }, () => db.query(PID)))
    expect(new Set(many.map(([row]) => row?.['pid'])).size).toBe(2)
  })

  test("that are somebody else's by now run nothing of those who had them before", async () => {
    const db = database.connect({ url: database.url, maxConnections: 2, applicationName: 'late' })
    let behind: Pipeline | undefined
    const [first] = await db.query(`${PID} from pg_sleep(0.05)`, [], {
      onSent: (pipeline) => {
        behind = pipeline
      },
    })
    await db.transaction(async (tx) => {
      expect(await tx.query(PID)).toEqual([first])
      const [[other]] = (await behind!([{ text: PID }])) as [[unknown]]
      expect(other).not.toEqual(first)
    })
  })

  test('that nobody uses are closed', async () => {
    const db = database.connect({ url: database.url, idleTimeoutMs: 20, applicationName: 'idle' })
    await Promise.all([1, 2, 3].map(() => db.query('select 1')))
    const open = `select 1 from pg_stat_activity where application_name = 'idle'`
    await vi.waitFor(async () => {
      expect(await database.connect().query(open)).toHaveLength(0)
    })
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('give a statement and an idle transaction only so long', async () => {
    for (const pooler of [undefined, 'transaction'] as const) {
      await using db = connectPostgres({
        url: database.url,
        statementTimeoutMs: 50,
        idleInTransactionTimeoutMs: 50,
        ...(pooler && { pooler }),
      })
      const slow = db.transaction((tx) => tx.query('select pg_sleep(10)'))
      expect(await errorOf(slow)).toMatchObject({ code: '57014', retryable: true })
      const ended = Promise.withResolvers<void>()
      const idle = db.transaction(async (tx) => {
        await tx.query('select 1')
        await ended.promise
      })
      expect(await errorOf(idle)).toMatchObject({ retryable: true })
      ended.resolve()
    }
  })

  test('are read committed, whatever the database says', async () => {
    const [row] = await database.connect().query('select current_database() as name')
    const name = String(row!['name'])
    const setDefault = `alter database ${name} set default_transaction_isolation`
    await database.connect().query(`${setDefault} = 'serializable'`)
    try {
      const level = `select current_setting('transaction_isolation') as level`
      const expected = [{ level: 'read committed' }]
      await using direct = connectPostgres({ url: database.url })
      expect(await direct.query(level)).toEqual(expected)
      expect(await direct.transaction((tx) => tx.query(level))).toEqual(expected)
      await using pooled = connectPostgres({ url: database.url, pooler: 'transaction' })
      expect(await pooled.transaction((tx) => tx.query(level))).toEqual(expected)
    } finally {
      await database.connect().query(`${setDefault} = default`)
    }
  })

  test('through a pooler carry nothing from one transaction to the next', async () => {
    await using db = connectPostgres({
      url: database.url,
      pooler: 'transaction',
      maxConnections: 1,
    })
    const settings = `select current_setting('statement_timeout') as statement,
      current_setting('idle_in_transaction_session_timeout') as idle`
    expect(await db.transaction((tx) => tx.query(settings))).toEqual([
      { statement: '30s', idle: '30s' },
    ])
    const [outside] = await db.query(settings)
    expect(outside).not.toEqual({ statement: '30s', idle: '30s' })
    expect(await db.query('select count(*)::int as n from pg_prepared_statements')).toEqual([
      { n: 0 },
    ])
  })

  test('through a pooler cannot listen, but with a direct URL', async () => {
    await using pooled = connectPostgres({ url: database.url, pooler: 'transaction' })
    const listening = pooled.listen('x', { onNotify: () => {} })
    expect(await errorOf(listening)).toMatchObject({ code: 'DB_LISTEN_UNSUPPORTED' })

    await using direct = connectPostgres({
      url: database.url,
      directUrl: database.url,
      pooler: 'transaction',
    })
    const heard = Promise.withResolvers<string>()
    await direct.listen('x', { onNotify: heard.resolve })
    await direct.query(`select pg_notify('x', 'yes')`)
    expect(await heard.promise).toBe('yes')
  })

  test('serve a call that begins before close, and none after', async () => {
    const db = connectPostgres({ url: database.url })
    const underWay = db.query('select 1 as one from pg_sleep(0.1)')
    await vi.waitFor(async () => {
      const running = `select 1 from pg_stat_activity where query like '%pg_sleep(0.1)%' and pid <> pg_backend_pid()`
      expect(await database.connect().query(running)).not.toHaveLength(0)
    })
    await db.close()
    expect(await underWay).toEqual([{ one: 1 }])
    for (const call of [db.query('select 1'), db.listen('x', { onNotify: () => {} })]) {
      expect(await errorOf(call)).toMatchObject({ code: 'DB_CLOSED', retryable: false })
    }
  })

  test('that are idle do not keep the process alive', async () => {
    const program = `
      import { connectPostgres } from ${JSON.stringify(join(import.meta.dirname, '../src/index.ts'))}
      const db = connectPostgres({ url: ${JSON.stringify(database.url)} })
      await db.transaction((tx) => tx.query('select 1'))
      await db.control.query('select 1')
      await db.listen('x', { onNotify() {} })`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: 'inherit',
      timeout: 20_000,
    })
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('go on to the next host of several when one is not reached, together', async () => {
    const { host } = new URL(database.url)
    await using db = connectPostgres({ url: database.url.replace(host, `127.0.0.1:1,${host}`) })
    const calls = [1, 2].map(() => errorOf(db.query('select 1')))
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: 'DB_CONNECTION_FAILED', retryable: true })
    }
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('to a database that is not there, or with a wrong name, are no use trying again', async () => {
    const url = new URL(database.url)
    url.pathname = '/not_there'
    await using db = connectPostgres({ url: url.href })
    expect(await errorOf(db.query('select 1'))).toMatchObject({ code: '3D000', retryable: false })
  })
})

describe('connectPostgres', () => {
  test.each<[string, PostgresOptions]>([
    ['nothing', {}],
    ['no URL', { url: 'localhost' }],
    ['another scheme', { url: 'mysql://user:hunter2@host/db' }],
    ['a port that is none', { url: 'postgres://user:hunter2@host:port/db' }],
    ['a direct URL that is none', { url: 'postgres://host/db', directUrl: 'hunter2' }],
    ['no connections', { url: 'postgres://host/db', maxConnections: 0 }],
    ['half a millisecond', { url: 'postgres://host/db', connectTimeoutMs: 0.5 }],
    ['for ever', { url: 'postgres://host/db', idleTimeoutMs: Infinity }],
    ['another pooler', { url: 'postgres://host/db', pooler: 'session' as 'transaction' }],
  ])('refuses %s, and tells no secret', (_, options) => {
    let error: unknown
    try {
      connectPostgres(options)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'DB_INVALID_OPTION', retryable: false })
    expect(String(error)).not.toContain('hunter2')
  })
})
