import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { openPglite } from '../src/index.ts'
import { errorOf } from './support/error-of.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const INDEX = join(import.meta.dirname, '../src/index.ts')

let root: string
let template: string
const children = new Set<ChildProcess>()

// Creating a database takes seconds, copying one does not.
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'cgk-pglite-'))
  template = join(root, 'template')
  await using db = await openPglite(template)
  await db.query('create table item (id bigint primary key, text text)')
})

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
})

afterAll(() => rm(root, { recursive: true, force: true }))

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(root, 'db-'))
  await cp(template, directory, { recursive: true })
  return directory
}

/** Runs a program that has `openPglite` and the directory, in a process of its own. */
function run(
  directory: string,
  program: string,
): {
  readonly lines: AsyncIterator<string>
  readonly pid: number
  kill(): Promise<void>
} {
  const text = `
    import { openPglite } from ${JSON.stringify(INDEX)}
    const directory = ${JSON.stringify(directory)}
    ${program}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  return {
    lines: createInterface(child.stdout)[Symbol.asyncIterator](),
    pid: child.pid ?? 0,
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

test('a database in memory is gone when it is closed', async () => {
  const first = await openPglite()
  await first.query('create table item (id int)')
  await first.close()
  expect(await errorOf(first.query('select 1'))).toMatchObject({ code: 'DB_CLOSED' })
  await using second = await openPglite()
  expect(await second.query(`select to_regclass('item') as item`)).toEqual([{ item: null }])
})

describe('a database in a directory', () => {
  test('that is idle keeps no process alive, however long it was used', async () => {
    const directory = await newDirectory()
    const { lines } = run(
      directory,
      `const db = await openPglite(directory)
      const loop = setInterval(() => db.query('select 1'), 100)
      // Longer than Postgres waits until it writes its statistics.
      setTimeout(() => (clearInterval(loop), console.log('done')), 12_000)`,
    )
    expect(await lines.next()).toEqual({ done: false, value: 'done' })
    expect(await lines.next()).toMatchObject({ done: true })
  })

  test('keeps what was committed before kill -9 in the middle of writing', async () => {
    const directory = await newDirectory()
    const writer = run(
      directory,
      `const db = await openPglite(directory)
      for (let id = 1; ; id += 1) {
        await db.transaction(async (tx) => {
          await tx.query('insert into item values ($1::bigint, $2)', [id, 'x'.repeat(2000)])
          await tx.query('insert into item values ($1::bigint, $2)', [-id, 'x'])
        })
        console.log(id)
      }`,
    )
    let written = 0
    while (written < 200) written = Number((await writer.lines.next()).value)
    await writer.kill()

    await using db = await openPglite(directory)
    const [row] = await db.query<{ positive: bigint; negative: bigint; most: bigint }>(
      `select count(*) filter (where id > 0) as positive, count(*) filter (where id < 0) as negative,
        max(id) as most from item`,
    )
    expect(row?.most).toBeGreaterThanOrEqual(written)
    expect(row).toEqual({ positive: row?.most, negative: row?.most, most: row?.most })
    await db.query('insert into item values (0)')
  })

  test('is refused to a second process, which is told who has it', async () => {
    const directory = await newDirectory()
    const owner = run(
      directory,
      `await openPglite(directory); console.log('open'); setInterval(() => {}, 1000)`,
    )
    await owner.lines.next()
    const refused = await errorOf(openPglite(directory))
    expect(refused).toMatchObject({ code: 'DB_DIRECTORY_IN_USE', retryable: false })
    expect(refused.message).toContain(`process ${owner.pid}`)

    await owner.kill()
    await using db = await openPglite(directory)
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('is refused to the process that has it open already', async () => {
    const directory = await newDirectory()
    await using db = await openPglite(directory)
    const refused = await errorOf(openPglite(directory))
    expect(refused).toMatchObject({ code: 'DB_DIRECTORY_IN_USE' })
    expect(refused.message).toContain('this process')
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('opens again after it was closed, and refuses calls in between', async () => {
    const directory = await newDirectory()
    const first = await openPglite(directory)
    const under = first.query('insert into item values (1)')
    await first.close()
    await under
    await first.close()
    expect(await errorOf(first.query('select 1'))).toMatchObject({ code: 'DB_CLOSED' })
    await using second = await openPglite(directory)
    expect(await second.query('select id from item')).toEqual([{ id: 1n }])
  })

  test('of another major version says so', async () => {
    const directory = await newDirectory()
    await writeFile(join(directory, 'data', 'PG_VERSION'), '17\n')
    const refused = await errorOf(openPglite(directory))
    expect(refused).toMatchObject({ code: 'DB_FORMAT_MISMATCH', retryable: false })
    expect(refused.message).toMatch(/Postgres 17, and this PGlite is Postgres \d+/)
    // Nobody keeps a directory that did not open.
    expect((await readdir(directory)).filter((name) => name.startsWith('owner-'))).toEqual([])
  })

  test('whose creation was interrupted is created anew', async () => {
    const directory = await newDirectory()
    await rm(join(directory, 'data', 'global'), { recursive: true })
    await writeFile(join(directory, 'unfinished'), '')
    await using db = await openPglite(directory)
    expect(await db.query(`select to_regclass('item') as item`)).toEqual([{ item: null }])
    expect(await readdir(directory)).not.toContain('unfinished')
  })
})
