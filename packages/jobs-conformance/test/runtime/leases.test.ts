import type { AttemptContext, JobHandler, JobQueue, JobStore, Lease } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore, listeningStore, storeWith } from './store-with.ts'

const LEASE_MS = 3_000

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

interface Held {
  readonly id: string
  readonly context: AttemptContext
  /** Lets the handler return. */
  readonly end: () => void
}

/** Starts one job and returns while its handler waits. */
async function hold(leaseMs = LEASE_MS): Promise<Held> {
  const gate = Promise.withResolvers<void>()
  let context: AttemptContext | undefined
  const handler: JobHandler = async (_job, given) => {
    context = given
    await gate.promise
    return { success: true, data: 'first' }
  }
  const { id } = await queue.enqueue('job', {})
  process.start({ queue, handlers: new Map([['job', handler]]), leaseMs })
  await time.settle()
  return { id, context: context!, end: gate.resolve }
}

/** Another worker on the same store, whose handler returns at once. */
function startOther(starts: string[] = []): SimulatedProcess {
  const other = new SimulatedProcess(time, inner)
  const handler: JobHandler = ({ id }) => {
    starts.push(id)
    return { success: true, data: 'second' }
  }
  other.start({ queue: other.queue(), handlers: new Map([['job', handler]]) })
  return other
}

describe('heartbeats', () => {
  test('keep a job as long as its handler runs, in whoever’s sight', async () => {
    const { id, context, end } = await hold()
    startOther()
    await time.advance(60_000)
    expect(await queue.getJob(id)).toMatchObject({ status: 'running', attempts: 1, lostLeases: 0 })
    expect(context.signal.aborted).toBe(false)
    end()
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', result: 'first' })
  })

  test('renew all leases of a process in one call, a few times per lease', async () => {
    const { store, requests } = listeningStore(inner)
    process = new SimulatedProcess(time, store)
    const queues = ['a', 'b'].map((name) => process.queue({ name }))
    const handler: JobHandler = () => new Promise(() => {})
    for (const each of queues) {
      await Promise.all(Array.from({ length: 25 }, () => each.enqueue('job', {})))
      process.start({ queue: each, handlers: new Map([['job', handler]]), maxConcurrency: 25 })
    }
    await time.advance(30_000)
    const extensions = requests<{ leases: Lease[]; leaseMs: number }>('extend')
    expect(extensions.length).toBeGreaterThanOrEqual(19)
    expect(extensions.length).toBeLessThanOrEqual(31)
    for (const { leases, leaseMs } of extensions) {
      expect(leases).toHaveLength(50)
      expect(leaseMs).toBe(LEASE_MS)
    }
  })

  test('stop with the last job', async () => {
    const { store, requests } = listeningStore(inner)
    process = new SimulatedProcess(time, store)
    queue = process.queue()
    const { end } = await hold()
    await time.advance(10_000)
    end()
    await time.settle()
    const before = requests('extend').length
    expect(before).toBeGreaterThan(0)
    await time.advance(60_000)
    expect(requests('extend')).toHaveLength(before)
  })

  test('that fail twice cost nothing', async () => {
    let failures = 2
    process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation) =>
        operation === 'extend' && failures-- > 0 ? Promise.reject(new Error('reset')) : undefined,
      ),
    )
    queue = process.queue()
    const { id, context } = await hold()
    startOther()
    await time.advance(20_000)
    expect(context.signal.aborted).toBe(false)
    expect(await queue.getJob(id)).toMatchObject({ status: 'running', lostLeases: 0 })
    expect(process.messages).toContain('a heartbeat was not answered; it is repeated')
  })

  test('are repeated every 100 ms while they fail', async () => {
    const failedAt: number[] = []
    process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation) => {
        if (operation !== 'extend') return undefined
        failedAt.push(time.clock.monotonic())
        return Promise.reject(new Error('reset'))
      }),
    )
    queue = process.queue()
    await hold(30_000)
    await time.advance(29_000)
    expect(failedAt.length).toBeGreaterThan(100)
    for (const [index, at] of failedAt.entries()) {
      if (index > 0) expect(at - failedAt[index - 1]!).toBeLessThanOrEqual(100)
    }
  })

  test('go on while no upkeep is answered', async () => {
    process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation) =>
        operation === 'maintain' ? new Promise(() => {}) : undefined,
      ),
    )
    queue = process.queue()
    const { id, context } = await hold()
    startOther()
    await time.advance(20_000)
    expect(context.signal.aborted).toBe(false)
    expect(await queue.getJob(id)).toMatchObject({ status: 'running', lostLeases: 0 })
  })

  test.each([LEASE_MS, 30_000])(
    'renew what expired while the process stood still, if nobody took it (lease %i ms)',
    async (leaseMs) => {
      const { id, context, end } = await hold(leaseMs)
      time.pass(10 * leaseMs)
      await time.advance(1_000)
      expect(context.signal.aborted).toBe(false)
      end()
      await time.settle()
      expect(await queue.getJob(id)).toMatchObject({
        status: 'completed',
        attempts: 1,
        lostLeases: 0,
        result: 'first',
      })
    },
  )
})

