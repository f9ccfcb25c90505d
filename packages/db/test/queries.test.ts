import postgres from 'postgres'
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { bigint, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  connectPostgres,
  drizzleOn,
  joinTransaction,
  type Transaction,
  withTenantTransaction,
} from '../src/index.ts'
import { errorOf } from './support/error-of.ts'
import { DATABASES, SERVERS, useDb, useServer } from './support/use-db.ts'

const SECRET = 'hunter2'

describe.each(DATABASES)('on %s', (kind) => {
  const database = useDb(kind)
  beforeAll(() =>
    database.db.transaction((tx) =>
      tx.runScript(`
        create table item (id bigint primary key, name text, data jsonb, at timestamptz);
        create table "other" (id int references item deferrable initially deferred);`),
    ),
  )

  test('values come back as they went', async () => {
    const text = 'a "quoted" \\ back, {brace} NULL ünï 🙂'
    const [row] = await database.db.query(
      `select $1::bigint as big, $2::int as small, $3::float8 as float, $4::boolean as flag,
        $5::text as text, $6::text as nothing, $7::text::jsonb as json, $8::numeric as exact,
        extract(epoch from $9::timestamptz) * 1000 = $10::bigint as "sameInstant"`,
      [
        9_007_199_254_740_993n,
        -7,
        0.1,
        true,
        text,
        null,
        '{"a": 12345678901234567890}',
        '1234567890123456789.5',
        new Date(1_700_000_000_123),
        1_700_000_000_123n,
      ],
    )
    expect(row).toEqual({
      big: 9_007_199_254_740_993n,
      small: -7,
      float: 0.1,
      flag: true,
      text,
      nothing: null,
      json: '{"a": 12345678901234567890}',
      exact: '1234567890123456789.5',
      sameInstant: true,
    })
  })

  test('of a statement that answers texts they come back as of any other', async () => {
    const statement = {
      text: `select a, b from (values ($1::text, null::text), ('', $2::text)) as t (a, b)`,
      params: ['a "quoted" ünï 🙂', '{"a": 1}'],
    }
    const [plain, texts] = await database.db.pipeline([
      statement,
      { ...statement, answersTexts: true },
    ])
    expect(texts).toEqual([
      { a: 'a "quoted" ünï 🙂', b: null },
      { a: '', b: '{"a": 1}' },
    ])
    expect(texts).toEqual(plain)
  })

  test('a small bigint is a bigint as well', async () => {
    expect(await database.db.query('select 1::bigint as n')).toEqual([{ n: 1n }])
  })

  test('arrays come back as they went, with nulls, quotes and nothing in them', async () => {
    const texts = ['', 'null', 'NULL', null, 'a"b', 'c\\d', '{e,f}', ' g ', 'ü🙂', 'line\nbreak']
    const [row] = await database.db.query(
      `select $1::bigint[] as bigs, $2::text[] as texts, $3::int[] as ints, $4::boolean[] as flags,
        $5::bigint[] as empty, $6::bigint[] as nothing, $7::text[] as nested,
        array[0.5, null]::numeric[] as exact, '[0:1]={1,2}'::int[] as shifted`,
      [[1n, null, -(2n ** 62n)], texts, [1, 2], [true, null, false], [], null, [['a'], ['b']]],
    )
    expect(row).toEqual({
      bigs: [1n, null, -(2n ** 62n)],
      texts,
      ints: [1, 2],
      flags: [true, null, false],
      empty: [],
      nothing: null,
      nested: [['a'], ['b']],
      exact: ['0.5', null],
      shifted: [1, 2],
    })
  })

  test.each([
    ['an undefined', undefined],
    ['an invalid date', new Date(Number.NaN)],
    ['U+0000', `${SECRET}\0`],
    ['half a surrogate pair', `${SECRET}\ud800`],
    ['an object', { secret: SECRET }],
    ['one of these in an array', [`${SECRET}\0`]],
  ])('%s is refused, by its position', async (_, value) => {
    const error = await errorOf(database.db.query('select $1::text, $2', ['x', value as string]))
    expect(error).toMatchObject({ code: 'DB_INVALID_PARAMETER', retryable: false })
    expect(error.message).toContain('$2')
    expect(error.message).not.toContain(SECRET)
    expect(await database.db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('an error of the server has its SQLSTATE and no value, wherever one looks', async () => {
    const insert = `insert into item (id, name) values ($1::bigint, $2)`
    await database.db.query(insert, [101n, SECRET])
    const duplicate = await errorOf(database.db.query(insert, [101n, SECRET]))
    expect(duplicate).toMatchObject({
      code: '23505',
      retryable: false,
      constraint: 'item_pkey',
      table: 'item',
    })
    const malformed = await errorOf(database.db.query('select $1::bigint', [SECRET]))
    expect(malformed).toMatchObject({ code: '22P02', retryable: false })
    for (const error of [duplicate, malformed]) {
      const told = [error.message, error.stack, JSON.stringify(error), String(error.cause)].join()
      expect(told).not.toContain(SECRET)
      expect(told).not.toContain('101')
    }
  })

  test('a detail is kept of errors that our own functions raise, and of no other', async () => {
    const raise = async (code: string) =>
      await errorOf(
        database.db.query(
          `do $$ begin raise exception 'no' using errcode = '${code}', detail = '{"why":"taken"}'; end $$`,
        ),
      )
    expect(await raise('CGK01')).toMatchObject({ code: 'CGK01', detail: '{"why":"taken"}' })
    expect(await raise('23505')).not.toHaveProperty('detail')
  })

  test('an error of a statement leaves the connection good', async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      const error = await errorOf(database.db.query('select from nowhere'))
      expect(error.code).toBe('42P01')
    }
    expect(await database.db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('a deadlock victim and a lock not to be had are retryable', async () => {
    for (const code of ['40001', '40P01', '55P03', '57014', '53300', '25006', '57P01', '08006']) {
      const raise = `do $$ begin raise exception 'no' using errcode = '${code}'; end $$`
      const error = await errorOf(database.db.query(raise))
      expect(error).toMatchObject({ code, retryable: true })
    }
  })

  test('statements of a pipeline are answered in order, and one that fails stops no other', async () => {
    const answers = await database.db.pipeline([
      { text: 'select $1::bigint as n', params: [1n] },
      { text: 'select 2 as n' },
    ])
    expect(answers).toEqual([[{ n: 1n }], [{ n: 2 }]])

    const insert = 'insert into item (id) values (201)'
    const error = await errorOf(database.db.pipeline([{ text: 'select 1/0' }, { text: insert }]))
    expect(error.code).toBe('22012')
    expect(await database.db.query('select id from item where id = 201')).toHaveLength(1)
  })

  test('a transaction that resolves is there, one that rejects is not', async () => {
    const result = await database.db.transaction(async (tx) => {
      await tx.query('insert into item (id) values (301)')
      return ['done']
    })
    expect(result).toEqual(['done'])
    const own = new Error('the caller’s own')
    const refused = database.db.transaction(async (tx) => {
      await tx.query('insert into item (id) values (302)')
      throw own
    })
    await expect(refused).rejects.toBe(own)
    expect(await database.db.query('select id from item where id in (301, 302)')).toEqual([
      { id: 301n },
    ])
  })

  test('a transaction with a failed statement is not committed, even if the error was caught', async () => {
    const transaction = database.db.transaction(async (tx) => {
      await tx.query('insert into item (id) values (311)')
      await tx.query('select 1/0').catch(() => {})
    })
    expect(await errorOf(transaction)).toMatchObject({ code: '22012' })
    expect(await database.db.query('select id from item where id = 311')).toEqual([])
  })

  test('a constraint checked at commit refuses the transaction', async () => {
    const transaction = database.db.transaction((tx) =>
      tx.query('insert into "other" values (999)'),
    )
    expect(await errorOf(transaction)).toMatchObject({ code: '23503', retryable: false })
    expect(await database.db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('a commit is told once, and no other end of a transaction', async () => {
    const told: string[] = []
    const { db } = database
    await db.transaction(async (tx) => {
      tx.onCommit(() => told.push('committed'))
      await tx.query('insert into item (id) values (391)')
      expect(told).toEqual([])
    })
    expect(told).toEqual(['committed'])
    await db.transaction(async (tx) => {
      if (tx.driver.kind !== 'pglite') return
      tx.onCommit(() => told.push('rolled back by the driver'))
      await tx.driver.transaction.rollback()
    })
    const ends = [
      'select 1/0', // a failed statement
      'insert into "other" values (999)', // a constraint checked at commit
    ].map((statement) =>
      db.transaction(async (tx) => {
        tx.onCommit(() => told.push(statement))
        await tx.query(statement).catch(() => {})
      }),
    )
    const thrown = db.transaction(async (tx) => {
      tx.onCommit(() => told.push('thrown'))
      throw new Error('no')
    })
    const settled = await Promise.allSettled([...ends, thrown])
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(told).toEqual(['committed'])
  })

  test('a transaction is refused after its end', async () => {
    let kept: Transaction | undefined
    await database.db.transaction(async (tx) => {
      kept = tx
    })
    expect(await errorOf(kept!.query('select 1'))).toMatchObject({ code: 'DB_TRANSACTION_ENDED' })
  })

  test('a signal that has aborted keeps a call from beginning', async () => {
    const signal = AbortSignal.abort()
    const insert = database.db.query('insert into item (id) values (321)', [], { signal })
    expect(await errorOf(insert)).toMatchObject({ code: 'DB_ABORTED', retryable: true })
    expect(await database.db.query('select id from item where id = 321')).toEqual([])
  })

  test('a call whose time was up while the one before it kept all timers waiting does not begin', async () => {
    // On a server it is cancelled, or begins nothing; embedded, the one before it computes on this thread.
    const before = database.db.query(
      'select count(*) from generate_series(1, 300000) a where a % 7 = 3',
    )
    const signal = AbortSignal.timeout(1)
    const insert = database.db.query('insert into item (id) select 341 from pg_sleep(0.05)', [], {
      signal,
    })
    expect(await errorOf(insert)).toMatchObject({ code: 'DB_ABORTED' })
    await before
    expect(await database.db.query('select id from item where id = 341')).toEqual([])
  })

  test('a transaction whose signal aborts is rolled back, whatever it is waiting for', async () => {
    const controller = new AbortController()
    const { promise: never } = Promise.withResolvers<void>()
    const transaction = database.db.transaction(
      async (tx) => {
        await tx.query('insert into item (id) values (331)')
        controller.abort()
        await never
      },
      { signal: controller.signal },
    )
    expect(await errorOf(transaction)).toMatchObject({ code: 'DB_ABORTED' })
    expect(await database.db.query('select id from item where id = 331')).toEqual([])
  })

  test('a tenant’s transaction knows its tenant, and nothing outside of it does', async () => {
    const tenant = `select coalesce(current_setting('cgk.tenant', true), '') as tenant`
    const inside = withTenantTransaction(database.db, 'rawdog', (tx) => tx.query(tenant))
    expect(await inside).toEqual([{ tenant: 'rawdog' }])
    expect(await database.db.query(tenant)).toEqual([{ tenant: '' }])
    const refused = withTenantTransaction(database.db, "a'; drop", () => expect.unreachable())
    expect(await errorOf(refused)).toMatchObject({ code: 'CORE_INVALID_TENANT_ID' })
  })

  test('a listener hears what is notified, until it stops', async () => {
    const heard: string[] = []
    const waiting: (() => void)[] = []
    const hear = (payload: string) => {
      heard.push(payload)
      waiting.shift()?.()
    }
    const notify = async (payload: string, channel = 'Jobs.ready') => {
      await database.db.query('select pg_notify($1, $2)', [channel, payload])
    }
    const next = () => new Promise<void>((resolve) => waiting.push(resolve))

    const stopFirst = await database.db.listen('Jobs.ready', { onNotify: hear })
    let arrived = next()
    await notify('one')
    await arrived

    const stopSecond = await database.db.listen('last', { onNotify: hear })
    await stopFirst()
    arrived = next()
    await notify('not heard')
    await notify('two', 'last')
    await arrived
    await stopSecond()
    expect(heard).toEqual(['one', 'two'])
  })

  test('a channel with a quote in its name is refused', async () => {
    const listening = database.db.listen('a"; drop', { onNotify: () => {} })
    expect(await errorOf(listening)).toMatchObject({ code: 'DB_INVALID_NAME' })
  })

  const item = pgTable('item', {
    id: bigint({ mode: 'bigint' }).primaryKey(),
    name: text(),
    data: jsonb(),
    at: timestamp({ withTimezone: true }),
  })

  test('drizzle-orm works in a transaction of ours, savepoints included', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z')
    const row = { id: 401n, name: 'x', data: { deep: ['a', 1] }, at }
    await database.db.transaction(async (tx) => {
      const orm = await drizzleOn(tx)
      await orm.insert(item).values(row)
      await orm
        .transaction(async (nested) => {
          await nested.insert(item).values({ id: 402n })
          nested.rollback()
        })
        .catch(() => {})
      expect(await orm.select().from(item)).toContainEqual(row)
    })
    expect(
      await database.db.query(
        `select id, data, extract(epoch from at) * 1000 = $1::bigint as "sameInstant"
        from item where id in (401, 402)`,
        [BigInt(at.getTime())],
      ),
    ).toEqual([{ id: 401n, data: '{"deep": ["a", 1]}', sameInstant: true }])
  })

  test('after drizzle-orm our own statements read as before', async () => {
    const values = 'select now() as t, 1::bigint as n, $1::text::jsonb as j'
    const [before] = await database.db.query(values, ['{}'])
    await database.db.transaction(async (tx) => {
      await (await drizzleOn(tx)).select().from(item)
      const [inside] = await tx.query(values, ['{}'])
      expect({ ...inside, t: typeof inside?.['t'] }).toEqual({ ...before, t: 'string' })
    })
  })
})

describe('on pglite', () => {
  const database = useDb('pglite')

  test('a call from inside a transaction is told, instead of waiting for ever', async () => {
    await database.db.transaction(async (tx) => {
      const inner = [
        database.db.query('select 1'),
        database.db.control.query('select 1'),
        database.db.transaction(async () => {}),
        database.db.pipeline([{ text: 'select 1' }]),
        database.db.listen('x', { onNotify: () => {} }),
      ]
      for (const error of await Promise.all(inner.map((call) => errorOf(call)))) {
        expect(error).toMatchObject({ code: 'DB_NESTED_IN_TRANSACTION' })
      }
      expect(await tx.query('select 1 as one')).toEqual([{ one: 1 }])
    })
  })

  test('calls that wait for each other let timers and sockets have their turn in between', async () => {
    let turns = 0
    let next: NodeJS.Immediate
    const count = (): void => {
      turns += 1
      next = setImmediate(count)
    }
    count()
    const calls = Array.from({ length: 10 }, () => database.db.query('select 1'))
    await Promise.all(calls)
    clearImmediate(next!)
    expect(turns).toBeGreaterThanOrEqual(calls.length)
  })

  test('what a transaction started may call once the transaction has ended', async () => {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    let late: Promise<unknown> | undefined
    await database.db.transaction(async () => {
      late = ended.then(() => database.db.query('select 1 as one'))
    })
    end()
    expect(await late).toEqual([{ one: 1 }])
  })

  test('a call that waits behind a transaction and is aborted never runs', async () => {
    const controller = new AbortController()
    let waiting: Promise<unknown> | undefined
    const { promise: open, resolve: finish } = Promise.withResolvers<void>()
    const transaction = database.db.transaction(() => open)
    waiting = errorOf(
      database.db.query('create table never (id int)', [], { signal: controller.signal }),
    )
    controller.abort()
    expect(await waiting).toMatchObject({ code: 'DB_ABORTED' })
    finish()
    await transaction
    expect(await database.db.query(`select to_regclass('never') as t`)).toEqual([{ t: null }])
  })

  test('a transaction of the caller’s drizzle-orm can be joined', async () => {
    const orm = drizzlePglite(database.pglite)
    await orm
      .transaction(async (tx) => {
        const joined = joinTransaction(tx)
        await joined.query('create table joined (id bigint, data jsonb)')
        await joined.query('insert into joined values ($1::bigint, $2::text::jsonb)', [
          1n,
          '{"a":1}',
        ])
        expect(await joined.query('select * from joined')).toEqual([{ id: 1n, data: '{"a": 1}' }])
        tx.rollback()
      })
      .catch(() => {})
    expect(await database.db.query(`select to_regclass('joined') as t`)).toEqual([{ t: null }])
  })
})

describe.each(SERVERS)('on %s', (kind) => {
  const database = useServer(kind)

  test('postgres.js works in a transaction of ours, with arrays and savepoints', async () => {
    await database.connect().transaction(async ({ driver }) => {
      if (driver.kind !== 'postgres') return expect.unreachable()
      const { sql } = driver
      const [row] = await sql`
        select ${[1, null, 3]}::int[] as ints, ${['a"', 'b\\', null]}::text[] as texts,
          '{t,f}'::boolean[] as flags, ${['5']}::bigint[] as bigs,
          ${new Date(0)}::timestamptz = 'epoch'::timestamptz as epoch,
          ${sql.json({ a: 1 })}::jsonb as json, '{{1},{2}}'::int[] as nested`
      expect(row).toEqual({
        ints: [1, null, 3],
        texts: ['a"', 'b\\', null],
        flags: [true, false],
        bigs: ['5'],
        epoch: true,
        json: { a: 1 },
        nested: [[1], [2]],
      })
      await sql`create temporary table t (id int) on commit drop`
      await sql
        .savepoint(async (nested) => {
          await nested`insert into t values (1)`
          throw new Error('back')
        })
        .catch(() => {})
      expect(await sql`select * from t where id = any(${[1, 2]})`).toHaveLength(0)
    })
  })

  test('a transaction of the caller’s can be joined, whatever the caller’s client makes of values', async () => {
    const options = {
      max: 1,
      onnotice: () => {},
      types: { bigint: { to: 20, from: [20], serialize: String, parse: () => 'parsed' } },
    }
    await using stack = new AsyncDisposableStack()
    const plain = postgres(database.url, { ...options, fetch_types: false })
    const changed = postgres(database.url, options)
    stack.defer(() => plain.end())
    stack.defer(() => changed.end())
    const orm = drizzlePostgres(changed)
    const check = async (tx: Parameters<typeof joinTransaction>[0]) => {
      const joined = joinTransaction(tx)
      const [row] = await joined.query(
        `select $1::bigint as id, $2::bigint[] as ids, $3::text[] as names, $4::text::jsonb as data,
          $5::boolean as flag, $6::timestamptz = now() as now`,
        [1n, [2n, null], ['a,b', null], '{"a":1}', true, new Date()],
      )
      expect(row).toMatchObject({
        id: 1n,
        ids: [2n, null],
        names: ['a,b', null],
        data: '{"a": 1}',
        flag: true,
      })
    }
    await plain.begin(check)
    await orm.transaction(check)

    const refused = orm.transaction((tx) =>
      errorOf(joinTransaction(tx).query('select $1::int', [SECRET])).then((error) => {
        expect(error).toMatchObject({ code: '22P02' })
        expect(error.message).not.toContain(SECRET)
        tx.rollback()
      }),
    )
    await expect(refused).rejects.toThrow()
  })

  test('a client outside of a transaction cannot be joined', () => {
    const sql = postgres(database.url, { max: 1 })
    expect(() => joinTransaction(sql as never)).toThrow('no transaction')
  })

  test('a client of the caller’s lends its server and credentials, and is not touched', async () => {
    const sql = postgres(database.url, { max: 1, connection: { application_name: 'theirs' } })
    const parsers = { ...sql.options.parsers }
    const serializers = { ...sql.options.serializers }
    {
      await using db = connectPostgres({ sql, applicationName: 'ours' })
      const named = `select current_database() as database, current_setting('application_name') as name`
      const [row] = await db.query(named)
      expect(row).toEqual({ database: new URL(database.url).pathname.slice(1), name: 'ours' })
      await db.transaction(async (tx) => void (await drizzleOn(tx)).execute('select 1'))
    }
    expect(sql.options.parsers).toEqual(parsers)
    expect(sql.options.serializers).toEqual(serializers)
    const [row] = await sql`select now() as now, 1::bigint as n`
    expect(row).toEqual({ now: expect.any(Date), n: '1' })
    await sql.end()
  })
})
