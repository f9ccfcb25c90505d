import type { AttemptContext, JobHandler, JobQueue, JobStore } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { storeWith } from './store-with.ts'

let time: ManualTime
let inner: JobStore
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  inner = createMemoryStore({ clock: time.clock })
  process = new SimulatedProcess(time, inner)
  queue = process.queue()
})

/** Whether the store gives hints; without them everything still happens, later. */
const HINTS = [
  { hints: 'a hint', withinMs: 0 },
  { hints: 'no hint', withinMs: 1_500 },
] as const

describe.each(HINTS)('with $hints from the store', ({ hints, withinMs }) => {
  beforeEach(() => {
    if (hints === 'a hint') return
    process = new SimulatedProcess(time, storeWith(inner, { subscribe: () => () => {} }))
    queue = process.queue()
  })

  test('cancelling reaches the handler on whichever worker runs it, and its result is refused', async () => {
    const told: string[] = []
    const gate = Promise.withResolvers<void>()
    let context: AttemptContext | undefined
    const handler: JobHandler = async (_job, given) => {
      context = given
      await gate.promise
      return { success: true, data: 'too late' }
    }
    const { id } = await queue.enqueue('job', {})
    const processor = process.start({
      queue,
      handlers: new Map([['job', handler]]),
      onComplete: () => told.push('onComplete'),
      onError: () => told.push('onError'),
      onFailed: () => told.push('onFailed'),
    })
    await time.settle()
    const operator = new SimulatedProcess(time, inner).queue()
    expect(await operator.cancelJob(id)).toMatchObject({ status: 'cancelled' })
    await time.advance(withinMs)
    expect(context!.signal.reason).toMatchObject({
      name: 'JobsError',
      code: 'JOBS_CANCELLED',
      message: `job ${id} was cancelled while it ran`,
    })
    gate.resolve()
    await time.settle()
    const job = await queue.getJob(id)
    expect(job).toMatchObject({ status: 'cancelled', attempts: 1 })
    expect(job).not.toHaveProperty('result')
    expect(processor.status()).toMatchObject({ running: 0 })
    expect(told).toEqual([])
  })

  test('a handler that ignores the cancellation loses its slot after the grace, once', async () => {
    const handler: JobHandler<{ hang?: boolean }> = ({ payload }) =>
      payload.hang === true ? new Promise(() => {}) : { success: true }
    const hanging = await queue.enqueue('job', { hang: true })
    const next = await queue.enqueue('job', {})
    const processor = process.start({
      queue,
      handlers: new Map([['job', handler]]),
      maxConcurrency: 1,
      timeoutGrace: 10_000,
    })
    await time.settle()
    await queue.cancelJob(hanging)
    await time.advance(withinMs)
    // Heartbeats say "cancelled" again and again; the grace begins with the first.
    await time.advance(9_999 - withinMs)
    expect(processor.status().running).toBe(1)
    await time.advance(1 + withinMs)
    expect(processor.status().running).toBe(0)
    expect(await queue.getJob(next)).toMatchObject({ status: 'completed' })
    expect(await queue.getJob(hanging)).toMatchObject({ status: 'cancelled' })
    // The worker has let go: the operator can begin it anew.
    expect(await queue.retryJob(hanging)).toMatchObject({ status: 'pending' })
  })

  test('pausing: nothing begins any more, what runs finishes, resuming goes on', async () => {
    const starts: number[] = []
    const gate = Promise.withResolvers<void>()
    const handler: JobHandler<number> = async ({ payload }) => {
      starts.push(payload)
      if (payload === 40) await gate.promise
      return { success: true }
    }
    await queue.enqueueMany(Array.from({ length: 80 }, (_, payload) => ({ job: 'job', payload })))
    const processor = process.start({
      queue,
      handlers: new Map([['job', handler]]),
      maxConcurrency: 1,
    })
    await time.settle()
    expect(processor.status()).toMatchObject({ running: 1, prefetched: 39 })
    await queue.pause()
    // What was claimed ahead goes back, without a hint when it has waited for 100 ms.
    await time.advance(Math.min(withinMs, 100))
    expect(await queue.counts()).toMatchObject({ running: 1, pending: 39 })
    gate.resolve()
    await time.advance(5_000)
    expect(starts).toHaveLength(41)
    expect(await queue.counts()).toMatchObject({ completed: 41, pending: 39, running: 0 })
    expect((await queue.listJobs('pending')).every(({ attempts }) => attempts === 0)).toBe(true)
    await queue.enqueue('job', 80)
    await time.advance(5_000)
    expect(starts).toHaveLength(41)
    await queue.resume()
    await time.advance(1_000)
    expect(await queue.counts()).toMatchObject({ completed: 81, pending: 0 })
    expect(new Set(starts).size).toBe(81)
  })
})

test('cancelling a job that was claimed ahead: it never begins', async () => {
  const starts: number[] = []
  const gate = Promise.withResolvers<void>()
  const handler: JobHandler<number> = async ({ payload }) => {
    starts.push(payload)
    if (payload === 40) await gate.promise
    return { success: true }
  }
  const jobs = await queue.enqueueMany(
    Array.from({ length: 60 }, (_, payload) => ({ job: 'job', payload })),
  )
  const processor = process.start({
    queue,
    handlers: new Map([['job', handler]]),
    maxConcurrency: 1,
  })
  await time.settle()
  expect(processor.status()).toMatchObject({ running: 1, prefetched: 19 })
  await queue.cancelJob(jobs[50]!)
  await time.settle()
  gate.resolve()
  await time.advance(1_000)
  expect(starts).not.toContain(50)
  expect(starts).toHaveLength(59)
  expect(await queue.counts()).toMatchObject({ completed: 59, cancelled: 1 })
})

