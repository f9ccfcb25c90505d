import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestDatabase, type TestDatabase } from '@cgk/test-servers'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runToEnd } from './worker-process.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cgk-worker-'))
})

afterAll(() => rm(folder, { recursive: true }))

/** Runs a command without a config file, to its end. */
async function cgkWorker(
  ...args: readonly string[]
): Promise<{ exitCode: number | null; out: readonly string[]; errors: readonly string[] }> {
  const { worker, exitCode } = await runToEnd(args, { cwd: folder })
  return { exitCode, out: worker.stdout, errors: worker.stderr }
}

describe.each(['postgres', 'pglite'] as const)('a new database on %s', (kind) => {
  let url: string
  let database: TestDatabase | undefined

  beforeAll(async () => {
    if (kind === 'postgres') database = await createTestDatabase('local')
    url = database?.url ?? 'pglite:./db'
  })

  afterAll(() => database?.[Symbol.asyncDispose]())

  test('is migrated by migrate up, which status, plan and doctor tell before and after', async () => {
    const before = await cgkWorker('migrate', 'status', '--store', url)
    expect(before.exitCode).toBe(1)
    expect(before.out).toEqual([
      expect.stringMatching(/^default: schema version 0 of (\d+); pending: 0001-tables, /),
    ])
    const wanted = /of (\d+)/.exec(before.out[0]!)![1]!

    const plan = await cgkWorker('migrate', 'plan', '--store', url)
    expect(plan.exitCode).toBe(0)
    expect(plan.out[0]).toBe('-- 1: 0001-tables')
    expect(plan.out.filter((line) => line === 'commit;')).toHaveLength(Number(wanted))

    const ill = await cgkWorker('doctor', '--store', url)
    expect(ill.exitCode).toBe(1)
    expect(ill.out).toContain(`  error    schema: schema jobs is at version 0 of ${wanted}`)
    expect(ill.out).toContain('           run cgk-worker migrate up')

    const up = await cgkWorker('migrate', 'up', '--store', url)
    expect(up).toEqual({
      exitCode: 0,
      out: [`default: schema version ${wanted} of ${wanted}`],
      errors: [],
    })
    expect(await cgkWorker('migrate', 'up', '--store', url)).toEqual(up)
    expect(await cgkWorker('migrate', 'status', '--store', url)).toEqual(up)
    expect((await cgkWorker('migrate', 'plan', '--store', url)).out).toEqual([
      '-- the store default is up to date',
    ])

    const well = await cgkWorker('doctor', '--store', url)
    expect(well.exitCode).toBe(0)
    expect(well.out[0]).toBe(`default (${kind})`)
    expect(well.out).toContain(`  ok       schema: jobs, version ${wanted}`)
    expect(well.out).toContain('  ok       privileges: all that a worker needs')
    expect(well.out.filter((line) => line.startsWith('  error'))).toEqual([])
    const warning = '  warning  durability: PGlite does not wait for the disk: '
    expect(well.out.some((line) => line.startsWith(warning))).toBe(kind === 'pglite')
  })
})

