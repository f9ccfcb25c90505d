import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const ACCOUNT = /^jobs: \d+ enqueued, \d+ completed, \d+ failed, \d+ lost$/

test('a run ends by itself with every job accounted for', { timeout: 60_000 }, async () => {
  const run = start('--deliveries', '240')
  const { code, lines } = await run.ended

  const account = accountOf(lines)
  expect(account.enqueued).toBeGreaterThan(240)
  expect(account.completed + account.failed).toBe(account.enqueued)
  expect(account.lost).toBe(0)
  expect(code).toBe(0)

  expect(lines).toContainEqual(
    expect.stringMatching(/^fair shares: Jain index (1\.0000|0\.\d{4}) /),
  )

  const signatures = lines.find((line) => line.startsWith('signatures:')) ?? ''
  const [wrong, refused] = numbersIn(signatures)
  expect(wrong).toBeGreaterThan(0)
  expect(refused).toBe(wrong)
})

test('an interrupted run drains and says what it left', { timeout: 60_000 }, async () => {
  const run = start()
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
  readonly ended: Promise<{ readonly code: number | null; readonly lines: readonly string[] }>
}

function start(...args: string[]): Run {
  const main: ChildProcessByStdio<null, Readable, null> = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, JOBS_STORE_URL: 'memory:' },
  })
  const lines: string[] = []
  const output = createInterface({ input: main.stdout })
  output.on('line', (line) => lines.push(line))

  const ended = Promise.all([once(main, 'exit'), once(output, 'close')]).then(() => ({
    code: main.exitCode,
    lines,
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
            new Error(`The run ended without printing ${String(pattern)}:\n${lines.join('\n')}`),
          )
        })
        lines.forEach(check)
      }),
  }
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
