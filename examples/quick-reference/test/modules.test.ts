import { readdir } from 'node:fs/promises'
import { describe, it } from 'vitest'
import { type RunOptions, runModule } from './run-module.ts'

interface Expected extends RunOptions {
  readonly lines: readonly (string | RegExp)[]
}

const JOB_ID = String.raw`job_[0-9a-z]+_[0-9a-f]{16}`

const inAnyOrder = [
  'syncing 123',
  new RegExp(`^Job ${JOB_ID} completed: \\{ synced: true \\}$`),
  'processing order_123 of rawdog',
  new RegExp(`^Job ${JOB_ID} completed: undefined$`),
]

/** What each module prints, and when one that runs until SIGTERM is sent it. */
const modules: Readonly<Record<string, Expected>> = {
  'by-hand.ts': { lines: ['{ row: 2 } failed row 2 is empty', '{ row: 1 } completed undefined'] },
  'cancel.ts': { lines: ['cancelled', 'exporting 2026', 'stopped: JOBS_CANCELLED', 'cancelled'] },
  'define-job.ts': { lines: [] },
  'define-with-valibot.ts': { lines: [] },
  'define-with-zod.ts': { lines: [] },
  'enqueue-typed.ts': {
    lines: ['payload of job "send-receipt" is not valid: see payload.orderId'],
  },
  'enqueue.ts': { lines: [] },
  'follow-ups.ts': {
    lines: ['sending the receipt of order_123 in en', "send-receipt completed { sentTo: 'en' }"],
  },
  'handlers.ts': { lines: [] },
  'main.ts': {
    lines: inAnyOrder,
    stopWhen: (stdout) => stdout.split(' completed: ').length === 3,
  },
  'process.ts': { lines: [], stopWhen: () => true },
  'retry-and-timeout.ts': {
    lines: [
      'attempt 1 failed, retrying: the shop answered 500',
      'attempt 2 failed, retrying: the shop is busy',
      new RegExp(`^attempt 3 failed, retrying: .* ${JOB_ID} took longer than 200 ms$`),
      'attempt 4 failed, failed: the product is gone',
      'call-shop failed for good: the product is gone',
      'failed 4 GONE',
    ],
  },
  'wait.ts': { lines: [] },
  'with-tenant.ts': { lines: ["rawdog { tenant: 'rawdog' }", 'null', 'rawdog'] },
}

describe.concurrent('the quick reference', () => {
  it('has no module that is not run here', async ({ expect }) => {
    const sources = await readdir(new URL('../src', import.meta.url))
    expect(sources.toSorted()).toEqual(Object.keys(modules))
  })

  for (const [name, { lines, ...options }] of Object.entries(modules)) {
    it(`${name} runs as a program and ends with 0`, { timeout: 30_000 }, async ({ expect }) => {
      const { code, signal, stdout, stderr } = await runModule(name, options)
      const printed = stdout.split('\n').filter((line) => line !== '')
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
      if (lines === inAnyOrder) sortBy(printed, lines)
      expect(printed).toHaveLength(lines.length)
      for (const [index, line] of lines.entries()) {
        if (typeof line === 'string') expect(printed[index]).toBe(line)
        else expect(printed[index]).toMatch(line)
      }
    })
  }
})

/** Puts lines into the order in which they are expected. */
function sortBy(printed: string[], expected: readonly (string | RegExp)[]): void {
  const placeOf = (line: string): number =>
    expected.findIndex((one) => (typeof one === 'string' ? one === line : one.test(line)))
  printed.sort((a, b) => placeOf(a) - placeOf(b))
}
