import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jobLines, WorkerProcess } from './worker-process.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cgk-worker-'))
})

afterAll(() => rm(folder, { recursive: true }))

/** A worker that runs one job of the name. */
async function workerRunning(name: string, ...args: readonly string[]): Promise<WorkerProcess> {
  const file = join(folder, `${name}.jsonl`)
  await writeFile(file, jobLines({ name, payload: {} }))
  const worker = new WorkerProcess(['run', '--file', file, ...args])
  await worker.untilPrinted(`${name} began`)
  return worker
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s lets a running job finish and exits 0',
  async (signal) => {
    await using worker = await workerRunning('hold', '--grace-period', '25000')
    worker.kill(signal)
    expect(await worker.untilLogged('draining')).toMatchObject({ running: 1, gracePeriod: 25_000 })
    worker.write('go on\n')
    expect(await worker.exitCode()).toBe(0)
    expect(worker.printed.slice(-2)).toEqual([
      'hold ended',
      'hook stopped: completed 1, {"enqueued":1,"bad":0}',
    ])
  },
)

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a second %s exits at once with %i', async (signal, exitCode) => {
  await using worker = await workerRunning('hold')
  worker.kill(signal)
  await worker.untilLogged('draining')
  // Signals that follow the first within an instant count as one keystroke.
  const again = setInterval(() => {
    worker.kill(signal)
  }, 20)
  expect(await worker.exitCode()).toBe(exitCode)
  clearInterval(again)
  expect(worker.printed).not.toContain('hold ended')
})

test('a signal that arrives twice at once is one request', async () => {
  await using worker = await workerRunning('hold')
  worker.kill('SIGINT')
  worker.kill('SIGINT')
  await worker.untilLogged('draining')
  worker.write('go on\n')
  expect(await worker.exitCode()).toBe(0)
})

test('a job that ignores its signal holds the worker no longer than the grace period', async () => {
  await using worker = await workerRunning('stubborn', '--grace-period', '0')
  worker.kill('SIGTERM')
  expect(await worker.exitCode()).toBe(0)
  expect(worker.printed).toContainEqual(expect.stringMatching(/^hook stopped/))
})

test('a signal ends the reading of standard input', async () => {
  await using worker = new WorkerProcess(['run', '--file', '-'])
  worker.write(jobLines({ name: 'greet', payload: { who: 'ada' } }))
  await worker.untilPrinted('greeted ada of nobody')
  worker.kill('SIGTERM')
  expect(await worker.exitCode()).toBe(0)
  expect(worker.log).toContainEqual(
    expect.objectContaining({ msg: 'the file was not read to its end', enqueued: 1, bad: 0 }),
  )
})