describe('a lost lease', () => {
  test('aborts the signal as soon as it is known; the result is refused and another’s stands', async () => {
    const { id, context, end } = await hold()
    const completions: unknown[] = []
    // A signal that was looked at before the loss and one that is looked at only afterwards agree.
    const { signal } = context
    let abortedAt: number | undefined
    signal.addEventListener('abort', () => {
      abortedAt = time.clock.monotonic()
    })
    time.pass(LEASE_MS + 1)
    const other = startOther()
    const otherQueue = other.queue()
    await time.settle()
    expect(await otherQueue.getJob(id)).toMatchObject({ status: 'completed', result: 'second' })
    const resumedAt = time.clock.monotonic()
    await time.advance(0)
    expect(abortedAt).toBe(resumedAt)
    expect(signal.reason).toMatchObject({ code: 'JOBS_LEASE_LOST', retryable: true })
    end()
    await time.settle()
    expect(completions).toEqual([])
    expect(await queue.getJob(id)).toMatchObject({
      status: 'completed',
      attempts: 1,
      lostLeases: 1,
      result: 'second',
    })
    expect(process.messages).toContain('a lease was lost; the outcome of its attempt was refused')
  })

  test('is told to no callback', async () => {
    const told: string[] = []
    const gate = Promise.withResolvers<void>()
    const { id } = await queue.enqueue('job', {})
    process.start({
      queue,
      handlers: new Map([['job', async () => (await gate.promise, { success: true })]]),
      onComplete: () => told.push('onComplete'),
      onError: () => told.push('onError'),
      onFailed: () => told.push('onFailed'),
    })
    await time.settle()
    time.pass(LEASE_MS + 1)
    startOther()
    await time.settle()
    gate.resolve()
    await time.advance(2_000)
    expect(told).toEqual([])
    expect(await queue.getJob(id)).toMatchObject({ result: 'second' })
  })

  test('is assumed when its time is over and no heartbeat was answered', async () => {
    let silent = false
    process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation) =>
        operation === 'extend' && silent ? new Promise(() => {}) : undefined,
      ),
    )
    queue = process.queue()
    const { context } = await hold()
    silent = true
    await time.advance(LEASE_MS - 1)
    expect(context.signal.aborted).toBe(false)
    await time.advance(LEASE_MS / 4 + 1)
    expect(context.signal.reason).toMatchObject({ code: 'JOBS_LEASE_LOST' })
  })

  test('costs a handler that ignores its signal the slot, so that others run', async () => {
    const { id } = await queue.enqueue('job', {})
    const starts: string[] = []
    const handler: JobHandler = (job) => {
      starts.push(job.id)
      return new Promise(() => {})
    }
    const processor = process.start({
      queue,
      handlers: new Map([['job', handler]]),
      maxConcurrency: 1,
    })
    await time.settle()
    time.pass(LEASE_MS + 1)
    startOther()
    await time.settle()
    await time.advance(0)
    expect(processor.status().running).toBe(1)
    await time.advance(1_000)
    expect(processor.status().running).toBe(0)
    expect(starts).toEqual([id])
  })
})

