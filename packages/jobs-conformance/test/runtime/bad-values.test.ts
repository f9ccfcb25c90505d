import { defineJob, type JobQueue, type JobsErrorCode } from '@cgk/jobs-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { BAD_VALUES, type BadValue, SECRET } from './bad-values.ts'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'

const NO_JOBS = {
  pending: 0,
  scheduled: 0,
  running: 0,
  retrying: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
}

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

/** The message of an error about the value, checked for what it must and must not say. */
function expectRefused(
  error: { readonly code?: string; readonly message: string },
  { code, path, says, hides = SECRET }: Pick<BadValue, 'code' | 'path' | 'says' | 'hides'>,
  subject: string,
): void {
  expect(error.code).toBe(code)
  expect(error.message).toContain(`${subject}${path}`)
  expect(error.message).toMatch(says)
  expect(error.message).not.toContain(SECRET)
  expect(error.message).not.toContain(hides)
  expect(error.message.length).toBeLessThan(400)
}

describe.each(BAD_VALUES)('$name is refused by name and place, and nothing is stored,', (bad) => {
  test('as a payload', async () => {
    const error = await refusal(() => queue.enqueue('job', bad.make()))
    expectRefused(error, bad, 'payload')
    expect(error.retryable).toBe(false)
    expect(await queue.counts()).toEqual(NO_JOBS)
  })

  test('as the payload of one job of many, none of which is stored', async () => {
    const error = await refusal(() =>
      queue.enqueueMany([
        { job: 'job', payload: { fine: true } },
        { job: 'job', payload: bad.make() },
        { job: 'job', payload: { fine: true } },
      ]),
    )
    expectRefused(error, bad, 'job 1 of the batch: payload')
    expect(await queue.counts()).toEqual(NO_JOBS)
  })

  test('as metadata', async () => {
    const metadata = bad.make() as Record<string, unknown>
    expectRefused(await refusal(() => queue.enqueue('job', {}, { metadata })), bad, 'metadata')
    const preset = defineJob({
      name: 'preset',
      options: { metadata },
      handler: () => ({ success: true }),
    })
    expectRefused(await refusal(() => queue.enqueue(preset, {})), bad, 'metadata')
    expect(await queue.counts()).toEqual(NO_JOBS)
  })

  test('as a result, which fails the attempt and stores no part of it', async () => {
    const { id } = await queue.enqueue('job', {}, { maxAttempts: 1 })
    process.start({
      queue,
      handlers: new Map([['job', () => ({ success: true, data: bad.make() })]]),
    })
    await time.settle()
    const job = await queue.getJob(id)
    expect(job).toMatchObject({ status: 'failed', attempts: 1 })
    expect(job).not.toHaveProperty('result')
    expectRefused(job!.error!, bad, 'result')
  })

  test('as progress, which throws into the handler and stores nothing', async () => {
    const { id } = await queue.enqueue('job', {}, { maxAttempts: 1 })
    const handlers = new Map([
      [
        'job',
        (_job: unknown, { progress }: { progress: (value: unknown) => void }) => {
          progress(bad.make())
          return { success: true as const }
        },
      ],
    ])
    process.start({ queue, handlers })
    await time.settle()
    const job = await queue.getJob(id)
    expect(job).toMatchObject({ status: 'failed' })
    expect(job).not.toHaveProperty('progress')
    // Progress has a smaller limit of its own.
    const smaller = bad.code === 'JOBS_VALUE_TOO_LARGE' ? { says: /; the limit is 65536/ } : {}
    expectRefused(job!.error!, { ...bad, ...smaller }, 'progress')
  })

  test('as the payload of a follow-up, which fails the attempt and stores no follow-up', async () => {
    const { id } = await queue.enqueue('job', {}, { maxAttempts: 1 })
    const followUps = [
      { job: 'next', payload: { fine: true } },
      { job: 'next', payload: bad.make() },
    ]
    process.start({ queue, handlers: new Map([['job', () => ({ success: true, followUps })]]) })
    await time.settle()
    const job = await queue.getJob(id)
    expect(job).toMatchObject({ status: 'failed' })
    expectRefused(job!.error!, bad, 'payload')
    expect(await queue.counts()).toEqual({ ...NO_JOBS, failed: 1 })
  })
})

