import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TenantEntry } from '@cgk/jobs-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { jobLines, runToEnd, WorkerProcess } from './worker-process.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cgk-worker-'))
  file = join(folder, 'tenants.json')
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** Puts another file in the place of the one that is there, as editors and deployments do. */
async function say(tenants: readonly TenantEntry[] | string): Promise<void> {
  const text = typeof tenants === 'string' ? tenants : JSON.stringify(tenants, null, 2)
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
}

const args = ['run', '--config', 'directory.config.ts']
const start = (env: Readonly<Record<string, string>> = {}, ...more: readonly string[]) =>
  new WorkerProcess([...args, '--file', '-', ...more], { env: { TENANTS: file, ...env } })
const greet = (who: string, tenantId?: string) => ({
  name: 'greet',
  payload: { who },
  ...(tenantId !== undefined && { tenantId }),
})

test('a worker runs the jobs of tenants in two stores, and one that was suspended once its file says so', async () => {
  await say([{ id: 'small' }, { id: 'away', status: 'suspended', store: 'big' }])
  await using worker = start()
  await worker.untilLogged('worker started')
  worker.write(jobLines(greet('held', 'away'), greet('ada', 'small'), greet('bob')))
  await worker.untilPrinted('greeted ada of small')
  await worker.untilPrinted('greeted bob of nobody')
  expect(worker.printed).not.toContain('greeted held of away')
  await say([{ id: 'small' }, { id: 'away', store: 'big' }])
  await worker.untilPrinted('greeted held of away')
  worker.kill('SIGTERM')
  expect(await worker.exitCode()).toBe(0)
  expect(worker.stderr).toEqual([])
})

test('a bad edit is reported, and what was said before goes on', async () => {
  await say([{ id: 'small' }])
  await using worker = start()
  await worker.untilLogged('worker started')
  await say('[{"id": "small", "store": "postgres://app:hunter2@db", ]')
  await worker.untilLogged('the last good ones stay')
  worker.write(jobLines(greet('ada', 'small')))
  await worker.untilPrinted('greeted ada of small')
  await say([{ id: 'small', weight: -1 }])
  const { error } = await worker.until(() =>
    worker.log.find((line) => JSON.stringify(line).includes('weight')),
  )
  expect(error).toMatchObject({
    message: expect.stringContaining('tenant "small": weight must be a whole number'),
  })
  expect(worker.stdout.join('\n')).not.toContain('hunter2')
})

test('a job of a tenant that the file does not list is held and reported, until it does', async () => {
  await say([])
  await using worker = start()
  await worker.untilLogged('worker started')
  worker.write(jobLines(greet('ada', 'stranger'), greet('bob')))
  await worker.untilPrinted('greeted bob of nobody')
  await say([{ id: 'other' }])
  const held = await worker.untilLogged('that the directory does not know are held')
  expect(held).toMatchObject({ queue: 'default', store: 'main', tenants: ['stranger'], waiting: 1 })
  await say([{ id: 'stranger' }])
  await worker.untilPrinted('greeted ada of stranger')
})

test('schedules for each tenant make the jobs of every store', async () => {
  await say([{ id: 'small' }, { id: 'large', store: 'big' }])
  await using worker = start({ CRON: '* * * * * *' })
  await worker.untilPrinted('greeted all of small')
  await worker.untilPrinted('greeted all of large')
})

describe('a store that is unreachable at the start', () => {
  test('is logged, and its tenants run once it is there', async () => {
    await say([{ id: 'small' }, { id: 'large', store: 'big' }])
    await using worker = start({ DOWN: 'big', CRON: '* * * * * *' })
    await worker.untilLogged(
      'the store big (memory) cannot be used: connection refused; its tenants wait',
    )
    await worker.untilPrinted('greeted all of small')
    worker.kill('SIGUSR2')
    await worker.untilPrinted('greeted all of large')
  })

  test('is waited for where none answers', async () => {
    await say([{ id: 'small' }])
    await using worker = start({ DOWN: 'main,big', CRON: '* * * * * *' })
    await worker.untilLogged(
      'the store main (memory) cannot be used: connection refused; tried again until it can',
    )
    worker.kill('SIGUSR2')
    await worker.untilPrinted('greeted all of small')
  })

  test('leaves the worker ready, and health names each store', async () => {
    await say([{ id: 'small' }])
    await using worker = start({ DOWN: 'big' }, '--health-port', '0')
    const { port, host } = await worker.untilLogged('serving')
    await expect
      .poll(async () => {
        const response = await fetch(`http://${String(host)}:${String(port)}/readyz`)
        return { status: response.status, body: await response.json() }
      })
      .toEqual({
        status: 200,
        body: { status: 'ready', stores: { main: 'up', big: 'connection refused' } },
      })
  })
})

test.each([
  ['is not there', null, /the tenants are not known: ENOENT.*tenants\.json/],
  ['is not JSON', '{', /the tenants are not known: .*tenants\.json is not JSON/],
  ['is wrong', '[{"id": "small", "wieght": 2}]', /tenant "small": "wieght" is not a property/],
])('a file that %s at the start ends the worker with 2', async (_, text, problem) => {
  if (text !== null) await say(text)
  const { worker, exitCode } = await runToEnd(args, { env: { TENANTS: file } })
  expect(exitCode).toBe(2)
  expect(worker.stderr.join('\n')).toMatch(problem)
})

test('SIGTERM lets the jobs of every store finish', async () => {
  await say([{ id: 'small' }, { id: 'large', store: 'big' }])
  const jobs = join(folder, 'jobs.jsonl')
  const hold = (tenantId: string) => ({ name: 'hold', payload: {}, tenantId })
  await writeFile(jobs, jobLines(hold('small'), hold('large')))
  await using worker = new WorkerProcess([...args, '--file', jobs], { env: { TENANTS: file } })
  await worker.until(() => (worker.printed.length === 2 ? true : undefined))
  worker.kill('SIGTERM')
  expect(await worker.untilLogged('draining')).toMatchObject({ running: 2 })
  worker.write('go on\n')
  expect(await worker.exitCode()).toBe(0)
  expect(worker.printed).toEqual(['hold began', 'hold began', 'hold ended', 'hold ended'])
})
