import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import postgres from 'postgres'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  createTestInstance,
  createTestPair,
  type PostgresInstance,
  type PostgresKind,
  type PostgresPair,
  type StopMode,
} from '../src/index.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const KINDS: readonly PostgresKind[] = ['local', 'embedded']
const MODES: readonly StopMode[] = ['fast', 'immediate', 'kill']

function connectTo(url: string): postgres.Sql {
  return postgres(url, { max: 1, connect_timeout: 1, onnotice: () => {} })
}

describe.each(KINDS)('a server of one’s own, %s', (kind) => {
  let server: PostgresInstance | undefined
  beforeEach(async ({ skip }) => {
    server ??= await createTestInstance(kind, skip)
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  const url = () => server?.url ?? ''

  test.each(MODES)('that ends by %s has what was committed when it starts again', async (mode) => {
    const before = connectTo(url())
    await before.unsafe(`create table ${mode} (id int)`)
    await before.unsafe(`insert into ${mode} values (1)`)
    const open = before.unsafe(`begin; insert into ${mode} values (2); select pg_sleep(600)`)
    open.catch(() => {}) // The driver does not always tell of a lost connection.
    const other = connectTo(url())
    await vi.waitFor(async () => {
      const text = `select 1 from pg_stat_activity where wait_event = 'PgSleep'`
      expect(await other.unsafe(text)).toHaveLength(1)
    })
    await server?.stop(mode)
    await expect(connectTo(url())`select 1`).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await server?.start()
    expect(await other.unsafe(`select id from ${mode}`)).toEqual([{ id: 1 }])
    await Promise.all([before.end({ timeout: 0 }), other.end({ timeout: 0 })])
  })

  test('that is paused answers nobody until it goes on', async () => {
    const before = connectTo(url())
    await before`select 1`
    await server?.pause()
    let hasAnswered = false
    const answer = before`select 1 as one`.finally(() => (hasAnswered = true))
    await expect(connectTo(url())`select 1`).rejects.toMatchObject({ code: 'CONNECT_TIMEOUT' })
    expect(hasAnswered).toBe(false)
    server?.resume()
    expect(await answer).toEqual([{ one: 1 }])
    await before.end()
  })

  test.each(MODES)('that is paused ends by %s as well', async (mode) => {
    await server?.pause()
    await server?.stop(mode)
    await server?.start()
    const sql = connectTo(url())
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
    await sql.end()
  })
})

describe.each(KINDS)('a primary and its standby, %s', (kind) => {
  let pair: PostgresPair | undefined
  beforeEach(async ({ skip }) => {
    pair ??= await createTestPair(kind, skip)
  })
  afterAll(() => pair?.[Symbol.asyncDispose]())

  test('the standby follows, only reads, and takes over when the primary was killed', async () => {
    const { primary, standby } = pair ?? expect.unreachable()
    const first = connectTo(primary.url)
    const second = connectTo(standby.url)
    await first`alter system set synchronous_standby_names = '*'`
    await first`alter system set synchronous_commit = 'remote_apply'`
    await first`select pg_reload_conf()`
    await vi.waitFor(async () => {
      const text = `select 1 from pg_stat_replication where sync_state = 'sync'`
      expect(await first.unsafe(text)).toHaveLength(1)
    })
    await first`create table kept (id int)`
    await first`insert into kept values (1)`
    expect(await second`select id from kept`).toEqual([{ id: 1 }])
    await expect(second`insert into kept values (2)`).rejects.toMatchObject({ code: '25006' })

    await primary.stop('kill')
    await standby.promote()
    await second`insert into kept values (2)`
    expect(await second`select id from kept order by id`).toEqual([{ id: 1 }, { id: 2 }])
    await Promise.all([first.end(), second.end()])
  })
})

test.each(['running', 'paused'])(
  'a %s server is gone, and its folder, when the process that started it was killed',
  async (state) => {
    const module = join(import.meta.dirname, '../src')
    const program = `
      import { embeddedBinaries } from ${JSON.stringify(join(module, 'postgres-binaries.ts'))}
      import { PostgresInstance } from ${JSON.stringify(join(module, 'postgres-instance.ts'))}
      import postgres from ${JSON.stringify(import.meta.resolve('postgres'))}
      const server = await PostgresInstance.start(await embeddedBinaries())
      const sql = postgres(server.url, { max: 1 })
      const [{ folder }] = await sql\`select current_setting('data_directory') as folder\`
      if (${JSON.stringify(state)} === 'paused') await server.pause()
      console.log(JSON.stringify({ url: server.url, folder }))`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const { url, folder } = JSON.parse(line) as { url: string; folder: string }
    expect(existsSync(folder)).toBe(true)
    child.kill('SIGKILL')
    await vi.waitFor(() => expect(existsSync(join(folder, '..'))).toBe(false), 30_000)
    await expect(connectTo(url)`select 1`).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  },
)