describe('a worker that stood still for longer than its leases', () => {
  test('begins none of the jobs it had claimed ahead, only what it claims anew', async () => {
    const claimedAt: number[] = []
    const gate = Promise.withResolvers<void>()
    const handler: JobHandler<{ wait?: boolean }> = async ({ payload, startedAt }) => {
      claimedAt.push(startedAt!.getTime())
      if (payload.wait === true) await gate.promise
      return { success: true }
    }
    await queue.enqueueMany(
      Array.from({ length: 60 }, (_, n) => ({ job: 'job', payload: { wait: n === 40 } })),
    )
    const processor = process.start({
      queue,
      handlers: new Map([['job', handler]]),
      maxConcurrency: 1,
    })
    await time.settle()
    expect(processor.status()).toMatchObject({ running: 1, prefetched: 19 })
    const before = claimedAt.length
    time.pass(LEASE_MS)
    const resumedAt = time.clock.now()
    startOther()
    await time.settle()
    // The slot is free now, and no heartbeat has said yet that the leases are lost.
    gate.resolve()
    await time.advance(60_000)
    expect(await queue.counts()).toMatchObject({ completed: 60 })
    expect(claimedAt.slice(before).filter((at) => at < resumedAt)).toEqual([])
  })

  test('begins what it still holds', async () => {
    const starts: string[] = []
    const gate = Promise.withResolvers<void>()
    const handler: JobHandler<{ wait?: boolean }> = async ({ id, payload }) => {
      starts.push(id)
      if (payload.wait === true) await gate.promise
      return { success: true }
    }
    await queue.enqueueMany(
      Array.from({ length: 60 }, (_, n) => ({ job: 'job', payload: { wait: n === 40 } })),
    )
    process.start({ queue, handlers: new Map([['job', handler]]), maxConcurrency: 1 })
    await time.settle()
    const before = starts.length
    time.pass(LEASE_MS - 1)
    gate.resolve()
    await time.settle()
    expect(starts.length).toBe(60)
    expect(new Set(starts).size).toBe(60)
    expect(before).toBe(41)
  })
})

describe('extendLease', () => {
  test('keeps the job through work that blocks the event loop', async () => {
    const { id, context, end } = await hold()
    startOther()
    await context.extendLease(60_000)
    time.pass(59_000)
    await time.advance(0)
    expect(context.signal.aborted).toBe(false)
    end()
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', result: 'first' })
  })

  test('never shortens a lease, in the store or in the worker', async () => {
    let silent = false
    process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation) =>
        operation === 'extend' && silent ? new Promise(() => {}) : undefined,
      ),
    )
    queue = process.queue()
    const { id, context } = await hold()
    await context.extendLease(60_000)
    await context.extendLease(1)
    silent = true
    startOther()
    await time.advance(59_000)
    expect(await queue.getJob(id)).toMatchObject({ status: 'running', lostLeases: 0 })
    expect(context.signal.aborted).toBe(false)
  })

  test('throws JOBS_LEASE_LOST once the job is another’s, and aborts the signal', async () => {
    const { context } = await hold()
    time.pass(LEASE_MS + 1)
    startOther()
    await time.settle()
    expect((await refusal(() => context.extendLease(1_000))).code).toBe('JOBS_LEASE_LOST')
    expect(context.signal.reason).toMatchObject({ code: 'JOBS_LEASE_LOST' })
  })

  test('throws a retryable error where the part of the store did not answer, and keeps the job', async () => {
    process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation) =>
        operation === 'extend' ? Promise.resolve(['unanswered']) : undefined,
      ),
    )
    queue = process.queue()
    const { context } = await hold()
    expect(await refusal(() => context.extendLease(60_000))).toMatchObject({
      code: 'JOBS_STORE_UNAVAILABLE',
      retryable: true,
    })
    expect(context.signal.aborted).toBe(false)
  })

  test.each([0, -1, Number.NaN, Infinity, '5'])('refuses %s', async (ms) => {
    const { context } = await hold()
    expect(await refusal(() => context.extendLease(ms as number))).toMatchObject({
      code: 'JOBS_INVALID_OPTION',
      message: expect.stringMatching(/^extendLease must be a number of milliseconds/) as string,
    })
  })
})

test('a worker whose process is gone: its job begins elsewhere within 5 s', async () => {
  const { id } = await hold()
  const other = startOther()
  const diedAt = time.clock.monotonic()
  process.die()
  const otherQueue = other.queue()
  while ((await otherQueue.getJob(id))!.status !== 'completed') {
    await time.advance(100)
    expect(time.clock.monotonic() - diedAt).toBeLessThanOrEqual(5_000)
  }
  expect(await otherQueue.getJob(id)).toMatchObject({ lostLeases: 1, attempts: 1 })
})

test('without any hint from the store, a worker finds jobs at its poll interval', async () => {
  const deaf = storeWith(inner, { subscribe: () => () => {} })
  process = new SimulatedProcess(time, deaf)
  queue = process.queue()
  const handler: JobHandler = () => ({ success: true })
  process.start({ queue, handlers: new Map([['job', handler]]), pollInterval: 400 })
  await time.settle()
  const { id } = await queue.enqueue('job', {})
  await time.advance(399)
  expect((await queue.getJob(id))!.status).toBe('pending')
  await time.advance(1)
  expect((await queue.getJob(id))!.status).toBe('completed')
})
