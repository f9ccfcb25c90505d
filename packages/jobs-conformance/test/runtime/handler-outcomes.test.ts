import { defineJob, type JobHandler, type JobQueue, PermanentError } from '@cgk/jobs-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

interface BadEnd {
  readonly name: string
  readonly handler: () => unknown
  readonly code?: string
  readonly message: RegExp
}

const SHAPE = /^Jobs must return JobResult: /

const BAD_ENDS: readonly BadEnd[] = [
  { name: 'returns nothing', handler: () => {}, code: 'JOBS_INVALID_RESULT', message: SHAPE },
  { name: 'returns null', handler: () => null, code: 'JOBS_INVALID_RESULT', message: SHAPE },
  { name: 'returns a BigInt', handler: () => 1n, code: 'JOBS_INVALID_RESULT', message: SHAPE },
  {
    name: 'returns a function',
    handler: () => () => 1,
    code: 'JOBS_INVALID_RESULT',
    message: SHAPE,
  },
  { name: 'returns true', handler: () => true, code: 'JOBS_INVALID_RESULT', message: SHAPE },
  { name: 'returns {}', handler: () => ({}), code: 'JOBS_INVALID_RESULT', message: SHAPE },
  {
    name: 'returns a truthy success',
    handler: () => ({ success: 1 }),
    code: 'JOBS_INVALID_RESULT',
    message: SHAPE,
  },
  {
    name: 'returns a failure without an error',
    handler: () => ({ success: false }),
    code: 'JOBS_INVALID_RESULT',
    message: /needs an error with a message/,
  },
  {
    name: 'returns a failure whose error is null',
    handler: () => ({ success: false, error: null }),
    code: 'JOBS_INVALID_RESULT',
    message: /needs an error with a message/,
  },
  {
    name: 'returns a failure without a message',
    handler: () => ({ success: false, error: {} }),
    code: 'JOBS_HANDLER_FAILED',
    message: /^the handler gave no message$/,
  },
  {
    name: 'returns follow-ups that are no list',
    handler: () => ({ success: true, followUps: { job: 'a' } }),
    code: 'JOBS_INVALID_RESULT',
    message: /followUps of a JobResult must be an array/,
  },
  {
    name: 'returns a follow-up that is null',
    handler: () => ({ success: true, followUps: [null] }),
    message: /./,
  },
  {
    name: 'returns a snooze that is no number',
    handler: () => ({ success: false, snoozeMs: Number.NaN }),
    code: 'JOBS_INVALID_RESULT',
    message: /^snooze takes a number of milliseconds from 0$/,
  },
  {
    name: 'returns a snooze that is over before it began',
    handler: () => ({ success: false, snoozeMs: -5 }),
    code: 'JOBS_INVALID_RESULT',
    message: /^snooze takes a number of milliseconds from 0$/,
  },
  {
    name: 'returns a snooze past the last instant',
    handler: () => ({ success: false, snoozeMs: 8.64e15 }),
    code: 'JOBS_INVALID_RESULT',
    message: /^snooze takes a number of milliseconds/,
  },
  {
    name: 'returns what throws when it is looked at',
    handler: () => ({
      get success(): never {
        throw new Error('look away')
      },
    }),
    message: /look away/,
  },
  {
    name: 'throws null',
    handler: () => {
      throw null
    },
    code: 'JOBS_HANDLER_FAILED',
    message: /^the handler threw null, which is not an Error$/,
  },
  {
    name: 'throws undefined',
    handler: () => {
      throw undefined
    },
    code: 'JOBS_HANDLER_FAILED',
    message: /^the handler threw undefined, which is not an Error$/,
  },
  {
    name: 'throws a string',
    handler: () => {
      throw 'the shop said no'
    },
    code: 'JOBS_HANDLER_FAILED',
    message: /^the handler threw "the shop said no", which is not an Error$/,
  },
  {
    name: 'throws an object',
    handler: () => {
      throw { reason: 'hunter2' }
    },
    code: 'JOBS_HANDLER_FAILED',
    message: /^the handler threw an object, which is not an Error$/,
  },
  {
    name: 'throws a symbol',
    handler: () => {
      throw Symbol('no')
    },
    code: 'JOBS_HANDLER_FAILED',
    message: /^the handler threw Symbol\(no\), which is not an Error$/,
  },
  {
    name: 'throws an error whose message is no text',
    handler: () => {
      throw Object.assign(new Error('x'), { message: Object.create(null) as string })
    },
    message: /./,
  },
  {
    name: 'throws an error that throws when it is looked at',
    handler: () => {
      throw Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw new Error('look away')
        },
      })
    },
    message: /./,
  },
  {
    name: 'throws an error whose retryAfter throws when it is looked at',
    handler: () => {
      throw Object.defineProperty(new Error('busy'), 'retryAfter', {
        get() {
          throw new Error('look away')
        },
      })
    },
    message: /./,
  },
]

/** The same end, reached without waiting and after a wait. */
const WAYS: readonly [string, (end: () => unknown) => JobHandler<never, unknown>][] = [
  ['at once', (end) => end as JobHandler<never, unknown>],
  [
    'after a wait',
    (end) => (async () => (await Promise.resolve(), end())) as JobHandler<never, unknown>,
  ],
]

