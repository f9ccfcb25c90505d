import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { connectPostgres, createMigrator, type Migration } from '../src/index.ts'
import { errorOf } from './support/error-of.ts'
import { DATABASES, SERVERS, useDb } from './support/use-db.ts'

const FIRST: Migration = {
  name: 'create-thing',
  // Not repeatable: a second run would fail.
  sql: `create table thing (id bigint primary key);
    create function things() returns bigint language sql set search_path from current
      as 'select count(*) from thing';`,
}
const SECOND: Migration = {
  name: 'name-things',
  sql: `alter table thing add name text; insert into thing values (1, 'it''s; \\ $$ fine');`,
}

describe.each(DATABASES)('on %s', (kind) => {
  const database = useDb(kind)
  let counter = 0
  let schema: string
  beforeEach(() => {
    counter += 1
    schema = `s${counter}`
  })
  const migrator = (migrations: readonly Migration[], name = schema) =>
    createMigrator({ db: database.db, schema: name, migrations })

  test('what is pending runs once, in order, in the schema', async () => {
    expect(await migrator([FIRST, SECOND]).status()).toEqual({
      version: 0,
      wanted: 2,
      pending: [FIRST, SECOND],
      drifted: [],
      isOlder: true,
      isNewer: false,
    })
    await migrator([FIRST]).up()
    const done = await migrator([FIRST, SECOND]).up()
    expect(done).toMatchObject({ version: 2, pending: [], isOlder: false, isNewer: false })
    expect(await migrator([FIRST, SECOND]).up()).toEqual(done)
    expect(
      await database.db.query(`select id, name, ${schema}.things() as n from ${schema}.thing`),
    ).toEqual([{ id: 1n, name: String.raw`it's; \ $$ fine`, n: 1n }])
  })

  test('ten that begin at once run each migration once', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => migrator([FIRST, SECOND]).up()))
    expect(all.map(({ version }) => version)).toEqual(Array.from({ length: 10 }, () => 2))
    expect(await database.db.query(`select version from ${schema}.migration`)).toHaveLength(2)
  })

  test('a migration that fails leaves nothing of itself, and the schema where it was', async () => {
    const broken = { name: 'broken', sql: 'create table half (id int); select 1/0;' }
    expect(await errorOf(migrator([FIRST, broken, SECOND]).up())).toMatchObject({ code: '22012' })
    expect(await migrator([FIRST, broken, SECOND]).status()).toMatchObject({ version: 1 })
    expect(await database.db.query('select to_regclass($1) as t', [`${schema}.half`])).toEqual([
      { t: null },
    ])
  })

  test('the plan is what would run, and runs nothing', async () => {
    const plan = await migrator([FIRST, SECOND]).plan()
    expect(await migrator([FIRST, SECOND]).status()).toMatchObject({ version: 0 })
    expect(
      await database.db.query('select 1 from pg_namespace where nspname = $1', [schema]),
    ).toEqual([])

    await database.db.transaction((tx) => tx.runScript(plan.replaceAll(/^(begin|commit);$/gm, '')))
    expect(await migrator([FIRST, SECOND]).status()).toMatchObject({ version: 2, drifted: [] })
    expect(await migrator([FIRST, SECOND]).plan()).toBe('')
  })

  test('a schema ahead of the code is left alone', async () => {
    await migrator([FIRST, SECOND]).up()
    const older = migrator([FIRST])
    expect(await older.status()).toMatchObject({
      isNewer: true,
      isOlder: false,
      version: 2,
      wanted: 1,
    })
    for (const call of [() => older.up(), () => older.plan()]) {
      expect(await errorOf(call())).toMatchObject({ code: 'DB_MIGRATION_NEWER', retryable: false })
    }
  })

  test('a migration that ran with another text is found, line ends aside', async () => {
    const lines = { name: 'lines', sql: 'select 1;\nselect 2;' }
    await migrator([FIRST, lines]).up()
    const elsewhere = { ...lines, sql: lines.sql.replaceAll('\n', '\r\n') }
    expect(await migrator([FIRST, elsewhere]).up()).toMatchObject({ drifted: [] })

    const changed = migrator([FIRST, { ...lines, sql: 'select 3;' }, SECOND])
    expect(await changed.status()).toMatchObject({ drifted: ['lines'] })
    expect(await errorOf(changed.up())).toMatchObject({ code: 'DB_MIGRATION_DRIFT' })
    expect(await migrator([FIRST, lines]).status()).toMatchObject({ version: 2 })
  })

  test.each(["o'brien", 'a$$b', 'a$cgk$b', 'Mixed Case', '"quoted"', 'back\\slash', 'ünï'])(
    'a schema may be called %s',
    async (name) => {
      await migrator([FIRST, SECOND], name).up()
      const plan = await migrator([FIRST, SECOND, { name: 'more', sql: 'select 1;' }], name).plan()
      expect(plan).toContain('select 1;')
      const tables = `select tablename from pg_tables where schemaname = $1 order by 1`
      expect(await database.db.query(tables, [name])).toEqual([
        { tablename: 'migration' },
        { tablename: 'thing' },
      ])
    },
  )

  test.each(['', 'a\nb', 'a\0b', 'x'.repeat(64), 'pg_mine', 'information_schema', '\ud800'])(
    'a schema may not be called %j',
    (name) => {
      expect(() => migrator([FIRST], name)).toThrow(
        expect.objectContaining({ code: 'DB_INVALID_NAME' }),
      )
    },
  )

  test('a temporary table of the session does not stand in for one of the schema', async () => {
    await migrator([FIRST]).up()
    await database.db.transaction(async (tx) => {
      await tx.runScript('create temporary table thing (id bigint) on commit drop')
      await tx.query('insert into thing values (1)')
      expect(await tx.query(`select ${schema}.things() as n`)).toEqual([{ n: 0n }])
    })
  })

  test('what a migration sets ends with it', async () => {
    await migrator([FIRST]).up()
    const [row] = await database.db.query(`select current_setting('search_path') as path`)
    expect(row?.['path']).not.toContain(schema)
  })
})

