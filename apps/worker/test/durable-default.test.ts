import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jobLines, runToEnd, WorkerProcess } from './worker-process.ts'

const JOBS = 20

const CONFIG = `export default {
  queues: { default: { concurrency: 2 } },
  jobs: [
    {
      name: 'ship',
      handler({ payload }) {
        if (process.env.HANG) return new Promise(() => {})
        console.log('shipped ' + payload.order)
        return { success: true }
      },
    },
  ],
}`

let root: string
/** A package of the workspace, where the worker is started. */
let cwd: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'cgk-worker-'))
  cwd = join(root, 'apps', 'shop')
  await mkdir(cwd, { recursive: true })
  await writeFile(join(root, 'pnpm-workspace.yaml'), '')
  await writeFile(join(cwd, 'jobs.config.mjs'), CONFIG)
})

afterAll(() => rm(root, { recursive: true, force: true }))

const orders = Array.from({ length: JOBS }, (_, order) => ({ name: 'ship', payload: { order } }))

test('without a word about a store nothing acknowledged is lost by kill -9, nor by enqueue', async () => {
  const enqueued = await runToEnd(['enqueue', '--file', '-'], {
    cwd,
    input: jobLines(...orders.slice(0, 5)),
  })
  expect(enqueued.worker.stderr).toEqual([])
  expect(enqueued.exitCode).toBe(0)
  expect(existsSync(join(root, '.jobs', 'data', 'PG_VERSION'))).toBe(true)
  expect(existsSync(join(cwd, '.jobs'))).toBe(false)
  {
    await using victim = new WorkerProcess(['run', '--file', '-'], {
      cwd,
      env: { HANG: '1' },
      input: jobLines(...orders.slice(5)),
    })
    await victim.untilLogged('the file is in')
    victim.kill('SIGKILL')
  }
  const { worker, exitCode } = await runToEnd(['run', '--until-idle'], { cwd })
  expect(exitCode).toBe(0)
  expect(worker.printed.toSorted()).toEqual(
    orders.map(({ payload }) => `shipped ${payload.order}`).toSorted(),
  )
})

test('a second process is refused and told why, until the first is gone', async () => {
  await using first = new WorkerProcess(['run'], { cwd })
  await first.untilLogged('worker started')
  for (const args of [
    ['run', '--until-idle'],
    ['enqueue', '--file', '-'],
  ]) {
    const { worker, exitCode } = await runToEnd(args, { cwd, input: '' })
    expect(exitCode).toBe(4)
    expect(worker.stderr).toEqual([
      expect.stringMatching(
        /^cgk-worker: the store default \(pglite\).* the database in .*\.jobs is in use by the process \d+; .* let both use a server/,
      ),
    ])
  }
  first.kill('SIGTERM')
  expect(await first.exitCode()).toBe(0)
  expect((await runToEnd(['run', '--until-idle'], { cwd })).exitCode).toBe(0)
})

test('JOBS_STORE_URL=memory: leaves nothing behind', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'cgk-worker-'))
  try {
    await writeFile(join(elsewhere, 'jobs.config.mjs'), CONFIG)
    const { exitCode } = await runToEnd(['run', '--file', '-', '--until-idle'], {
      cwd: elsewhere,
      env: { JOBS_STORE_URL: 'memory:' },
      input: jobLines(...orders),
    })
    expect(exitCode).toBe(0)
    expect(existsSync(join(elsewhere, '.jobs'))).toBe(false)
  } finally {
    await rm(elsewhere, { recursive: true, force: true })
  }
})