describe.each(WAYS)('a handler that, %s,', (_way, wayTo) => {
  test.each(BAD_ENDS)(
    '$name fails its attempts with a clear error and harms no other job',
    async ({ handler, code, message }) => {
      const good: JobHandler = () => ({ success: true, data: 'fine' })
      const handlers = new Map<string, JobHandler<never, unknown>>([
        ['good', good],
        ['bad', wayTo(handler)],
      ])
      const before = await queue.enqueue('good', {})
      const bad = await queue.enqueue('bad', {}, { maxAttempts: 2 })
      const after = await queue.enqueue('good', {})
      const processor = process.start({ queue, handlers, maxConcurrency: 1 })
      await time.settle()
      expect(await queue.getJob(bad)).toMatchObject({ status: 'retrying', attempts: 1 })
      await time.advance(1_000)
      const failed = await queue.getJob(bad)
      expect(failed).toMatchObject({ status: 'failed', attempts: 2, error: { retryable: true } })
      expect(failed!.error!.message).toMatch(message)
      expect(failed!.error!.message).not.toContain('hunter2')
      if (code !== undefined) expect(failed!.error!.code).toBe(code)
      expect(await queue.getJob(before)).toMatchObject({ status: 'completed', attempts: 1 })
      expect(await queue.getJob(after)).toMatchObject({ status: 'completed', attempts: 1 })
      expect(processor.status()).toMatchObject({ running: 0, prefetched: 0 })
      expect(process.log).toEqual([])
    },
  )
})

test('a handler may return a promise that is not the platform’s own', async () => {
  const handler = (): Promise<{ success: true; data: string }> =>
    // Query builders return such: something with a `then` of its own.
    ({
      // eslint-disable-next-line unicorn/no-thenable -- a thenable is what this is about
      then: (resolve: (value: unknown) => void) => {
        resolve({ success: true, data: 'fine' })
      },
    }) as never
  const { id } = await queue.enqueue('job', {})
  process.start({ queue, handlers: new Map([['job', handler]]) })
  await time.settle()
  expect(await queue.getJob(id)).toMatchObject({ status: 'completed', result: 'fine' })
})

describe('an error as it is stored', () => {
  async function storedErrorOf(
    thrown: unknown,
  ): Promise<{ message: string; stack?: string; code?: string }> {
    const { id } = await queue.enqueue('job', {}, { maxAttempts: 1 })
    const handler: JobHandler = () => {
      throw thrown
    }
    const processor = process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    await processor.stop()
    return (await queue.getJob(id))!.error!
  }

  test('keeps message, code and stack', async () => {
    const error = Object.assign(new TypeError('no such order'), { code: 'ORDER_GONE' })
    expect(await storedErrorOf(error)).toEqual({
      message: 'no such order',
      code: 'ORDER_GONE',
      stack: error.stack,
      retryable: true,
    })
  })

  test('is bounded, and holds no text that a database cannot', async () => {
    const error = Object.assign(new Error(`\0\ud800${'x'.repeat(1_000_000)}`), {
      code: `\0${'c'.repeat(1_000)}`,
      stack: `\udfff${'s'.repeat(1_000_000)}`,
    })
    const stored = await storedErrorOf(error)
    expect(stored.message).toHaveLength(2_000)
    expect(stored.stack).toHaveLength(8_000)
    expect(stored.code).toHaveLength(100)
    expect(Object.values(stored).join('')).not.toMatch(/\0/)
    expect(Object.values(stored).join('').isWellFormed()).toBe(true)
    expect(stored.message.startsWith('\uFFFD\uFFFDxxx')).toBe(true)
  })

  test('is gone once the job completes', async () => {
    let attempts = 0
    const job = defineJob({
      name: 'job',
      retry: { initialDelay: 0 },
      handler: () => {
        if (++attempts === 1) throw new Error('once')
        return { success: true }
      },
    })
    const { id } = await queue.enqueue(job, {})
    process.start({ queue, jobs: [job] })
    await time.advance(10)
    const done = await queue.getJob(id)
    expect(done).toMatchObject({ status: 'completed', attempts: 2 })
    expect(done).not.toHaveProperty('error')
  })
})

describe('an end for good', () => {
  const thrown = (): never => {
    throw new PermanentError('order was deleted', { code: 'ORDER_GONE' })
  }
  test.each<[string, JobHandler]>([
    ['a thrown PermanentError', thrown],
    ['a rejected PermanentError', async () => (await Promise.resolve(), thrown())],
    [
      'an error that is only named so, as from another copy of the package',
      () => {
        throw Object.assign(new Error('order was deleted'), {
          name: 'PermanentError',
          code: 'ORDER_GONE',
        })
      },
    ],
    [
      'a failure that is not retryable',
      () => ({
        success: false,
        error: { message: 'order was deleted', code: 'ORDER_GONE', retryable: false },
      }),
    ],
  ])('is what %s means, whatever attempts are left', async (_name, handler) => {
    const { id } = await queue.enqueue('job', {}, { maxAttempts: 10 })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({
      status: 'failed',
      attempts: 1,
      error: { message: 'order was deleted', code: 'ORDER_GONE', retryable: false },
    })
  })
})
