import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  createTestDatabase,
  createTestInstance,
  createTestRedisInstance,
  type PostgresInstance,
} from '@cgk/test-servers'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jobLines, type LogLine, runToEnd, WorkerProcess } from './worker-process.ts'

/** Where the adapter of Redis is found. */
const REDIS_PACKAGE = fileURLToPath(new URL('../../../packages/jobs-redis', import.meta.url))

const CONFIG = `export default {
  jobs: [{ name: 'greet', handler: () => (console.log('greeted'), { success: true }) }],
}`

const GREET = jobLines({ name: 'greet', payload: {} })

let folder: string
let config: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cgk-worker-'))
  config = join(folder, 'jobs.config.mjs')
  await writeFile(config, CONFIG)
})

afterAll(() => rm(folder, { recursive: true }))

/** A worker that tells of each try, and ends when it has greeted somebody. */
function startWorker(store: string, ...more: readonly string[]): WorkerProcess {
  const args = ['run', '--config', config, '--store', store, '--log-level', 'debug']
  return new WorkerProcess([...args, '--file', '-', '--until-idle', ...more], {
    cwd: store.startsWith('redis:') ? REDIS_PACKAGE : folder,
    input: GREET,
  })
}

/** Resolves when the worker has tried several times. */
async function hasTriedAgain(worker: WorkerProcess): Promise<void> {
  await worker.until(() => (triesOf(worker).length >= 3 ? true : undefined))
}

function triesOf({ log }: WorkerProcess): readonly LogLine[] {
  return log.filter(({ msg }) => String(msg).startsWith('still:'))
}

/** What the worker says without being asked for details. */
function saidBy({ log }: WorkerProcess): readonly unknown[] {
  return log.filter(({ level }) => Number(level) > 20).map(({ msg }) => msg)
}

const STARTED = ['the stores answer', 'worker started', 'the file is in', 'worker stopped']

describe('a Postgres server that is down at the start', () => {
  let server: PostgresInstance

  beforeAll(async () => {
    server = await createTestInstance('local', (reason) => {
      throw new Error(reason)
    })
  })

  afterAll(() => server[Symbol.asyncDispose]())

  test('is one line, and the worker goes on by itself once it is up', async () => {
    await server.stop('fast')
    await using worker = startWorker(server.url)
    await hasTriedAgain(worker)
    await server.start()
    expect(await worker.exitCode()).toBe(0)
    expect(worker.printed).toEqual(['greeted'])
    expect(saidBy(worker)).toEqual([
      expect.stringMatching(
        /^the store default \(postgres\) cannot be used: .*ECONNREFUSED 127\.0\.0\.1:\d+; tried again until it can$/,
      ),
      ...STARTED,
    ])
    expect(worker.stdout.join('\n')).not.toContain('    at ')
  })

  test('leaves the worker live and not ready, and a signal ends it', async () => {
    await server.stop('fast')
    await using worker = startWorker(server.url, '--health-port', '0')
    const { host, port } = await worker.untilLogged('serving')
    await hasTriedAgain(worker)
    const get = (path: string): Promise<Response> =>
      fetch(`http://${String(host)}:${String(port)}${path}`)
    expect((await get('/livez')).status).toBe(200)
    const readiness = await get('/readyz')
    expect(readiness.status).toBe(503)
    expect(await readiness.text()).toContain('store default: the store failed: the connection')
    worker.kill('SIGTERM')
    expect(await worker.exitCode()).toBe(0)
    expect(worker.printed).toEqual([])
    await server.start()
  })

  test('and later under a running worker, which goes on by itself, too', async () => {
    await using worker = new WorkerProcess(['run', '--config', config, '--store', server.url], {
      cwd: folder,
    })
    await worker.untilLogged('worker started')
    await server.stop('immediate')
    await worker.untilLogged('claiming failed; it is repeated')
    await server.start()
    const enqueued = await runToEnd(
      ['enqueue', '--config', config, '--store', server.url, '--file', '-'],
      { cwd: folder, input: GREET },
    )
    expect(enqueued.exitCode).toBe(0)
    await worker.untilPrinted('greeted')
    worker.kill('SIGTERM')
    expect(await worker.exitCode()).toBe(0)
  })

  test('is not waited for where it says that waiting is of no use', async () => {
    const url = new URL(server.url)
    url.pathname = '/nowhere'
    await using worker = startWorker(url.href)
    expect(await worker.exitCode()).toBe(4)
    expect(worker.stderr).toEqual([
      expect.stringMatching(
        /^cgk-worker: the store default \(postgres\) cannot be used: .*database "nowhere" does not exist/,
      ),
    ])
  })
})

test('a Redis server that is down at the start is one line, and waited for', async ({ skip }) => {
  await using server = await createTestRedisInstance(skip)
  await server.kill()
  await using worker = startWorker(server.url)
  await hasTriedAgain(worker)
  await server.start()
  expect(await worker.exitCode()).toBe(0)
  expect(worker.printed).toEqual(['greeted'])
  expect(saidBy(worker)).toEqual([
    'the store default (redis) cannot be used: Redis was not reached: ECONNREFUSED; tried again until it can',
    ...STARTED,
  ])
})

describe('a schema of another version', () => {
  test('that is older is waited for until somebody has migrated it', async () => {
    await using database = await createTestDatabase('local')
    await using worker = startWorker(`${database.url}?migrate=manual`)
    await hasTriedAgain(worker)
    const migration = await runToEnd(['migrate', 'up', '--store', database.url], { cwd: folder })
    expect(migration.exitCode).toBe(0)
    expect(await worker.exitCode()).toBe(0)
    expect(worker.printed).toEqual(['greeted'])
    const said = saidBy(worker)
    expect(said[0]).toMatch(
      /: schema jobs is of version 0, and this program needs version \d+: run cgk-worker migrate up; tried again until it can$/,
    )
    expect(said.slice(-STARTED.length)).toEqual(STARTED)
    // Versions in between may be seen as well, each once.
    expect(new Set(said).size).toBe(said.length)
  })

  test('that is newer is waited for', async () => {
    await using database = await createTestDatabase('local')
    await runToEnd(['migrate', 'up', '--store', database.url], { cwd: folder })
    const sql = postgres(database.url, { max: 1 })
    await sql`insert into jobs.migration select max(version) + 1, 'of tomorrow', '' from jobs.migration`
    await using worker = startWorker(database.url)
    await hasTriedAgain(worker)
    await sql`delete from jobs.migration where name = 'of tomorrow'`
    await sql.end()
    expect(await worker.exitCode()).toBe(0)
    expect(saidBy(worker)).toEqual([
      expect.stringMatching(/: schema jobs is of version \d+, and .*: update the program; tried/),
      ...STARTED,
    ])
  })
})