describe.each(SERVERS)('on %s', (kind) => {
  const database = useDb(kind)

  test('a migration waits for a lock only so long, and goes on when it is free', async () => {
    const migrations = [FIRST, SECOND]
    const options = { db: database.db, schema: 'locked', lockTimeoutMs: 50 }
    await createMigrator({ ...options, migrations: [FIRST] }).up()

    const held = Promise.withResolvers<void>()
    const holding = Promise.withResolvers<void>()
    const holder = database.db.transaction(async (tx) => {
      await tx.query('select 1 from locked.thing')
      holding.resolve()
      await held.promise
    })
    await holding.promise
    const impatient = createMigrator({ ...options, migrations, attempts: 2 }).up()
    expect(await errorOf(impatient)).toMatchObject({ code: '55P03', retryable: true })

    const patient = createMigrator({ ...options, migrations, attempts: 100 }).up()
    held.resolve()
    await holder
    expect(await patient).toMatchObject({ version: 2 })
  })

  test('whoever may not create schemas can migrate one that is there', async () => {
    const role = `migrator_${randomBytes(6).toString('hex')}`
    await database.db.transaction((tx) =>
      tx.runScript(`create role ${role}; create schema given authorization ${role};`),
    )
    try {
      await using db = connectPostgres({ url: `${database.url}?role=${role}` })
      const migrate = (schema: string) => createMigrator({ db, schema, migrations: [FIRST] }).up()
      expect(await migrate('given')).toMatchObject({ version: 1 })
      expect(await errorOf(migrate('other'))).toMatchObject({ code: '42501' })
    } finally {
      await database.db.transaction((tx) =>
        tx.runScript(`drop schema given cascade; drop role ${role};`),
      )
    }
  })
})
