import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createTestDatabase, PostgresProxy, type TestDatabase } from '../src/index.ts'
import { Replies } from '../src/replies.ts'

vi.setConfig({ hookTimeout: 120_000 })

const LOST = { code: 'CONNECTION_CLOSED' }

let database: TestDatabase
let direct: postgres.Sql
let table: string
let counter = 0
beforeAll(async () => {
  database = await createTestDatabase('local')
  direct = postgres(database.url, { max: 1, onnotice: () => {} })
})
beforeEach(async () => {
  counter += 1
  table = `t${counter}`
  await direct.unsafe(
    `create table ${table} (id int primary key, other int references ${table} deferrable initially deferred)`,
  )
})
afterAll(async () => {
  await direct.end()
  await database[Symbol.asyncDispose]()
})

async function start(): Promise<{
  readonly proxy: PostgresProxy
  readonly sql: postgres.Sql
  readonly ids: () => Promise<readonly unknown[]>
  [Symbol.asyncDispose](): Promise<void>
}> {
  const proxy = await PostgresProxy.start(database.url)
  const sql = postgres(proxy.url, { max: 1, onnotice: () => {} })
  return {
    proxy,
    sql,
    ids: async () => (await direct.unsafe(`select id from ${table}`)).map((row) => row['id']),
    [Symbol.asyncDispose]: async () => {
      await sql.end({ timeout: 1 })
      await proxy[Symbol.asyncDispose]()
    },
  }
}

test('a client is cut off when its transaction has been committed, and not told so', async () => {
  await using network = await start()
  const cut = network.proxy.cutAfter('COMMIT')
  const transaction = network.sql.begin((sql) => sql.unsafe(`insert into ${table} values (1)`))
  await expect(transaction).rejects.toMatchObject(LOST)
  await cut
  expect(await network.ids()).toEqual([1])
  await network.sql.begin((sql) => sql.unsafe(`insert into ${table} values (2)`))
})

test.each(['simple', 'extended'])(
  'a statement that commits by itself is cut off as well, by the %s protocol',
  async (protocol) => {
    await using network = await start()
    const cut = network.proxy.cutAfter('INSERT')
    const text = `insert into ${table} values (1)`
    const insert = network.sql.unsafe(text, [], { prepare: protocol === 'extended' })
    await expect(insert).rejects.toMatchObject(LOST)
    await cut
    expect(await network.ids()).toEqual([1])
  },
)

test('what is not committed yet, or not at all, is told', async () => {
  await using network = await start()
  const cut = network.proxy.cutAfter('INSERT')
  await network.sql.begin((sql) => sql.unsafe(`insert into ${table} values (1)`))
  const refused = network.sql.unsafe(`insert into ${table} values (2, 3)`, [], { prepare: true })
  await expect(refused).rejects.toMatchObject({ code: '23503' })
  const failed = network.sql.begin(async (sql) => {
    await sql.unsafe(`insert into ${table} values (4)`)
    await sql.unsafe('select 1/0').catch(() => {})
  })
  await failed.catch(() => {})
  expect(await network.ids()).toEqual([1])

  const last = network.sql.unsafe(`insert into ${table} values (5)`)
  await expect(last).rejects.toMatchObject(LOST)
  await cut
})

test('a commit that becomes a rollback is told', async () => {
  await using network = await start()
  void network.proxy.cutAfter('COMMIT')
  const text = `begin; insert into ${table} values (1); select 1/0`
  await expect(network.sql.unsafe(text)).rejects.toMatchObject({ code: '22012' })
  expect(await network.sql.unsafe('commit')).toMatchObject({ command: 'ROLLBACK' })
})

test('how the answer is divided on its way does not matter', () => {
  const message = (type: string, body: string) => {
    const bytes = Buffer.from(`${type}0000${body}`, 'latin1')
    bytes.writeUInt32BE(bytes.length - 1, 1)
    return bytes
  }
  const data = message('D', 'row')
  const complete = Buffer.concat([message('C', 'COMMIT\0'), message('N', ''), message('Z', 'I')])
  const all = Buffer.concat([data, complete])
  for (const size of [1, 2, 7, all.length]) {
    const replies = new Replies()
    const taken = []
    for (let at = 0; at < all.length; at += size) {
      taken.push(...replies.take(all.subarray(at, at + size)))
    }
    expect(taken).toEqual([
      { bytes: data, committed: [] },
      { bytes: complete, committed: ['COMMIT'] },
    ])
  }
})
