import { defineJob, type Job, type JobQueue, type JobRecord } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { storeWith } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

const headers = { traceparent: '00-abc-01', 'x-user': 'ü 😀' }

test('headers are on the job wherever it is read, and in its handler on every attempt', async () => {
  const job = await queue.enqueue('job', {}, { headers })
  expect(job.headers).toEqual(headers)
  const seen: Job<unknown>['headers'][] = []
  process.start({
    queue,
    handlers: new Map([
      [
        'job',
        (running: Job) => {
          seen.push(running.headers)
          return seen.length < 3
            ? { success: false, error: { message: 'not yet', retryAfter: 0 } }
            : { success: true }
        },
      ],
    ]),
  })
  await time.settle()
  expect(seen).toEqual([headers, headers, headers])
  expect((await queue.getJob(job))!.headers).toEqual(headers)
  expect((await queue.listJobs())[0]!.headers).toEqual(headers)
})

test('a job without headers has none, and nobody can add to what it shares with others', async () => {
  const job = await queue.enqueue('job', {})
  expect(job.headers).toEqual({})
  expect(() => Object.assign(job.headers, { a: 'b' })).toThrow(TypeError)
  expect((await queue.enqueue('job', {}, { headers: {} })).headers).toEqual({})
})

test('headers are not what makes a repeated enqueue another job', async () => {
  await queue.enqueue('job', 1, { jobId: 'a', headers: { attempt: 'first' } })
  const again = await queue.enqueue('job', 1, { jobId: 'a', headers: { attempt: 'second' } })
  expect(again).toMatchObject({ duplicate: true, headers: { attempt: 'first' } })
})

test.each<[string, unknown, string]>([
  ['no object', 'a=b', 'JOBS_INVALID_OPTION'],
  ['a value that is no text', { a: 7 }, 'JOBS_INVALID_OPTION'],
  ['half a surrogate pair', { a: '\ud83d' }, 'JOBS_VALUE_LONE_SURROGATE'],
  ['more than 8 KiB', { a: 'x'.repeat(8 * 1024) }, 'JOBS_VALUE_TOO_LARGE'],
])('%s is refused, and nothing is stored', async (_name, bad, code) => {
  const options = { headers: bad as Record<string, string> }
  expect((await refusal(() => queue.enqueue('job', {}, options))).code).toBe(code)
  const batch = [
    { job: 'job', payload: {} },
    { job: 'job', payload: {}, options },
  ]
  const error = await refusal(() => queue.enqueueMany(batch))
  expect(error.code).toBe(code)
  expect(error.message).toMatch(/^job 1 of the batch: /)
  expect(await queue.listJobs()).toEqual([])
})

test('a definition cannot preset them', async () => {
  const options = { headers } as object
  expect(
    await refusal(() => defineJob({ name: 'job', options, handler: () => ({ success: true }) })),
  ).toMatchObject({
    code: 'JOBS_INVALID_OPTION',
    message: 'headers of job "job" cannot be preset by its definition; pass it to enqueue',
  })
})

test('stored headers that are not JSON do not hide the job', async () => {
  const inner = createMemoryStore({ clock: time.clock })
  const store = storeWith(inner, {
    get: async (refs, call) =>
      (await inner.get(refs, call)).map((record): JobRecord | null =>
        record === null ? null : { ...record, headers: '{' },
      ),
  })
  queue = new SimulatedProcess(time, store).queue()
  const { id } = await queue.enqueue('job', { a: 1 }, { headers })
  expect(await queue.getJob(id)).toMatchObject({
    id,
    headers: {},
    error: { code: 'JOBS_PAYLOAD_UNREADABLE' },
  })
})
