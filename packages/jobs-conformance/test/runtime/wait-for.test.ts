import { withTenant } from '@cgk/core'
import {
  defineJob,
  type JobHandler,
  type JobQueue,
  type JobRef,
  JobsError,
  type JobStore,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { type Fault, faultyStore } from './store-with.ts'

let time: ManualTime
let inner: JobStore
let fault: Fault
/** The refs of each `get` so far. */
let gets: (readonly JobRef[])[]
/** Waits. */
let waiting: SimulatedProcess
let queue: JobQueue
/** Works. */
let worker: SimulatedProcess

beforeEach(() => {
  time = new ManualTime()
  inner = createMemoryStore({ clock: time.clock })
  gets = []
  fault = () => undefined
  const store = faultyStore(inner, (operation, proceed, request) => {
    if (operation === 'get') gets.push(request as readonly JobRef[])
    return fault(operation, proceed, request)
  })
  waiting = new SimulatedProcess(time, store)
  queue = waiting.queue()
  worker = new SimulatedProcess(time, inner)
})

const handlers = new Map<string, JobHandler>([
  ['add', ({ payload }) => ({ success: true, data: Number(payload['a']) + Number(payload['b']) })],
  ['quiet', () => ({ success: true })],
  [
    'break',
    () => {
      throw Object.assign(new Error('broken'), { code: 'E_BROKEN' })
    },
  ],
])

/** Another process works from now on. */
function work(): void {
  worker.start({ queue: worker.queue(), handlers })
}

/** What became of a promise so far. */
function watch<T>(promise: Promise<T>): { readonly outcome: unknown } {
  const watched: { outcome: unknown } = { outcome: 'waiting' }
  promise.then(
    (value) => (watched.outcome = value),
    (error: unknown) => (watched.outcome = error),
  )
  return watched
}

describe('waitFor', () => {
  test('resolves with the result of a job that another process runs', async () => {
    const job = await queue.enqueue('add', { a: 1, b: 2 })
    const wait = watch(queue.waitFor(job))
    await time.advance(500)
    expect(wait.outcome).toBe('waiting')
    work()
    await time.advance(1_000)
    expect(wait.outcome).toBe(3)
  })

  test('resolves at once for a job that has ended, and with undefined where it returned nothing', async () => {
    const job = await queue.enqueue('quiet', {})
    work()
    await time.advance(1)
    expect(await queue.waitFor(job.id)).toBeUndefined()
  })

  test('notices at once what ends in its own process', async () => {
    const job = await queue.enqueue('add', { a: 1, b: 2 })
    const wait = watch(queue.waitFor(job))
    await time.advance(10_010)
    waiting.start({ queue: waiting.queue(), handlers })
    await time.settle()
    expect(wait.outcome).toBe(3)
    const second = await queue.enqueue('never', {}, { delay: 60_000 })
    const cancelled = watch(queue.waitFor(second))
    await time.settle()
    await waiting.queue().cancelJob(second)
    await time.settle()
    expect(cancelled.outcome).toMatchObject({ code: 'JOBS_CANCELLED' })
  })

  test('rejects with the error of a job that failed, once it has failed for good', async () => {
    const job = await queue.enqueue('break', {}, { maxAttempts: 2, retryDelay: 1_000 })
    const wait = watch(queue.waitFor(job))
    work()
    await time.advance(900)
    expect(wait.outcome).toBe('waiting')
    await time.advance(10_000)
    expect(wait.outcome).toMatchObject({
      code: 'JOBS_JOB_FAILED',
      retryable: false,
      message: expect.stringContaining(job.id) as string,
      cause: { message: 'broken', code: 'E_BROKEN' },
    })
  })

  test('rejects for a job that was cancelled elsewhere', async () => {
    const job = await queue.enqueue('add', {})
    const wait = watch(queue.waitFor(job))
    await time.settle()
    await worker.queue().cancelJob(job)
    await time.advance(1_000)
    expect(wait.outcome).toMatchObject({ code: 'JOBS_CANCELLED' })
  })

  test('rejects for a job that there is not, or that is kept no longer', async () => {
    expect((await refusal(() => queue.waitFor('nobody'))).code).toBe('JOBS_NOT_FOUND')
    const definition = defineJob({
      name: 'discarded',
      discard: true,
      handler: () => ({ success: true }),
    })
    const job = await queue.enqueue(definition, {})
    const wait = watch(queue.waitFor(job))
    worker.start({ queue: worker.queue(), jobs: [definition] })
    await time.advance(1_000)
    expect(wait.outcome).toMatchObject({ code: 'JOBS_NOT_FOUND' })
  })

  test('means the job of the current tenant, or whose it is said to be', async () => {
    const job = await queue.enqueue('add', { a: 1, b: 2 }, { jobId: 'sum', tenantId: 'acme' })
    work()
    await time.advance(1)
    expect(await withTenant('acme', () => queue.waitFor('sum'))).toBe(3)
    expect(await queue.waitFor(job)).toBe(3)
    expect(await queue.waitFor({ id: 'sum', tenantId: 'acme' })).toBe(3)
    expect((await refusal(() => queue.waitFor('sum'))).code).toBe('JOBS_NOT_FOUND')
  })

  test('gives up after its timeout, and the job goes on', async () => {
    const job = await queue.enqueue('add', { a: 1, b: 2 })
    const wait = watch(queue.waitFor(job, { timeout: 2_000 }))
    await time.advance(1_999)
    expect(wait.outcome).toBe('waiting')
    await time.advance(1)
    expect(wait.outcome).toMatchObject({ code: 'JOBS_WAIT_TIMEOUT', retryable: true })
    expect(time.foregroundTimers).toBe(0)
    const asked = gets.length
    work()
    await time.advance(10_000)
    expect(gets).toHaveLength(asked)
    expect(await queue.waitFor(job, { timeout: 0 }).catch(() => 'late')).toBe(3)
  })

  test('ends with its signal, before and while it waits', async () => {
    const job = await queue.enqueue('add', {})
    const reason = new Error('the caller went away')
    await expect(queue.waitFor(job, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(gets).toEqual([])
    const controller = new AbortController()
    const wait = watch(queue.waitFor(job, { signal: controller.signal, timeout: 60_000 }))
    await time.advance(100)
    controller.abort(reason)
    await time.settle()
    expect(wait.outcome).toBe(reason)
    expect(time.foregroundTimers).toBe(0)
    const asked = gets.length
    await time.advance(60_000)
    expect(gets).toHaveLength(asked)
  })

  test('leaves nothing at a signal that outlives it', async () => {
    const job = await queue.enqueue('quiet', {})
    work()
    await time.advance(1)
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...args)
    }
    await queue.waitFor(job, { signal })
    expect(listeners).toBe(0)
  })

  test.each([[-1], [Number.NaN], ['soon' as unknown as number]])(
    'refuses the timeout %j',
    async (timeout) => {
      const error = await refusal(() => queue.waitFor('job', { timeout }))
      expect(error.code).toBe('JOBS_INVALID_OPTION')
      expect(gets).toEqual([])
    },
  )

  test('wakes one waiter after the other has gone', async () => {
    const job = await queue.enqueue('add', { a: 1, b: 2 })
    const short = watch(queue.waitFor(job, { timeout: 100 }))
    const long = watch(queue.waitFor(job))
    await time.advance(200)
    expect(short.outcome).toMatchObject({ code: 'JOBS_WAIT_TIMEOUT' })
    expect(long.outcome).toBe('waiting')
    work()
    await time.advance(1_000)
    expect(long.outcome).toBe(3)
  })
})

describe('looking at what is waited for', () => {
  test('is half as often every time, down to once a second', async () => {
    const job = await queue.enqueue('add', {})
    const startedAt = time.clock.now()
    const looks: number[] = []
    fault = (operation) => {
      if (operation === 'get') looks.push(time.clock.now() - startedAt)
      return undefined
    }
    watch(queue.waitFor(job, { timeout: 5_000 }))
    await time.advance(5_000)
    expect(looks).toEqual([0, 25, 75, 175, 375, 775, 1_575, 2_575, 3_575, 4_575])
  })

  test('at thousands of jobs takes calls of a thousand, and one call for those that end together', async () => {
    const requests = Array.from({ length: 2_500 }, (_, b) => ({
      job: 'add',
      payload: { a: 0, b },
      options: { priority: -b },
    }))
    const jobs = [
      ...(await queue.enqueueMany(requests.slice(0, 1_000))),
      ...(await queue.enqueueMany(requests.slice(1_000))),
    ]
    const results = Promise.all(jobs.map((job) => queue.waitFor(job)))
    await time.settle()
    expect(gets.map(({ length }) => length)).toEqual([1_000, 1_000, 500])
    await time.advance(10)
    gets.length = 0
    waiting.start({ queue: waiting.queue(), handlers, maxConcurrency: 1_000 })
    await time.settle()
    expect(await results).toEqual(requests.map(({ payload }) => payload.b))
    expect(gets.length).toBeLessThan(30)
  })

  test('at jobs that came one by one happens together', async () => {
    for (let index = 0; index < 40; index++) {
      const job = await queue.enqueue('add', {})
      watch(queue.waitFor(job, { timeout: 20_000 }))
      await time.advance(3)
    }
    gets.length = 0
    await time.advance(10_000)
    // Each on its own would be 40 a second.
    expect(gets.length).toBeLessThan(100)
  })

  test('goes on after a store that did not answer, and says so', async () => {
    const job = await queue.enqueue('add', { a: 1, b: 2 })
    let troubles = 3
    fault = (operation) =>
      operation === 'get' && troubles-- > 0 ? Promise.reject(new Error('reset')) : undefined
    const wait = watch(queue.waitFor(job))
    work()
    await time.advance(1_000)
    expect(troubles).toBeLessThan(0)
    expect(wait.outcome).toBe(3)
    expect(waiting.messages).toContain(
      'jobs that are waited for could not be looked at; it is tried again',
    )
  })

  test('is soon at a new one, and at an old one again when the new one has gone', async () => {
    const old = await queue.enqueue('add', { a: 1, b: 2 })
    const wait = watch(queue.waitFor(old))
    await time.advance(5_600)
    const fresh = await queue.enqueue('never', {})
    gets.length = 0
    const short = watch(queue.waitFor(fresh, { timeout: 190 }))
    await time.advance(190)
    expect(short.outcome).toMatchObject({ code: 'JOBS_WAIT_TIMEOUT' })
    expect(gets.map((refs) => refs.map(({ id }) => id))).toEqual(
      Array.from({ length: 4 }, () => [fresh.id]),
    )
    work()
    await time.advance(1_000)
    expect(wait.outcome).toBe(3)
  })

  test('stops with the wait, also where an answer is under way', async () => {
    const job = await queue.enqueue('add', {})
    const answer = Promise.withResolvers<void>()
    fault = (operation, proceed) => (operation === 'get' ? answer.promise.then(proceed) : undefined)
    const wait = watch(queue.waitFor(job, { timeout: 100 }))
    await time.advance(100)
    expect(wait.outcome).toMatchObject({ code: 'JOBS_WAIT_TIMEOUT' })
    answer.resolve()
    await time.settle()
    expect(time.foregroundTimers).toBe(0)
  })

  test('of a store that is away happens no more often than otherwise', async () => {
    const job = await queue.enqueue('add', {})
    fault = (operation) =>
      operation === 'get' ? Promise.reject(new Error('connection refused')) : undefined
    watch(queue.waitFor(job, { timeout: 20_000 }))
    await time.advance(10_000)
    expect(gets.length).toBeLessThan(20)
  })

  test('ends where the store refuses to answer', async () => {
    const job = await queue.enqueue('add', {})
    const closed = new JobsError('JOBS_STORE_CLOSED', 'closed')
    fault = (operation) => (operation === 'get' ? Promise.reject(closed) : undefined)
    const error = await refusal(() => queue.waitFor(job))
    expect(error.code).toBe('JOBS_STORE_CLOSED')
    expect(time.foregroundTimers).toBe(0)
  })

  test('again at once where a job ends while it is looked at', async () => {
    const job = await queue.enqueue('add', { a: 1, b: 2 })
    const answer = Promise.withResolvers<void>()
    fault = (operation, proceed) =>
      operation === 'get' && gets.length === 1
        ? proceed().then(async (records) => {
            await answer.promise
            return records
          })
        : undefined
    const wait = watch(queue.waitFor(job))
    await time.settle()
    waiting.start({ queue: waiting.queue(), handlers })
    await time.settle()
    expect(wait.outcome).toBe('waiting')
    answer.resolve()
    await time.settle()
    expect(wait.outcome).toBe(3)
  })
})
