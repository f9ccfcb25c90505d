import { expect, test } from 'vitest'
import { jobLines, runToEnd, WorkerProcess } from './worker-process.ts'

test('a worker runs the jobs of a file and ends when none is left', async () => {
  const input = jobLines(
    { name: 'greet', payload: { who: 'ada' }, tenantId: 'rawdog' },
    { queue: 'mail', name: 'greet', payload: { who: 'bob' } },
  )
  const { worker, exitCode } = await runToEnd(['run', '--file', '-', '--until-idle'], { input })
  expect(worker.stderr).toEqual([])
  expect(worker.printed).toEqual(
    expect.arrayContaining(['greeted ada of rawdog', 'greeted bob of nobody']),
  )
  expect(exitCode).toBe(0)
})

test('a worker waits for jobs that are scheduled or retrying before it is idle', async () => {
  const input = jobLines(
    { name: 'flaky', payload: {} },
    { name: 'greet', payload: { who: 'late' }, options: { delay: 150 } },
  )
  const { worker, exitCode } = await runToEnd(['run', '--file', '-', '--until-idle'], { input })
  expect(worker.printed).toEqual(
    expect.arrayContaining([
      'flaky came through',
      'greeted late of nobody',
      'hook idle: completed 2, {"enqueued":2,"bad":0}',
    ]),
  )
  expect(exitCode).toBe(0)
})

test('hooks run in order: starting, started before the file, idle, stopped while the stores answer', async () => {
  const input = jobLines({ name: 'greet', payload: { who: 'ada' } })
  const { worker } = await runToEnd(['run', '--file', '-', '--until-idle'], { input })
  expect(worker.printed).toEqual([
    'hook starting: completed 0, {"enqueued":0,"bad":0}',
    'hook started: completed 0, {"enqueued":0,"bad":0}',
    'greeted ada of nobody',
    'hook idle: completed 1, {"enqueued":1,"bad":0}',
    'hook stopped: completed 1, {"enqueued":1,"bad":0}',
  ])
})

test('middleware that the starting hook adds is around every attempt', async () => {
  const input = jobLines({ name: 'greet', payload: { who: 'ada' } })
  const { worker } = await runToEnd(['run', '--file', '-', '--until-idle'], {
    input,
    env: { TRACE: '1' },
  })
  const from = worker.printed.indexOf('middleware around greet')
  expect(worker.printed[from + 1]).toBe('greeted ada of nobody')
})

test('where the starting hook throws nothing starts', async () => {
  const input = jobLines({ name: 'greet', payload: { who: 'ada' } })
  const { worker } = await runToEnd(['run', '--file', '-', '--until-idle'], {
    input,
    env: { THROW_IN: 'starting' },
  })
  expect(worker.log.map(({ msg }) => msg)).not.toContain('worker started')
  expect(worker.printed).toEqual([
    'hook starting: completed 0, {"enqueued":0,"bad":0}',
    'hook stopped: completed 0, {"enqueued":0,"bad":0}',
  ])
})

test.each(['starting', 'started', 'idle', 'stopped'])(
  'a %s hook that throws makes the exit code 1',
  async (hook) => {
    const { worker, exitCode } = await runToEnd(['run', '--until-idle'], {
      env: { THROW_IN: hook, CHOOSE_EXIT_CODE: '0' },
    })
    expect(exitCode).toBe(1)
    expect(worker.log).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ message: `thrown by ${hook}` }) }),
    )
    expect(worker.printed).toContainEqual(expect.stringMatching(/^hook stopped/))
  },
)

test('a hook can choose the exit code', async () => {
  const { exitCode } = await runToEnd(['run', '--until-idle'], { env: { CHOOSE_EXIT_CODE: '7' } })
  expect(exitCode).toBe(7)
})

test('bad lines are logged by number, counted, and make the exit code 5', async () => {
  const input = jobLines(
    { name: 'greet', payload: { who: 'ada' } },
    { name: 'unheard-of', payload: {} },
    { queue: 'elsewhere', name: 'greet', payload: {} },
    { name: 'greet', payload: {}, tenantId: 'stranger' },
  )
  const { worker, exitCode } = await runToEnd(['run', '--file', '-', '--until-idle'], { input })
  expect(exitCode).toBe(5)
  expect(worker.log.filter(({ msg }) => msg === 'bad line')).toEqual([
    expect.objectContaining({
      line: 2,
      problem: 'no job definition of queue default is named "unheard-of"',
    }),
    expect.objectContaining({
      line: 3,
      problem: `queue "elsewhere" is not one of the config's: default, mail`,
    }),
    expect.objectContaining({
      line: 4,
      problem: `tenant "stranger" is not one of the config's: rawdog, meliusly`,
    }),
  ])
  expect(worker.printed).toContain('hook idle: completed 1, {"enqueued":1,"bad":3}')
})

test('a file of bad lines alone makes the exit code 1', async () => {
  const { exitCode } = await runToEnd(['run', '--file', '-', '--until-idle'], {
    input: 'nonsense\n',
  })
  expect(exitCode).toBe(1)
})

test('a failed job is logged with its error and never with its payload', async () => {
  const input = jobLines({ name: 'leaky', payload: { secret: 'hush' }, tenantId: 'rawdog' })
  const { worker, exitCode } = await runToEnd(['run', '--file', '-', '--until-idle'], { input })
  expect(exitCode).toBe(0)
  const failed = worker.log.find(({ msg }) => msg === 'job failed')
  expect(failed).toMatchObject({
    level: 50,
    queue: 'default',
    job: 'leaky',
    attempt: 1,
    tenantId: 'rawdog',
    jobId: expect.any(String),
    error: {
      message: 'the shop answered 500',
      code: 'SHOP_DOWN',
      cause: { message: 'socket hang up' },
    },
  })
  expect(worker.stdout.join('\n')).not.toContain('hush')
})

test('an attempt that will be repeated is a warning', async () => {
  const input = jobLines({ name: 'flaky', payload: {} })
  const { worker } = await runToEnd(['run', '--file', '-', '--until-idle'], { input })
  expect(worker.log).toContainEqual(
    expect.objectContaining({ level: 40, msg: 'attempt failed', job: 'flaky', attempt: 1 }),
  )
  expect(worker.log.some(({ msg }) => msg === 'job failed')).toBe(false)
})

test('a worker whose output nobody reads any more runs its jobs', async () => {
  await using worker = new WorkerProcess(['run', '--file', '-', '--until-idle'])
  await worker.untilLogged('worker started')
  worker.hangUp()
  worker.end(jobLines({ name: 'greet', payload: { who: 'nobody' } }))
  expect(await worker.exitCode()).toBe(0)
  expect(worker.stderr).toEqual([])
})

test('a store that stops answering while the file is read ends the worker with 1', async () => {
  const { worker, exitCode } = await runToEnd(
    ['run', '--config', 'failing.config.ts', '--file', '-', '--until-idle'],
    { input: jobLines({ name: 'greet', payload: {} }), env: { FAILING: 'enqueue' } },
  )
  expect(exitCode).toBe(1)
  expect(worker.log).toContainEqual(
    expect.objectContaining({
      error: expect.objectContaining({
        message: expect.stringMatching(
          /^lines 1 to 1: whether they were stored is unknown.*refused/,
        ),
      }),
    }),
  )
})
