import { expect, test } from 'vitest'
import { runToEnd, WorkerProcess } from './worker-process.ts'

const config = ['run', '--config', 'schedules.config.ts']

test('a worker runs the schedules of its config, for each of its tenants', async () => {
  await using worker = new WorkerProcess(config)
  await worker.untilPrinted('greeted ada of rawdog')
  await worker.untilPrinted('greeted ada of meliusly')
})

test.each([
  ['a cron expression that cannot be', { CRON: '61 * * * *' }, /schedules\.greetings: .*61/],
  ['a job that the queue does not have', { JOB: 'unheard-of' }, /no job unheard-of/],
])('%s ends the worker before it starts', async (_, env, problem) => {
  const { worker, exitCode } = await runToEnd(config, { env })
  expect(exitCode).toBe(2)
  expect([...worker.stdout, ...worker.stderr].join('\n')).toMatch(problem)
})
