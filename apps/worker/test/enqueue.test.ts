import { expect, test } from 'vitest'
import { jobLines, runToEnd, WorkerProcess } from './worker-process.ts'

const ENQUEUE = ['enqueue', '--file', '-', '--config', 'printing.config.ts']

test('jobs are stored as their lines say', async () => {
  const input = jobLines(
    { name: 'greet', payload: { who: 'ada' }, tenantId: 'rawdog', options: { jobId: 'a-1' } },
    { queue: 'mail', name: 'greet', payload: null, options: { tenantId: 'meliusly' } },
    '',
    { name: 'greet', payload: 1, options: { scheduledAt: '2030-01-31T08:00:00+02:00' } },
  )
  const { worker, exitCode } = await runToEnd(ENQUEUE, { input })
  expect(exitCode).toBe(0)
  expect(worker.stdout).toEqual([
    'stored {"queue":"default","name":"greet","tenantId":"rawdog","payload":"{\\"who\\":\\"ada\\"}","jobId":"a-1"}',
    'stored {"queue":"mail","name":"greet","tenantId":"meliusly","payload":"null"}',
    `stored {"queue":"default","name":"greet","tenantId":null,"payload":"1","runAt":${Date.UTC(2030, 0, 31, 6)}}`,
    'enqueued 3, bad 0',
  ])
})

test('a bad line fails alone, and standard error says which and why', async () => {
  const good = { name: 'greet', payload: {} }
  const input = jobLines(
    good,
    '{"name": "greet", "payload": {"secret": hush}}',
    '{"name": "greet", "payload": "hush',
    '[]',
    { name: 'greet', payload: {}, delay: 5 },
    { payload: 'hush' },
    { name: 'greet' },
    { name: 7, payload: 'hush' },
    { ...good, options: [] },
    { ...good, options: { dely: 5 } },
    { ...good, options: { delay: 'soon' } },
    { ...good, options: { scheduledAt: '2030-02-31T08:00:00Z' } },
    { ...good, tenantId: 'stranger' },
    { ...good, tenantId: 'rawdog', options: { tenantId: 'meliusly' } },
    { ...good, queue: 'no spaces' },
    { name: '', payload: {} },
    { name: 'strict', payload: 'hush' },
    '{"name": "greet", "payload": {"__proto__": 1}}',
    good,
  )
  const { worker, exitCode } = await runToEnd(ENQUEUE, { input })
  expect(exitCode).toBe(5)
  expect(worker.stdout.at(-1)).toBe('enqueued 2, bad 17')
  const said = worker.stderr.filter((line) => !line.startsWith('write of'))
  expect(said.map((line) => line.replace(/^line (\d+): .*$/, '$1')).map(Number)).toEqual(
    Array.from({ length: 17 }, (_, index) => index + 2),
  )
  expect(said.slice(0, 8)).toEqual([
    expect.stringMatching(/^line 2: is not JSON/),
    expect.stringMatching(/^line 3: is not JSON/),
    'line 4: must be a JSON object',
    'line 5: there is no key "delay"',
    'line 6: name is missing',
    'line 7: payload is missing',
    'line 8: name must be a string',
    'line 9: options must be an object',
  ])
  expect(said.join('\n')).not.toContain('hush')
})

test('bytes that are no UTF-8 and lines without an end are bad lines, the last needs no newline', async () => {
  await using worker = new WorkerProcess(ENQUEUE)
  const tooLong = 5 * 1024 * 1024
  worker.write(Buffer.from([0x22, 0xff, 0x22, 0x0a]))
  worker.write(`{"name":"greet","payload":"${'x'.repeat(tooLong)}"}\r\n`)
  worker.end('{"name":"greet","payload":"ünïcödé"}')
  expect(await worker.exitCode()).toBe(5)
  expect(worker.stderr.slice(0, 2)).toEqual([
    'line 1: is not UTF-8',
    'line 2: is longer than 4194304 bytes',
  ])
  expect(worker.stdout).toEqual([expect.stringContaining('ünïcödé'), 'enqueued 1, bad 2'])
})

test('lines that arrive together are written together', async () => {
  const jobs = Array.from({ length: 500 }, (_, index) => ({ name: 'greet', payload: index }))
  const { worker } = await runToEnd(ENQUEUE, { input: jobLines(...jobs) })
  expect(worker.stderr).toEqual(['write of 500'])
  expect(worker.stdout.slice(0, 500).map((line) => /"payload":"(\d+)"/.exec(line)?.[1])).toEqual(
    jobs.map(({ payload }) => String(payload)),
  )
})

test('a line of a slow writer is enqueued when it comes', async () => {
  await using worker = new WorkerProcess(ENQUEUE)
  worker.write(jobLines({ name: 'greet', payload: 'first' }))
  await worker.until(() => worker.stdout.find((line) => line.includes('first')))
  worker.kill('SIGINT')
  expect(await worker.exitCode()).toBe(130)
  expect(worker.stdout.at(-1)).toBe('enqueued 1, bad 0')
})

test('a file of bad lines alone is exit code 1', async () => {
  const { exitCode } = await runToEnd(ENQUEUE, { input: '?\n' })
  expect(exitCode).toBe(1)
})

test('a store that stops answering is exit code 1, and what is not known is said', async () => {
  const { worker, exitCode } = await runToEnd(
    ['enqueue', '--file', '-', '--config', 'failing.config.ts'],
    {
      input: jobLines({ name: 'greet', payload: 1 }, '?', { name: 'greet', payload: 2 }),
      env: { FAILING: 'enqueue' },
    },
  )
  expect(exitCode).toBe(1)
  expect(worker.stderr).toEqual([
    'line 2: is not JSON',
    'cgk-worker: lines 1 to 3: whether they were stored is unknown, and what follows was not read: connection refused',
  ])
  expect(worker.stdout).toEqual(['enqueued 0, bad 1'])
})

test('a store that does not answer at the start is exit code 4', async () => {
  const { worker, exitCode } = await runToEnd(
    ['enqueue', '--file', '-', '--config', 'failing.config.ts'],
    { env: { FAILING: 'ping' } },
  )
  expect(exitCode).toBe(4)
  expect(worker.stderr).toEqual([
    'cgk-worker: the store other (shared) cannot be used: connection refused',
  ])
})

test('a memory: store is refused, for its jobs would end with the process', async () => {
  const { worker, exitCode } = await runToEnd(['enqueue', '--file', '-', '--store', 'memory:'], {
    input: jobLines({ name: 'greet', payload: {} }),
  })
  expect(exitCode).toBe(2)
  expect(worker.stderr.join('\n')).toContain('lives only in this process; use `run --file`')
})

test('a file that is not there is exit code 2', async () => {
  const { worker, exitCode } = await runToEnd(
    ENQUEUE.map((arg) => (arg === '-' ? 'nowhere.jsonl' : arg)),
  )
  expect(exitCode).toBe(2)
  expect(worker.stderr.join('\n')).toContain('cannot read nowhere.jsonl')
})
