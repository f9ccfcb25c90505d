import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createJobQueue, openStore, type JobStore } from '@cgk/jobs'
import { createRedisStore } from '@cgk/jobs-redis'
import { createTestDatabase, createTestRedisInstance } from '@cgk/test-servers'
import { expect, test, vi } from 'vitest'
import { noisyShop } from '../src/shops.ts'

// A database takes seconds to make, and many where many tests run at once.
vi.setConfig({ testTimeout: 120_000 })

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const ACCOUNT = /^jobs: \d+ enqueued, \d+ completed, \d+ failed, \d+ lost$/

test('a run ends by itself with every job accounted for, and leaves no file', async () => {
  const temporary = await mkdtemp(join(tmpdir(), 'cgk-webhooks-test-'))
  try {
    const { code, lines } = await start(['--deliveries', '240'], { TMPDIR: temporary }).ended
    expectBalance(lines)
    expect(code).toBe(0)
    expect(lines[0]).toMatch(/^store: PGlite/)
    expect(lines).toContainEqual(
      expect.stringMatching(/^fair shares: Jain index (1\.0000|0\.\d{4}) /),
    )
    const signatures = lines.find((line) => line.startsWith('signatures:')) ?? ''
    const [wrong, refused] = numbersIn(signatures)
    expect(wrong).toBeGreaterThan(0)
    expect(refused).toBe(wrong)
    expect(await readdir(temporary)).toEqual([])
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
})

test('DATABASE_URL has the same run on a server', async () => {
  await using database = await createTestDatabase('local')
  const { code, lines } = await start(['--deliveries', '240'], { DATABASE_URL: database.url }).ended
  expectBalance(lines)
  expect(code).toBe(0)
  expect(lines[0]).toBe('store: named by DATABASE_URL')
})

test('REDIS_URL has the same run on Redis', async ({ skip }) => {
  await using redis = await createTestRedisInstance(skip)
  const { code, lines } = await start(['--deliveries', '240'], { REDIS_URL: redis.url }).ended
  expectBalance(lines)
  expect(code).toBe(0)
  expect(lines[0]).toBe('store: named by REDIS_URL')
})

test('one worker serves the noisy shop from Redis and the others from Postgres', async ({
  skip,
}) => {
  await using database = await createTestDatabase('local')
  await using redis = await createTestRedisInstance(skip)
  const args = ['--deliveries', '240', '--noisy-store', redis.url]
  const { code, lines } = await start(args, { DATABASE_URL: database.url }).ended
  expectBalance(lines)
  expect(code).toBe(0)
  expect(lines.slice(0, 2)).toEqual([
    'store: named by DATABASE_URL',
    'store of rawdog alone: named by --noisy-store',
  ])
  const [name] = (await redis.command('SMEMBERS', '{cgk:jobs}:queues')) as [string]
  const completed = async (store: JobStore): Promise<readonly boolean[]> => {
    const queue = createJobQueue({ name, store })
    const noisy = await queue.counts({ tenantId: noisyShop })
    const all = await queue.counts()
    await store.close()
    return [noisy.completed > 0, all.completed > noisy.completed]
  }
  expect(await completed(createRedisStore({ url: redis.url }))).toEqual([true, false])
  expect(await completed(openStore(database.url))).toEqual([false, true])
})

test('two stores are one too many', async () => {
  const stores = { DATABASE_URL: 'postgres://app:hush@db/shop', REDIS_URL: 'redis://cache' }
  const { code, lines, errors } = await start([], stores).ended
  expect({ code, lines }).toEqual({ code: 2, lines: [] })
  expect(errors).toBe('DATABASE_URL and REDIS_URL each name a store: set one of them\n')
})

test('an interrupted run drains and says what it left', async () => {
  const run = start([], { JOBS_STORE_URL: 'memory:' })
  await run.printed(/^\d+\.\d s: [1-9]\d* done/)
  run.interrupt()
  const { code, lines } = await run.ended

  const account = accountOf(lines)
  const [unfinished = 0] = numbersIn(lines.find((line) => line.startsWith('interrupted:')) ?? '')
  expect(account.completed).toBeGreaterThan(0)
  expect(unfinished).toBeGreaterThan(0)
  expect(account.completed + account.failed + unfinished).toBe(account.enqueued)
  expect(account.lost).toBe(0)
  expect(code).toBe(1)
})

interface Run {
  /** Resolves at the first line, past or to come, that matches. */
  printed(pattern: RegExp): Promise<void>
  interrupt(): void
  readonly ended: Promise<{
    readonly code: number | null
    readonly lines: readonly string[]
    readonly errors: string
  }>
}

function start(args: readonly string[], env: Readonly<Record<string, string>>): Run {
  const { JOBS_STORE_URL: _, DATABASE_URL: __, REDIS_URL: ___, ...inherited } = process.env
  const main = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...env },
  })
  const lines: string[] = []
  let errors = ''
  const output = createInterface({ input: main.stdout })
  output.on('line', (line) => lines.push(line))
  main.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))

  const ended = Promise.all([once(main, 'close'), once(output, 'close')]).then(() => ({
    code: main.exitCode,
    lines,
    errors,
  }))

  return {
    ended,
    interrupt: () => main.kill('SIGINT'),
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (line: string): void => {
          if (pattern.test(line)) resolve()
        }
        output.on('line', check)
        output.on('close', () => {
          reject(
            new Error(
              `The run ended without printing ${String(pattern)}:\n${lines.join('\n')}${errors}`,
            ),
          )
        })
        lines.forEach(check)
      }),
  }
}

function expectBalance(lines: readonly string[]): void {
  const account = accountOf(lines)
  expect(account.enqueued).toBeGreaterThan(240)
  expect(account.completed + account.failed).toBe(account.enqueued)
  expect(account.lost).toBe(0)
}

interface Account {
  readonly enqueued: number
  readonly completed: number
  readonly failed: number
  readonly lost: number
}

function accountOf(lines: readonly string[]): Account {
  const lastLine = lines.at(-1) ?? ''
  expect(lastLine).toMatch(ACCOUNT)
  const [enqueued = NaN, completed = NaN, failed = NaN, lost = NaN] = numbersIn(lastLine)
  return { enqueued, completed, failed, lost }
}

function numbersIn(line: string): number[] {
  return [...line.matchAll(/\d+/g)].map(([text]) => Number(text))
}