test('cancelling a waiting, a scheduled or a retrying job: it never begins', async () => {
  const starts: unknown[] = []
  const handler: JobHandler<string> = ({ payload }) => {
    starts.push(payload)
    throw new Error('no')
  }
  await queue.pause()
  const waiting = await queue.enqueue('job', 'waiting')
  const scheduled = await queue.enqueue('job', 'scheduled', { delay: 500 })
  const retrying = await queue.enqueue('job', 'retrying', { retryDelay: 500 })
  await queue.cancelJob(waiting)
  await queue.resume()
  process.start({ queue, handlers: new Map([['job', handler]]) })
  await time.settle()
  expect(await queue.getJob(retrying)).toMatchObject({ status: 'retrying' })
  await queue.cancelJob(retrying)
  await queue.cancelJob(scheduled)
  await time.advance(60_000)
  expect(starts).toEqual(['retrying'])
})

describe('a timeout', () => {
  const timeout = 5_000

  test('aborts the signal; an attempt that ends by it fails and is repeated', async () => {
    const reasons: unknown[] = []
    const handler: JobHandler = (_job, { signal, attempt }) => {
      if (attempt === 2) return { success: true }
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason)
          reject(new Error('whatever the aborted call threw'))
        })
      })
    }
    const errors: unknown[] = []
    const { id } = await queue.enqueue('job', {}, { timeout, retryDelay: 1_000 })
    process.start({
      queue,
      handlers: new Map([['job', handler]]),
      onError: (_job, error) => errors.push(error),
    })
    await time.advance(timeout - 1)
    expect(reasons).toEqual([])
    await time.advance(1)
    const message = `attempt 1 of job ${id} took longer than 5000 ms`
    expect(reasons).toMatchObject([{ code: 'JOBS_ATTEMPT_TIMED_OUT', message, retryable: true }])
    expect(await queue.getJob(id)).toMatchObject({
      status: 'retrying',
      error: { code: 'JOBS_ATTEMPT_TIMED_OUT', message, retryable: true },
    })
    expect(errors).toEqual(reasons)
    await time.advance(1_000)
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', attempts: 2 })
  })

  test('that the handler ignores: after the grace the attempt is settled and its result refused', async () => {
    const gate = Promise.withResolvers<void>()
    const runs: number[] = []
    const handler: JobHandler = async (_job, { attempt }) => {
      runs.push(attempt)
      if (attempt === 1) await gate.promise
      return { success: true, data: `attempt ${attempt}` }
    }
    const { id } = await queue.enqueue('job', {}, { timeout, retryDelay: 0 })
    const processor = process.start({
      queue,
      handlers: new Map([['job', handler]]),
      timeoutGrace: 2_000,
      maxConcurrency: 1,
    })
    await time.advance(timeout + 1_999)
    expect(processor.status().running).toBe(1)
    expect(await queue.getJob(id)).toMatchObject({ status: 'running' })
    await time.advance(1)
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', result: 'attempt 2' })
    gate.resolve()
    await time.advance(10_000)
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', result: 'attempt 2' })
    expect(runs).toEqual([1, 2])
    // Not even offered to the store, which would have said that its lease was lost.
    expect(process.log).toEqual([])
  })

  test('does not take away a result that comes within the grace', async () => {
    const handler: JobHandler = async () => {
      await time.sleep(timeout + 500)
      return { success: true, data: 'just in time' }
    }
    const { id } = await queue.enqueue('job', {}, { timeout })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.advance(timeout + 500)
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', result: 'just in time' })
  })

  test('fails the job after its last attempt', async () => {
    const handler: JobHandler = () => new Promise(() => {})
    const { id } = await queue.enqueue('job', {}, { timeout, maxAttempts: 1 })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.advance(timeout + 1_000)
    expect(await queue.getJob(id)).toMatchObject({
      status: 'failed',
      error: { code: 'JOBS_ATTEMPT_TIMED_OUT' },
    })
  })

  test('of more than 2³¹ ms does not end the attempt early', async () => {
    const handler: JobHandler = () => new Promise(() => {})
    const { id } = await queue.enqueue('job', {}, { timeout: 2 ** 31 + 10 })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.advance(60_000)
    expect(await queue.getJob(id)).toMatchObject({ status: 'running', attempts: 1 })
  })

  test('ends with the attempt: nothing is aborted afterwards', async () => {
    let context: AttemptContext | undefined
    const handler: JobHandler = (_job, given) => {
      context = given
      return { success: true }
    }
    await queue.enqueue('job', {}, { timeout })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.advance(timeout + 5_000)
    expect(context!.signal.aborted).toBe(false)
  })

  test('beside a cancellation keeps the first reason and frees the slot after one grace', async () => {
    let context: AttemptContext | undefined
    const handler: JobHandler = (_job, given) => {
      context = given
      return new Promise(() => {})
    }
    const { id } = await queue.enqueue('job', {}, { timeout })
    const processor = process.start({
      queue,
      handlers: new Map([['job', handler]]),
      timeoutGrace: 4_000,
    })
    await time.advance(timeout)
    await queue.cancelJob(id)
    await time.advance(3_999)
    expect(context!.signal.reason).toMatchObject({ code: 'JOBS_ATTEMPT_TIMED_OUT' })
    expect(processor.status().running).toBe(1)
    await time.advance(1)
    expect(processor.status().running).toBe(0)
    expect(await queue.getJob(id)).toMatchObject({ status: 'cancelled' })
  })
})