test.each<[string, unknown, JobsErrorCode, RegExp]>([
  ['undefined', undefined, 'JOBS_VALUE_UNDEFINED', /^payload is undefined/],
  ['a BigInt', 1n, 'JOBS_VALUE_BIGINT', /^payload is a BigInt/],
  ['NaN', Number.NaN, 'JOBS_VALUE_NOT_FINITE', /^payload is NaN/],
  ['a function', () => 1, 'JOBS_VALUE_UNSUPPORTED', /^payload is a function/],
  ['a symbol', Symbol('x'), 'JOBS_VALUE_UNSUPPORTED', /^payload is a symbol/],
  ['a Map', new Map(), 'JOBS_VALUE_UNSUPPORTED', /^payload is an instance of Map/],
  ['a Date', new Date(0), 'JOBS_VALUE_DATE', /^payload is a Date/],
  ['half a pair', '\ud800', 'JOBS_VALUE_LONE_SURROGATE', /^payload holds a string/],
  ['a boxed number', Object(1), 'JOBS_VALUE_UNSUPPORTED', /^payload is an instance of Number/],
])('a payload that is itself %s is refused', async (_name, payload, code, message) => {
  const error = await refusal(() => queue.enqueue('job', payload))
  expect(error.code).toBe(code)
  expect(error.message).toMatch(message)
  expect(await queue.counts()).toEqual(NO_JOBS)
})

test('exactly 64 levels and exactly 256 KiB are stored and come back', async () => {
  let deep: unknown = 'x'
  for (let level = 0; level < 64; level++) deep = { in: deep }
  const large = 'x'.repeat(256 * 1024 - 2)
  for (const payload of [deep, large]) {
    const { id } = await queue.enqueue('job', payload)
    expect((await queue.getJob(id))!.payload).toEqual(payload)
  }
})

describe('sizes are configurable', () => {
  test('per queue, for payloads, results and metadata', async () => {
    const small = process.queue({ sizes: { payloadBytes: 10, depth: 2 } })
    expect(await refusal(() => small.enqueue('job', 'x'.repeat(9)))).toMatchObject({
      code: 'JOBS_VALUE_TOO_LARGE',
      message: expect.stringContaining('is 11 bytes of JSON; the limit is 10') as string,
    })
    expect(await refusal(() => small.enqueue('job', [[[]]]))).toMatchObject({
      code: 'JOBS_VALUE_TOO_DEEP',
      message: expect.stringContaining('payload[0][0] is nested deeper than 2 levels') as string,
    })
    expect(
      await refusal(() => small.enqueue('job', 1, { metadata: { key: 'value' } })),
    ).toMatchObject({
      code: 'JOBS_VALUE_TOO_LARGE',
      message: expect.stringMatching(/^metadata/) as string,
    })
    const { id } = await small.enqueue('job', 1, { maxAttempts: 1 })
    process.start({
      queue: small,
      handlers: new Map([['job', () => ({ success: true, data: 'x'.repeat(9) })]]),
    })
    await time.settle()
    expect((await small.getJob(id))!.error).toMatchObject({ code: 'JOBS_VALUE_TOO_LARGE' })
  })

  test('upwards too', async () => {
    const large = process.queue({ sizes: { payloadBytes: 1_000_000, depth: 100 } })
    let deep: unknown = 'x'.repeat(300_000)
    for (let level = 0; level < 100; level++) deep = [deep]
    const { id } = await large.enqueue('job', deep)
    expect((await large.getJob(id))!.payload).toEqual(deep)
  })

  test('for names and ids', async () => {
    const short = process.queue({ sizes: { nameLength: 3, idLength: 4 } })
    await short.enqueue('abc', 1, { jobId: 'abcd' })
    expect(await refusal(() => short.enqueue('abcd', 1))).toMatchObject({
      code: 'JOBS_INVALID_JOB_NAME',
      message: expect.stringContaining('1 to 3 characters') as string,
    })
    expect(await refusal(() => short.enqueue('abc', 1, { jobId: 'abcde' }))).toMatchObject({
      code: 'JOBS_INVALID_JOB_ID',
      message: expect.stringContaining('1 to 4 characters') as string,
    })
    expect(await short.counts()).toEqual({ ...NO_JOBS, pending: 1 })
  })
})
