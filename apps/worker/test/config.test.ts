import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runToEnd, WorkerProcess } from './worker-process.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cgk-worker-'))
})

afterAll(() => rm(folder, { recursive: true }))

let written = 0

/** Runs a worker whose config file holds this text; what it says of the config, without its path. */
async function refusal(text: string): Promise<{ exitCode: number | null; said: string[] }> {
  const config = join(folder, `${(written += 1)}.mjs`)
  await writeFile(config, text)
  const { worker, exitCode } = await runToEnd(['run', '--config', config])
  return { exitCode, said: worker.stderr.map((line) => line.replaceAll(config, 'CONFIG')) }
}

const JOB = "{ name: 'a', handler() {} }"

test.each([
  ['export const config = {}', 'has no default export'],
  ['export default []', 'the default export must be an object'],
  ['export default { stroe: 5 }', 'stroe is not a setting'],
  ['export default {', 'cannot load CONFIG'],
  ["throw new Error('no database yet')", 'cannot load CONFIG: no database yet'],
  ['export default {}', 'CONFIG gives the queue default no jobs: list some under jobs'],
  ["export default { jobs: ['./absent.mjs'] }", 'absent.mjs'],
  ["export default { jobs: ['./1.mjs'] }", 'exports no job definition'],
  [
    `export default { store: 'memory:', jobs: [${JOB}, ${JOB}] }`,
    'two definitions of one queue are named "a"',
  ],
  [
    `export default { store: 'memory:', jobs: [${JOB}], queues: { 'a b': {} } }`,
    'queue name "a b" is not allowed',
  ],
  [`export default { jobs: [${JOB}], store: 'mysql://u:hush@h' }`, 'mysql:'],
])('the file %s is exit code 2', async (text, said) => {
  const refused = await refusal(text)
  expect(refused.exitCode).toBe(2)
  expect(refused.said.join('\n')).toContain(said)
  expect(refused.said.join('\n')).not.toContain('hush')
})

test('a config file that is not there, or none at all, is exit code 2', async () => {
  const named = await runToEnd(['run', '--config', 'absent.ts'], { cwd: folder })
  expect(named.exitCode).toBe(2)
  expect(named.worker.stderr.join('\n')).toContain('there is no config file')
  const none = await runToEnd(['run'], { cwd: folder })
  expect(none.exitCode).toBe(2)
  expect(none.worker.stderr.join('\n')).toContain('name one by --config')
})

test.each([
  ['file', {}, [], 1111],
  ['environment over file', { JOBS_GRACE_PERIOD: '2222' }, [], 2222],
  ['flag over environment', { JOBS_GRACE_PERIOD: '2222' }, ['--grace-period', '3333'], 3333],
  ['an empty variable counts for nothing', { JOBS_GRACE_PERIOD: '' }, [], 1111],
] as const)('precedence: %s', async (_name, env, flags, gracePeriod) => {
  await using worker = new WorkerProcess(['run', ...flags], { env })
  await worker.untilLogged('worker started')
  worker.kill('SIGTERM')
  expect(await worker.untilLogged('draining')).toMatchObject({ gracePeriod })
})

test('a store named by a flag wins over the environment, also for queues of job modules', async () => {
  const { exitCode } = await runToEnd(['run', '--until-idle', '--store', 'memory:'], {
    env: { JOBS_STORE_URL: 'nosuch://h' },
  })
  expect(exitCode).toBe(0)
  const { worker } = await runToEnd(['run', '--until-idle'], {
    env: { JOBS_STORE_URL: 'nosuch://h' },
  })
  expect(worker.stderr.join('\n')).toContain('nosuch:')
})

test('one store by flag contradicts several by config', async () => {
  const { worker, exitCode } = await runToEnd([
    'run',
    '--config',
    'failing.config.ts',
    '--store',
    'memory:',
  ])
  expect(exitCode).toBe(2)
  expect(worker.stderr.join('\n')).toContain('the config file names several')
})

test('a log level silences what is below it', async () => {
  const { worker } = await runToEnd(['run', '--until-idle'], { env: { JOBS_LOG_LEVEL: 'warn' } })
  expect(worker.log).toEqual([])
})

test.each([
  [
    { JOBS_CONCURRENCY: 'many' },
    'JOBS_CONCURRENCY must be a whole number from 1 to 10000, not "many"',
  ],
  [{ JOBS_HEALTH_PORT: '-1' }, 'JOBS_HEALTH_PORT must be a whole number from 0 to 65535, not "-1"'],
  [{ JOBS_LOG_LEVEL: 'loud' }, 'JOBS_LOG_LEVEL must be one of'],
])('a wrong variable is exit code 2: %o', async (env, said) => {
  const { worker, exitCode } = await runToEnd(['run'], { env })
  expect(exitCode).toBe(2)
  expect(worker.stderr.join('\n')).toContain(said)
})

test.each([
  [['run', '--concurrency', '0']],
  [['run', '--no-such-flag']],
  [['enqueue']],
  [['dance']],
  [[]],
])('wrong usage is exit code 2: %j', async (args) => {
  const { worker, exitCode } = await runToEnd(args)
  expect(exitCode).toBe(2)
  expect(worker.stdout).toEqual([])
})

test.each([[['--help']], [['run', '--help']], [['enqueue', '--help']]])(
  'help names the exit codes: %j',
  async (args) => {
    const { worker, exitCode } = await runToEnd(args)
    expect(exitCode).toBe(0)
    expect(worker.stdout.join('\n')).toMatch(/Exit codes:\n\s+0 .*\n\s+1 .*[^]*\n\s+143 /)
  },
)