describe('on Postgres', () => {
  let database: TestDatabase
  let sql: postgres.Sql

  beforeAll(async () => {
    database = await createTestDatabase('local')
    sql = postgres(database.url, { max: 1, onnotice: () => {} })
  })

  afterAll(async () => {
    await sql.end()
    await database[Symbol.asyncDispose]()
  })

  const schema = (name: string): string => `${database.url}?schema=${name}`

  test('what plan prints is what up would run', async () => {
    const { out } = await cgkWorker('migrate', 'plan', '--store', schema('by_hand'))
    await sql.unsafe(out.join('\n'))
    expect((await cgkWorker('migrate', 'status', '--store', schema('by_hand'))).exitCode).toBe(0)
  })

  test('any number of processes may migrate at once', async () => {
    const up = (): Promise<{ exitCode: number | null }> =>
      cgkWorker('migrate', 'up', '--store', schema('at_once'))
    const codes = (await Promise.all([up(), up(), up()])).map(({ exitCode }) => exitCode)
    expect(codes).toEqual([0, 0, 0])
  })

  test('a schema of a newer version is left alone', async () => {
    await cgkWorker('migrate', 'up', '--store', schema('newer'))
    await sql`insert into newer.migration select max(version) + 1, 'of tomorrow', '' from newer.migration`
    const status = await cgkWorker('migrate', 'status', '--store', schema('newer'))
    expect(status.exitCode).toBe(1)
    expect(status.out).toEqual([expect.stringContaining('newer than this program: update it')])
    const up = await cgkWorker('migrate', 'up', '--store', schema('newer'))
    expect(up.exitCode).toBe(4)
    expect(up.errors).toEqual([expect.stringContaining('update the code')])
    expect((await cgkWorker('doctor', '--store', schema('newer'))).out).toContain(
      '           update this program',
    )
  })

  test('missing privileges are named, and those of a worker are enough', async () => {
    const role = `t_${Math.random().toString(36).slice(2, 10)}`
    const url = new URL(schema('guarded'))
    url.username = role
    await sql.unsafe(`create role ${role} login`)
    try {
      const forbidden = await cgkWorker('migrate', 'up', '--store', url.href)
      expect(forbidden.exitCode).toBe(4)
      expect(forbidden.errors).toEqual([
        expect.stringMatching(
          /^cgk-worker: the store default: the role lacks a privilege: permission denied for database .* \(SQLSTATE 42501\); cgk-worker doctor says which it needs$/,
        ),
      ])
      const outside = await cgkWorker('doctor', '--store', url.href)
      expect(outside.exitCode).toBe(1)
      expect(outside.out).toContain('  error    privileges: missing: create on the database')

      await cgkWorker('migrate', 'up', '--store', schema('guarded'))
      const stranger = await cgkWorker('doctor', '--store', url.href)
      expect(stranger.exitCode).toBe(1)
      expect(stranger.out).toContainEqual(
        expect.stringMatching(/^ {2}error {4}privileges: missing: usage of the schema, /),
      )

      await sql.unsafe(`grant usage on schema guarded to ${role};
        grant select on guarded.migration, guarded.queue, guarded.schedule, guarded.job_group to ${role};
        grant delete on guarded.schedule to ${role};
        grant execute on all functions in schema guarded to ${role}`)
      expect((await cgkWorker('doctor', '--store', url.href)).exitCode).toBe(0)
    } finally {
      await sql.unsafe(`drop owned by ${role}; drop role ${role}`)
    }
  })

  test('settings that lose jobs are a warning', async () => {
    const { pathname } = new URL(database.url)
    await sql.unsafe(`alter database "${pathname.slice(1)}" set synchronous_commit = off`)
    const { out } = await cgkWorker('doctor', '--store', database.url)
    expect(out).toContain(
      '  warning  durability: off: synchronous_commit; a crash may lose jobs that were acknowledged',
    )
  })
})

const NOBODY = 'postgres://app:hush@127.0.0.1:1/shop'

test.each([
  [
    ['migrate', 'up', '--store', NOBODY],
    4,
    /^cgk-worker: the store default: .* not reached: .*ECONNREFUSED/,
  ],
  [['doctor', '--store', NOBODY], 1, /^ {2}error {4}connection: .* not reached: .*ECONNREFUSED/],
  [['migrate', 'up', '--store', 'mysql://app:hush@h'], 2, /the store URL scheme mysql: is not/],
  [['doctor', '--store', 'postgres:hush'], 2, /opens URLs like postgres:\/\/user:password@host/],
  [['doctor', '--store', 'postgres://app:hush@h/d?schema=pg_x'], 2, /"pg_x" is not a schema/],
  [['migrate', 'up', '--store', 'memory:'], 2, /the store default has no schema to migrate/],
  [['doctor', '--store', 'memory:'], 0, /a memory: store has no schema and no server/],
  [['migrate', 'sideways'], 2, /Allowed choices are up, status, plan/],
])('%j ends with %i and one line that says why', async (args, code, why) => {
  const { exitCode, out, errors } = await cgkWorker(...args)
  expect(exitCode).toBe(code)
  const said = [...out, ...errors].filter(
    (line) => line !== 'default (postgres)' && line !== 'default',
  )
  expect(said).toEqual([expect.stringMatching(why)])
  expect(said.join('\n')).not.toContain('hush')
})
