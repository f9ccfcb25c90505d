import {
  defineJob,
  type JobHandler,
  type JobQueue,
  type JobStore,
  type RetryConfig,
  RetryAfterError,
  snooze,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
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

/** The delays that are stored after each failed attempt, read from the job itself. */
async function delaysOf(
  handler: JobHandler,
  retry: Partial<RetryConfig>,
  options: { readonly maxAttempts?: number; readonly retryDelay?: number } = {},
): Promise<number[]> {
  const job = defineJob({ name: 'job', retry, handler })
  const { id } = await queue.enqueue(job, {}, options)
  const processor = process.start({ queue, jobs: [job] })
  const delays: number[] = []
  for (;;) {
    await time.settle()
    const { status, scheduledAt, attempts } = (await queue.getJob(id))!
    if (status !== 'retrying') {
      expect(status).toBe('failed')
      await processor.stop()
      return delays
    }
    expect(attempts).toBe(delays.length + 1)
    const delay = scheduledAt.getTime() - time.clock.now()
    delays.push(delay)
    // Not a moment too early: the job still waits one millisecond before.
    time.pass(delay - 1)
    await time.advance(0)
    expect((await queue.getJob(id))!.attempts).toBe(attempts)
    await time.advance(1)
    expect((await queue.getJob(id))!.attempts).toBe(attempts + 1)
  }
}

const failing: JobHandler = () => {
  throw new Error('no')
}
const exact = { jitter: 0 } as const

describe('a failed attempt is repeated', () => {
  test.each<[string, Partial<RetryConfig>, number[]]>([
    ['after 1 s and 2 s by default, 3 attempts', exact, [1000, 2000]],
    [
      'after an equal delay: fixed',
      { ...exact, maxAttempts: 4, backoff: 'fixed', initialDelay: 250 },
      [250, 250, 250],
    ],
    [
      'after a delay that grows evenly: linear',
      { ...exact, maxAttempts: 4, backoff: 'linear', initialDelay: 250 },
      [250, 500, 750],
    ],
    [
      'after a delay that doubles: exponential',
      { ...exact, maxAttempts: 5, backoff: 'exponential', initialDelay: 250 },
      [250, 500, 1000, 2000],
    ],
    [
      'never after more than maxDelay',
      { ...exact, maxAttempts: 5, initialDelay: 250, maxDelay: 600 },
      [250, 500, 600, 600],
    ],
    [
      'never after more than a minute where no maxDelay is given',
      { ...exact, maxAttempts: 4, initialDelay: 40_000 },
      [40_000, 60_000, 60_000],
    ],
    [
      'never after more than a day where the first delay is longer than a minute',
      { ...exact, maxAttempts: 6, initialDelay: 7_200_000 },
      [7_200_000, 14_400_000, 28_800_000, 57_600_000, 86_400_000],
    ],
    [
      'after what a function of attempt and error says',
      {
        ...exact,
        maxAttempts: 4,
        backoff: (attempt, error) => attempt * 100 + (error as Error).message.length,
      },
      [102, 202, 302],
    ],
    ['not at all where there is one attempt', { maxAttempts: 1 }, []],
  ])('%s', async (_name, retry, expected) => {
    expect(await delaysOf(failing, retry)).toEqual(expected)
  })

  test.each<[string, RetryConfig['backoff']]>([
    [
      'throws',
      () => {
        throw new Error('in the backoff')
      },
    ],
    ['answers NaN', () => Number.NaN],
    ['answers a negative number', () => -5],
    ['answers no number', () => 'soon' as unknown as number],
    ['answers Infinity', () => Infinity],
    ['answers a time past the last instant', () => 8.64e15],
  ])('after the initial delay where the backoff function %s', async (_name, backoff) => {
    const delays = await delaysOf(failing, { ...exact, maxAttempts: 2, initialDelay: 70, backoff })
    expect(delays).toEqual([70])
  })

  test('no sooner than its share of the delay under jitter, and no later than the delay', async () => {
    const delays = await delaysOf(failing, {
      maxAttempts: 40,
      backoff: 'fixed',
      initialDelay: 1_000,
      jitter: 0.5,
    })
    expect(delays).toHaveLength(39)
    for (const delay of delays) {
      expect(delay).toBeGreaterThanOrEqual(500)
      expect(delay).toBeLessThanOrEqual(1_000)
    }
    expect(new Set(delays).size).toBeGreaterThan(20)
  })

  test('with jitter where nobody said anything', async () => {
    const delays = await delaysOf(failing, { maxAttempts: 20, backoff: 'fixed' })
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(800)
    expect(Math.max(...delays)).toBeLessThanOrEqual(1_000)
    expect(new Set(delays).size).toBeGreaterThan(5)
  })
})

describe('what enqueue says wins', () => {
  test('maxAttempts over the definition’s', async () => {
    expect(await delaysOf(failing, { ...exact, maxAttempts: 5 }, { maxAttempts: 2 })).toHaveLength(
      1,
    )
  })

  test('retryDelay over the initial delay, also beyond the default maxDelay', async () => {
    const options = { retryDelay: 300_000, maxAttempts: 3 }
    expect(await delaysOf(failing, exact, options)).toEqual([300_000, 300_000])
    const retry = { ...exact, maxDelay: 20 }
    expect(await delaysOf(failing, retry, options)).toEqual([300_000, 300_000])
  })

  test('retryDelay 0 over the initial delay, and there is no wait at all', async () => {
    const job = defineJob({ name: 'job', retry: exact, handler: failing })
    const { id } = await queue.enqueue(job, {}, { retryDelay: 0 })
    process.start({ queue, jobs: [job] })
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({ status: 'failed', attempts: 3 })
  })

  test('retryDelay grows as the policy says', async () => {
    const retry = { ...exact, backoff: 'linear' as const }
    expect(await delaysOf(failing, retry, { retryDelay: 10, maxAttempts: 4 })).toEqual([10, 20, 30])
  })
})

test('a definition’s policy travels with its handler through a plain Map', async () => {
  const job = defineJob({
    name: 'job',
    retry: { maxAttempts: 2, backoff: 'fixed', initialDelay: 77, jitter: 0 },
    handler: failing,
  })
  const handlers = new Map()
  handlers.set('job', job.handler)
  const { id } = await queue.enqueue('job', {})
  process.start({ queue, handlers })
  await time.settle()
  const waiting = (await queue.getJob(id))!
  expect(waiting.scheduledAt.getTime() - time.clock.now()).toBe(77)
  await time.advance(77)
  expect(await queue.getJob(id)).toMatchObject({ status: 'failed', attempts: 2 })
})

describe('retryAfter overrides the backoff', () => {
  const until = (ms: number): Date => new Date(time.clock.now() + ms)
  test.each<[string, () => unknown, number]>([
    ['milliseconds', () => new RetryAfterError('429', 30_000), 30_000],
    ['longer than maxDelay', () => new RetryAfterError('429', 3_600_000), 3_600_000],
    ['an instant', () => new RetryAfterError('429', until(45_000)), 45_000],
    ['an instant that has passed', () => new RetryAfterError('429', until(-45_000)), 0],
    ['zero', () => new RetryAfterError('429', 0), 0],
    ['any error', () => Object.assign(new Error('429'), { retryAfter: 12_345 }), 12_345],
    ['a fraction, rounded up', () => new RetryAfterError('429', 0.25), 1],
    ['no number, so the backoff applies', () => new RetryAfterError('429', Number.NaN), 1_000],
    [
      'an invalid Date, so the backoff applies',
      () => new RetryAfterError('429', new Date(Number.NaN)),
      1_000,
    ],
    ['for ever, so the backoff applies', () => new RetryAfterError('429', Infinity), 1_000],
  ])('as %s', async (_name, makeError, expected) => {
    const job = defineJob({
      name: 'job',
      retry: { ...exact, maxAttempts: 2 },
      handler: (_job, { attempt }) => {
        if (attempt === 1) throw makeError()
        return { success: true }
      },
    })
    const { id } = await queue.enqueue(job, {})
    const enqueuedAt = time.clock.now()
    let retriedIn: number | undefined
    process.start({
      queue,
      jobs: [job],
      onError: async () => {
        retriedIn ??= (await queue.getJob(id))!.scheduledAt.getTime() - enqueuedAt
      },
    })
    await time.settle()
    expect(retriedIn).toBe(expected)
  })

  test('also in a failure that the handler returns', async () => {
    const { id } = await queue.enqueue('job', {})
    const handler: JobHandler = () => ({
      success: false,
      error: { message: '429', code: 'LIMITED', retryAfter: 30_000 },
    })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    const job = (await queue.getJob(id))!
    expect(job).toMatchObject({ status: 'retrying', error: { code: 'LIMITED', retryable: true } })
    expect(job.scheduledAt.getTime() - time.clock.now()).toBe(30_000)
  })

  test('but grants no attempt beyond the last', async () => {
    const { id } = await queue.enqueue('job', {}, { maxAttempts: 1 })
    const handler: JobHandler = () => {
      throw new RetryAfterError('429', 10)
    }
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({ status: 'failed', attempts: 1 })
  })
})

describe('snooze', () => {
  test('gives the attempt back: the job waits, nothing is spent and nobody is told', async () => {
    let runs = 0
    const { id } = await queue.enqueue('job', {}, { maxAttempts: 1 })
    const handler: JobHandler = (_job, { attempt }) => {
      expect(attempt).toBe(1)
      return ++runs <= 3 ? snooze(5_000) : { success: true, data: runs }
    }
    const told: string[] = []
    process.start({
      queue,
      handlers: new Map([['job', handler]]),
      onError: () => told.push('onError'),
      onFailed: () => told.push('onFailed'),
      onComplete: () => told.push('onComplete'),
    })
    await time.settle()
    const waiting = (await queue.getJob(id))!
    expect(waiting).toMatchObject({ status: 'scheduled', attempts: 0, releases: 1 })
    expect(waiting.scheduledAt.getTime() - time.clock.now()).toBe(5_000)
    await time.advance(4_999)
    expect(runs).toBe(1)
    await time.advance(10_001)
    expect(await queue.getJob(id)).toMatchObject({
      status: 'completed',
      attempts: 1,
      releases: 3,
      result: 4,
    })
    expect(told).toEqual(['onComplete'])
  })

  test.each([[2.5, 3]])('of %s ms waits %s ms', async (ms, expected) => {
    const { id } = await queue.enqueue('job', {})
    let runs = 0
    const started = time.clock.now()
    const handler: JobHandler = () => (++runs === 1 ? snooze(ms) : snooze(60_000))
    process.start({ queue, handlers: new Map([['job', handler]]) })
    if (expected > 0) {
      await time.settle()
      expect((await queue.getJob(id))!.scheduledAt.getTime() - started).toBe(expected)
    }
    await time.advance(expected)
    expect(runs).toBe(2)
  })
})

test('a job that is snoozed for ever fails in the end, and everybody is told', async () => {
  const inner = createMemoryStore({ clock: time.clock })
  let releases = 9_999
  processReleasing(inner, () => releases)
  const told: string[] = []
  const handlers = new Map<string, JobHandler>([['job', () => snooze(2_000)]])
  const { id } = await queue.enqueue('job', {})
  process.start({
    queue,
    handlers,
    onError: (_job, error) => told.push(`onError ${error.message}`),
    onFailed: (job, error) => told.push(`onFailed ${job.status} ${error.message}`),
  })
  await time.settle()
  expect(await queue.getJob(id)).toMatchObject({ status: 'scheduled' })
  expect(told).toEqual([])
  releases = 10_001
  await time.advance(2_000)
  const message = 'the job was given back 10001 times without an attempt that counted'
  expect(await queue.getJob(id)).toMatchObject({
    status: 'failed',
    error: { code: 'JOBS_RELEASED_TOO_OFTEN', message, retryable: false },
  })
  expect(told).toEqual([`onError ${message}`, `onFailed failed ${message}`])
})

test('what workers gave back that did not know the job costs it no snooze', async () => {
  const inner = createMemoryStore({ clock: time.clock })
  const week = 7 * 24 * 60
  const { id } = await new SimulatedProcess(time, inner).queue().enqueue('job', {})
  // One release a minute, and 5,000 snoozes beside them.
  await time.advance(2 * week * 60_000)
  processReleasing(inner, () => 2 * week + 5_000)
  process.start({ queue, handlers: new Map<string, JobHandler>([['job', () => snooze(1_000)]]) })
  await time.advance(10_000)
  expect(await queue.getJob(id)).toMatchObject({ status: 'scheduled' })
})

test('a job that is snoozed too often fails, however old it is', async () => {
  const inner = createMemoryStore({ clock: time.clock })
  const { id } = await new SimulatedProcess(time, inner).queue().enqueue('job', {})
  await time.advance(60 * 60_000)
  let releases = 10_000 + 59
  processReleasing(inner, () => releases)
  process.start({ queue, handlers: new Map<string, JobHandler>([['job', () => snooze(2_000)]]) })
  await time.settle()
  expect(await queue.getJob(id)).toMatchObject({ status: 'scheduled' })
  releases += 2
  await time.advance(2_000)
  expect(await queue.getJob(id)).toMatchObject({ error: { code: 'JOBS_RELEASED_TOO_OFTEN' } })
})

/** Makes {@link process} one whose every claim tells of so many releases. */
function processReleasing(inner: JobStore, releases: () => number): void {
  const store = storeWith(inner, {
    async claim(request, options) {
      const result = await inner.claim(request, options)
      return { ...result, jobs: result.jobs.map((job) => ({ ...job, releases: releases() })) }
    },
  })
  process = new SimulatedProcess(time, store)
  queue = process.queue()
}

describe('durations', () => {
  test('a delay beyond 2³¹ ms is kept to the millisecond', async () => {
    const delay = 2 ** 31 + 5_000
    const { id } = await queue.enqueue('job', {}, { delay })
    time.pass(delay - 2)
    const processor = process.start({
      queue,
      handlers: new Map([['job', () => ({ success: true })]]),
    })
    await time.advance(1)
    expect(await queue.getJob(id)).toMatchObject({ status: 'scheduled', attempts: 0 })
    await time.advance(1)
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed' })
    await processor.stop()
  })

  test('the longest delay and the last instant are stored as dates', async () => {
    const delayed = await queue.enqueue('job', {}, { delay: 8.6e15 - 1 })
    expect(delayed.scheduledAt.getTime()).toBe(time.clock.now() + 8.6e15 - 1)
    const last = new Date(8.64e15)
    const scheduled = await queue.enqueue('job', {}, { scheduledAt: last })
    expect((await queue.getJob(scheduled))!.scheduledAt).toEqual(last)
    expect(await queue.counts()).toMatchObject({ scheduled: 2, pending: 0 })
  })

  test('fractions of a millisecond reach the store as whole ones, never shorter', async () => {
    const { id } = await queue.enqueue('job', {}, { delay: 0.5, retryDelay: 1.2, timeout: 2.7 })
    const [record] = await process.store.get([{ queue: 'default', tenantId: null, id }])
    expect(record).toMatchObject({
      runAt: record!.createdAt + 1,
      retryDelayMs: 2,
      timeoutMs: 3,
    })
  })

  test('an instant in the past is due now', async () => {
    const job = await queue.enqueue('job', {}, { scheduledAt: new Date(0) })
    expect(job).toMatchObject({ status: 'pending', scheduledAt: new Date(0) })
  })

  test('a definition’s delay applies unless the call names a time', async () => {
    const job = defineJob({ name: 'job', options: { delay: 500 }, handler: failing })
    const now = time.clock.now()
    const dueIn = async (options?: object): Promise<number> =>
      (await queue.enqueue(job, {}, options)).scheduledAt.getTime() - now
    expect(await dueIn()).toBe(500)
    expect(await dueIn({ delay: 7 })).toBe(7)
    expect(await dueIn({ delay: 0 })).toBe(0)
    expect(await dueIn({ scheduledAt: new Date(now + 90) })).toBe(90)
  })
})
