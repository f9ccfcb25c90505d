import {
  type AttemptContext,
  type JobHandler,
  type JobQueue,
  JobsError,
  type JobStore,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { type Fault, faultyStore } from './store-with.ts'

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

/** A handler whose jobs run until they are let go, or, if told so, until their signal aborts. */
class Gate {
  readonly #opened = Promise.withResolvers<void>()
  readonly contexts: AttemptContext[] = []

  readonly handler: JobHandler<{ obeys?: boolean }> = async ({ payload }, context) => {
    this.contexts.push(context)
    if (payload.obeys === true) {
      await new Promise((_, reject) => {
        context.signal.addEventListener('abort', () => {
          reject(context.signal.reason as Error)
        })
      })
    }
    await this.#opened.promise
    return { success: true }
  }

  open(): void {
    this.#opened.resolve()
  }
}

/** Notes whether a promise has ended, without waiting for it. */
function watch(promise: Promise<void>): { ended: 'no' | 'resolved' | 'rejected' } {
  const watched: { ended: 'no' | 'resolved' | 'rejected' } = { ended: 'no' }
  promise.then(
    () => (watched.ended = 'resolved'),
    () => (watched.ended = 'rejected'),
  )
  return watched
}

describe('stop', () => {
  test('waits for what runs, and claims nothing more', async () => {
    const gate = new Gate()
    const { id } = await queue.enqueue('job', {})
    const processor = process.start({ queue, handlers: new Map([['job', gate.handler]]) })
    await time.settle()
    const stopped = watch(processor.stop())
    expect(processor.status().state).toBe('stopping')
    const late = await queue.enqueue('job', {})
    await time.advance(19_999)
    expect(stopped.ended).toBe('no')
    expect(gate.contexts[0]!.signal.aborted).toBe(false)
    // Its lease is kept all the while.
    expect(await queue.getJob(id)).toMatchObject({ status: 'running', lostLeases: 0 })
    gate.open()
    await time.settle()
    expect(stopped.ended).toBe('resolved')
    expect(processor.status()).toMatchObject({ state: 'stopped', running: 0 })
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed' })
    await time.advance(60_000)
    expect(await queue.getJob(late)).toMatchObject({ status: 'pending', attempts: 0 })
  })

  test('gives back at once, unspent, what was claimed and has not begun', async () => {
    const gate = new Gate()
    const quick: JobHandler = () => ({ success: true })
    await queue.enqueueMany(Array.from({ length: 40 }, () => ({ job: 'quick', payload: {} })))
    const processor = process.start({
      queue,
      handlers: new Map<string, JobHandler>([
        ['quick', quick],
        ['job', gate.handler],
      ]),
      maxConcurrency: 1,
    })
    await time.settle()
    await queue.enqueueMany([
      { job: 'job', payload: {} },
      ...Array.from({ length: 10 }, () => ({ job: 'quick', payload: {} })),
    ])
    await time.settle()
    expect(processor.status()).toMatchObject({ running: 1, prefetched: 10 })
    const stopped = watch(processor.stop())
    await time.settle()
    expect(stopped.ended).toBe('no')
    expect(await queue.counts()).toMatchObject({ running: 1, pending: 10, completed: 40 })
    for (const job of await queue.listJobs('pending')) expect(job).toMatchObject({ attempts: 0 })
    gate.open()
    await time.settle()
    expect(stopped.ended).toBe('resolved')
  })

  test('aborts after the grace period what still runs, and gives it back unspent', async () => {
    const gate = new Gate()
    const { id } = await queue.enqueue('job', { obeys: true })
    const told: string[] = []
    const processor = process.start({
      queue,
      handlers: new Map([['job', gate.handler]]),
      gracePeriod: 5_000,
      onError: () => told.push('onError'),
    })
    await time.settle()
    const stopped = watch(processor.stop())
    await time.advance(4_999)
    expect(gate.contexts[0]!.signal.aborted).toBe(false)
    expect(stopped.ended).toBe('no')
    await time.advance(1)
    expect(gate.contexts[0]!.signal.reason).toMatchObject({
      code: 'JOBS_WORKER_STOPPING',
      retryable: true,
    })
    expect(stopped.ended).toBe('resolved')
    expect(await queue.getJob(id)).toMatchObject({ status: 'pending', attempts: 0, releases: 1 })
    expect(told).toEqual([])
  })

  test('gives back what ignores its signal too, and resolves within the graces', async () => {
    const gate = new Gate()
    const { id } = await queue.enqueue('job', {})
    const processor = process.start({
      queue,
      handlers: new Map([['job', gate.handler]]),
      gracePeriod: 5_000,
      timeoutGrace: 1_000,
    })
    await time.settle()
    const stopped = watch(processor.stop())
    await time.advance(5_999)
    expect(stopped.ended).toBe('no')
    await time.advance(1)
    expect(stopped.ended).toBe('resolved')
    expect(await queue.getJob(id)).toMatchObject({ status: 'pending', attempts: 0 })
    // The result that comes now is not even offered; the job is another worker's.
    gate.open()
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({ status: 'pending', attempts: 0, releases: 1 })
    expect(process.messages).toEqual([
      'the grace period is over; attempts in progress are aborted and given back',
    ])
  })

  test('takes a grace period of its own', async () => {
    const gate = new Gate()
    const { id } = await queue.enqueue('job', { obeys: true })
    const processor = process.start({ queue, handlers: new Map([['job', gate.handler]]) })
    await time.settle()
    const stopped = watch(processor.stop({ gracePeriod: 0 }))
    await time.advance(0)
    expect(stopped.ended).toBe('resolved')
    expect(await queue.getJob(id)).toMatchObject({ status: 'pending' })
  })

  test('is the same promise each time, before, during and after', async () => {
    const processor = process.start({ queue, handlers: new Map() })
    const first = processor.stop()
    expect(processor.stop()).toBe(first)
    await first
    expect(processor.stop()).toBe(first)
    await processor[Symbol.asyncDispose]()
  })

  test('again with a shorter grace period hastens the end, and with a longer one does not delay it', async () => {
    const gate = new Gate()
    await queue.enqueue('job', { obeys: true })
    const processor = process.start({
      queue,
      handlers: new Map([['job', gate.handler]]),
      gracePeriod: 8_000,
    })
    await time.settle()
    const stopped = watch(processor.stop())
    await time.advance(1_000)
    void processor.stop({ gracePeriod: 60_000 })
    void processor.stop({ gracePeriod: 2_000 })
    await time.advance(1_999)
    expect(stopped.ended).toBe('no')
    await time.advance(1)
    expect(stopped.ended).toBe('resolved')
  })

  test('of a processor that never started resolves, and it cannot be started then', async () => {
    const processor = process.start({ queue, handlers: new Map() })
    processor.start()
    expect(processor.status().state).toBe('running')
    await processor.stop()
    expect(() => {
      processor.start()
    }).toThrow(/the processor of queue default was stopped; make a new one/)
  })

  test('leaves nothing behind that would hold the process open', async () => {
    const gate = new Gate()
    gate.open()
    await queue.enqueue('job', {})
    const processor = process.start({ queue, handlers: new Map([['job', gate.handler]]) })
    await time.advance(10_000)
    expect(time.foregroundTimers).toBeGreaterThan(0)
    await processor.stop()
    expect(time.foregroundTimers).toBe(0)
  })

  test('leaves nothing behind when it was called again while it aborted what ran', async () => {
    const gate = new Gate()
    await queue.enqueue('job', {})
    const processor = process.start({
      queue,
      handlers: new Map([['job', gate.handler]]),
      gracePeriod: 1_000,
    })
    await time.settle()
    const stopped = watch(processor.stop())
    await time.advance(1_500)
    void processor.stop()
    await time.advance(500)
    expect(stopped.ended).toBe('resolved')
    expect(time.foregroundTimers).toBe(0)
  })
})

describe('stop, while the store has trouble,', () => {
  function withFault(fault: Fault): void {
    process = new SimulatedProcess(time, faultyStore(inner, fault))
    queue = process.queue()
  }
  const isSettle = (operation: string, request: unknown): boolean =>
    operation === 'settle' && (request as { settlements: unknown[] }).settlements.length > 0

  test('resolves only when every outcome has been acknowledged', async () => {
    const reply = Promise.withResolvers<void>()
    withFault((operation, proceed, request) =>
      isSettle(operation, request)
        ? proceed().then((answer) => reply.promise.then(() => answer))
        : undefined,
    )
    const { id } = await queue.enqueue('job', {})
    const handler: JobHandler = () => ({ success: true })
    const completions: string[] = []
    const processor = process.start({
      queue,
      handlers: new Map([['job', handler]]),
      onComplete: (job) => completions.push(job.id),
    })
    await time.settle()
    // It is stored, and its worker does not know it yet.
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed' })
    const stopped = watch(processor.stop())
    await time.settle()
    expect(stopped.ended).toBe('no')
    expect(completions).toEqual([])
    reply.resolve()
    await time.settle()
    expect(stopped.ended).toBe('resolved')
    expect(completions).toEqual([id])
  })

  test('waits for the acknowledgement of what it gives back after the grace period, too', async () => {
    const reply = Promise.withResolvers<void>()
    withFault((operation, proceed, request) =>
      isSettle(operation, request)
        ? proceed().then((answer) => reply.promise.then(() => answer))
        : undefined,
    )
    const gate = new Gate()
    await queue.enqueue('job', { obeys: true })
    const processor = process.start({
      queue,
      handlers: new Map([['job', gate.handler]]),
      gracePeriod: 0,
      timeoutGrace: 0,
    })
    await time.settle()
    const stopped = watch(processor.stop())
    await time.advance(4_000)
    expect(stopped.ended).toBe('no')
    reply.resolve()
    await time.settle()
    expect(stopped.ended).toBe('resolved')
    expect(process.messages).toEqual([
      'the grace period is over; attempts in progress are aborted and given back',
    ])
  })

  test('repeats the outcomes until they are acknowledged', async () => {
    let failures = 4
    withFault((operation, _proceed, request) =>
      isSettle(operation, request) && failures-- > 0
        ? Promise.reject(new Error('connection reset'))
        : undefined,
    )
    const { id } = await queue.enqueue('job', {})
    const handler: JobHandler = () => ({ success: true })
    const processor = process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    const stopped = watch(processor.stop())
    await time.advance(10_000)
    expect(stopped.ended).toBe('resolved')
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', attempts: 1 })
  })

  test.each<[string, () => Promise<unknown>]>([
    ['refuses every outcome', () => Promise.reject(new JobsError('JOBS_STORE_CLOSED', 'closed'))],
    ['fails every outcome', () => Promise.reject(new Error('connection reset'))],
    ['never answers an outcome', () => new Promise(() => {})],
  ])('resolves in bounded time where it %s', async (_name, answer) => {
    withFault((operation, _proceed, request) =>
      isSettle(operation, request) ? answer() : undefined,
    )
    await queue.enqueue('job', {})
    const handler: JobHandler = () => ({ success: true })
    const processor = process.start({
      queue,
      handlers: new Map([['job', handler]]),
      gracePeriod: 3_000,
      timeoutGrace: 1_000,
    })
    await time.settle()
    const stopped = watch(processor.stop())
    await time.advance(3_000 + 1_000 + 5_000)
    expect(stopped.ended).toBe('resolved')
    // What still tries holds the process open for the rest of one call at most.
    for (let waited = 0; time.foregroundTimers > 0; waited += 100) {
      expect(waited).toBeLessThanOrEqual(5_000)
      await time.advance(100)
    }
  })

  test('gives back what a claim brings that was under way', async () => {
    const reply = Promise.withResolvers<void>()
    let claims = 0
    withFault((operation, proceed) =>
      operation === 'claim' && ++claims === 1 ? reply.promise.then(proceed) : undefined,
    )
    const gate = new Gate()
    const { id } = await queue.enqueue('job', {})
    const processor = process.start({ queue, handlers: new Map([['job', gate.handler]]) })
    await time.settle()
    const stopped = watch(processor.stop())
    await time.settle()
    expect(stopped.ended).toBe('no')
    reply.resolve()
    await time.settle()
    expect(stopped.ended).toBe('resolved')
    expect(gate.contexts).toEqual([])
    expect(await queue.getJob(id)).toMatchObject({ status: 'pending', attempts: 0, releases: 1 })
    expect(claims).toBe(1)
  })
})

test('one processor of a queue stops while the other goes on', async () => {
  const ran: string[] = []
  const handlerOf =
    (name: string): JobHandler =>
    () => {
      ran.push(name)
      return { success: true }
    }
  const first = process.start({ queue, handlers: new Map([['job', handlerOf('first')]]) })
  process.start({ queue: process.queue(), handlers: new Map([['job', handlerOf('second')]]) })
  await time.settle()
  await first.stop()
  await queue.enqueue('job', {})
  await time.settle()
  expect(ran).toEqual(['second'])
})
