import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestDatabase, type TestDatabase } from '@cgk/test-servers'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scenarios } from '../src/scenarios/scenarios.ts'
import { findSystem } from '../src/systems/systems.ts'
import { bench, run, start } from './run-bench.ts'

const TIMEOUT_MS = 600_000
const tiny = ['--scale', '0.0001', '--runs', '1']

describe('bench with servers', { timeout: TIMEOUT_MS }, () => {
  // A server without fsync, of which others ask little: each run checkpoints. And a role of its own:
  // what it has left behind is its.
  const role = `bench_${randomBytes(6).toString('hex')}`
  let database: TestDatabase
  let sql: Sql
  let url = ''
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bench-'))
    database = await createTestDatabase('embedded')
    sql = postgres(database.url, { max: 1 })
    await sql.unsafe(`create role ${role} login superuser password '${role}'`)
    const own = new URL(database.url)
    own.username = role
    own.password = role
    url = own.href
  })
  afterAll(async () => {
    await sql.unsafe(`drop role ${role}`)
    await sql.end()
    await database[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  async function databasesLeft(): Promise<string[]> {
    const rows = await sql<{ name: string }[]>`
      select datname as name from pg_database join pg_roles on pg_roles.oid = datdba
      where rolname = ${role}`
    return rows.map(({ name }) => name)
  }

  // One peer through all, the others through what calls all that they do: each scenario takes seconds.
  it.each([
    ['graphile-worker:tuned', 'all'],
    ['pg-boss:default', 'enqueue'],
    ['pg-insert', 'all'],
    ['bullmq-pg', 'mixed'],
    ['bullmq', 'mixed'],
  ])('%s goes through %s that suits it', async (name, asked) => {
    const { environment, lines } = await bench([asked, ...tiny, '--systems', name], url)
    const system = findSystem(name)
    const suited = scenarios.filter(
      (scenario) =>
        (asked === 'all' || asked === scenario.name) &&
        scenario.cases({}).some((settings) => scenario.suits?.(system, settings) ?? true),
    )
    expect(suited).not.toEqual([])
    expect(new Set(lines.map((line) => line['scenario']))).toEqual(
      new Set(suited.map((scenario) => scenario.name)),
    )
    for (const packageName of system.packages) {
      expect(environment).toHaveProperty(['packages', packageName], expect.stringMatching(/^\d/))
    }
    expect(environment).toHaveProperty(
      system.server === 'redis' ? ['redis'] : ['postgres', 'fsync'],
    )
    const costs = lines.map((line) => line['metric'])
    expect(costs).toContain('cpuMicrosecondsPerJob')
    if (system.server === 'postgres') expect(costs).toContain('walBytesPerJob')
    if (process.platform === 'linux') expect(costs).toContain('serverCpuMicrosecondsPerJob')
    expect(await databasesLeft()).toEqual([])
  })

  it('says where our package is looked for and not found', async () => {
    const failure: unknown = await bench(
      ['drain', ...tiny, '--systems', `cgk-postgres=${folder}`],
      url,
    ).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      stderr: expect.stringContaining(`there is no packages/jobs-postgres in ${folder}`) as string,
    })
  })

  it('a run that takes too long leaves no database behind', async () => {
    const failure: unknown = await bench(
      ['latency', '--jobs', '100000', '--runs', '1', '--timeout', '5', '--systems', 'bullmq-pg'],
      url,
    ).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      stderr: expect.stringContaining('was stopped by SIGKILL') as string,
    })
    expect(await databasesLeft()).toEqual([])
  })

  it('a run whose benchmark was killed drops its database and ends', async () => {
    const args = ['latency', '--jobs', '100000', '--runs', '1', '--systems', 'bullmq-pg']
    const killed = start(args, url)
    await expect.poll(databasesLeft, { timeout: TIMEOUT_MS }).not.toEqual([])
    killed.kill('SIGKILL')
    await expect.poll(databasesLeft, { timeout: TIMEOUT_MS }).toEqual([])
  })

  async function printed(args: readonly string[]): Promise<string> {
    // Rows that fall short end it with 1.
    const { stdout } = (await run(args, url).catch((error: unknown) => error)) as {
      readonly stdout: string
    }
    return stdout
  }

  it('the table judges its rows, writes a page of one file, and measures none twice', async () => {
    const args = ['table', '--ours', 'graphile-worker:default', '--rows', 'drain,wal', ...tiny]
    const table = (): Promise<string> => printed([...args, '--folder', folder])
    const first = await table()
    const verdicts = first.match(/^(REACHES THE AIM|PASSES|FALLS SHORT) {2}/gm)
    expect(verdicts).toHaveLength(3)
    expect(first).toMatch(/graphile-worker:tuned .* jobs\/s +WAL .* server .* worker /)
    const page = await readFile(join(folder, 'table.html'), 'utf8')
    expect(page).toContain('drain of 300,000 no-op jobs')
    expect(page).toContain('<h1>@cgk/jobs on Postgres ')
    expect(page.match(/<svg/g)).toHaveLength(4)
    expect(page).not.toMatch(/(src|href)="|@import|url\((?!#)/)
    expect(await readFile(join(folder, 'table.svg'), 'utf8')).toMatch(/^<svg/)
    const figures = await readFile(join(folder, 'figures.json'), 'utf8')
    expect(await table()).toBe(first)
    expect(await readFile(join(folder, 'figures.json'), 'utf8')).toBe(figures)
  })

  it('the table of Redis judges ours on each kind of server, and ours against itself', async () => {
    const redisFolder = join(folder, 'redis')
    const asked = 'table --store redis --rows drain,backlog,memory --scale 0.001 --runs 1'
    const text = await printed([...asked.split(' '), '--folder', redisFolder])
    expect(text.match(/^(REACHES THE AIM|PASSES|FALLS SHORT) {2}/gm)).toHaveLength(5)
    const measured = [...text.matchAll(/^ {4}(.*?) {2}/gm)].map(([, name]) => name)
    expect(measured).toEqual([
      'cgk-redis',
      'bullmq',
      'cgk-redis:aof',
      'bullmq:aof',
      'cgk-redis, 600,000 waiting',
      'cgk-redis, 300,000 waiting',
      'cgk-redis, 300,000 waiting',
      'cgk-redis, 300,000 waiting, 300,000 delayed',
      'cgk-redis',
      'bullmq',
    ])
    const page = await readFile(join(redisFolder, 'table.html'), 'utf8')
    expect(page).toContain('<h1>@cgk/jobs on Redis ')
    expect(await readFile(join(redisFolder, 'table.svg'), 'utf8')).toContain('@cgk/jobs on Redis: ')
  })
})
