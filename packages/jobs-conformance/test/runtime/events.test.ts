import { currentTenant, withTenant } from '@cgk/core'
import {
  type JobEvent,
  type JobEventType,
  type JobHandler,
  type JobQueue,
  type JobStore,
  PermanentError,
  snooze,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore } from './store-with.ts'

const TYPES: readonly JobEventType[] = [
  'enqueued',
  'replaced',
  'started',
  'completed',
  'attemptFailed',
  'failed',
  'released',
  'cancelled',
  'leaseLost',
]

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

const handlers = new Map<string, JobHandler>([
  ['succeed', () => ({ success: true, data: 'done' })],
  [
    'break',
    () => {
      throw new Error('broken')
    },
  ],
  [
    'give up',
    () => {
      throw new PermanentError('never')
    },
  ],
  ['snooze', () => snooze(60_000)],
  ['hang', () => new Promise(() => {})],
])

/** Collects every event of a queue. */
function listen(to: JobQueue = queue): JobEvent[] {
  const events: JobEvent[] = []
  for (const type of TYPES) to.on(type, (event) => events.push(event))
  return events
}

const types = (events: readonly JobEvent[]): readonly string[] => events.map(({ type }) => type)

describe('events', () => {
  test('tell the life of a job that completes', async () => {
    const events = listen()
    const { id } = await queue.enqueue('succeed', { a: 1 })
    process.start({ queue, handlers })
    await time.advance(5)
    expect(events).toMatchObject([
      { type: 'enqueued', job: { id, status: 'pending', payload: { a: 1 } } },
      { type: 'started', attempt: 1, job: { id, status: 'running', attempts: 1 } },
      {
        type: 'completed',
        attempt: 1,
        result: 'done',
        job: { id, status: 'completed', result: 'done' },
      },
    ])
    for (const { at } of events) expect(at).toEqual(new Date(time.clock.now() - 5))
  })

  test('tell of each failed attempt and of the failure, with the error', async () => {
    const events = listen()
    await queue.enqueue('break', {}, { maxAttempts: 2, retryDelay: 50 })
    process.start({ queue, handlers })
    await time.advance(1_000)
    expect(events).toMatchObject([
      { type: 'enqueued' },
      { type: 'started', attempt: 1 },
      {
        type: 'attemptFailed',
        attempt: 1,
        delayMs: expect.any(Number) as number,
        error: new Error('broken'),
        job: { status: 'retrying' },
      },
      { type: 'started', attempt: 2 },
      { type: 'failed', attempt: 2, error: new Error('broken'), job: { status: 'failed' } },
    ])
    const [, , failed] = events
    expect((failed as JobEvent<'attemptFailed'>).delayMs).toBeGreaterThan(0)
  })

  test('tell of jobs that are given back', async () => {
    const events = listen()
    await queue.enqueue('snooze', {})
    await queue.enqueue('unknown', { of: 'no handler' })
    process.start({ queue, handlers })
    await time.advance(1)
    expect(events.filter(({ type }) => type === 'released')).toMatchObject([
      { delayMs: 60_000, job: { name: 'snooze', status: 'scheduled', attempts: 0 } },
      {
        delayMs: 1_000,
        job: { name: 'unknown', status: 'scheduled', payload: { of: 'no handler' } },
      },
    ])
  })

  test('tell of cancelling, once', async () => {
    const events = listen()
    const [a, b, c] = await queue.enqueueMany(['x', 'y', 'y'].map((job) => ({ job, payload: {} })))
    await queue.cancelJob(a!)
    await queue.cancelJob(a!)
    await queue.cancelJobs({ name: 'y' }, { preview: true })
    await queue.cancelJobs({ name: 'y' })
    const cancelled = events.filter(({ type }) => type === 'cancelled')
    expect(cancelled.map(({ job }) => job.id).toSorted()).toEqual([a!.id, b!.id, c!.id].toSorted())
    expect(cancelled.every(({ job }) => job.status === 'cancelled')).toBe(true)
  })

  test('tell of a running job that is cancelled, and not of the end its handler came to', async () => {
    const events = listen()
    const gate = Promise.withResolvers<void>()
    const { id } = await queue.enqueue('wait', {})
    process.start({
      queue,
      handlers: new Map([
        [
          'wait',
          async () => {
            await gate.promise
            return { success: true as const }
          },
        ],
      ]),
    })
    await time.settle()
    await queue.cancelJob(id)
    gate.resolve()
    await time.advance(10)
    expect(types(events)).toEqual(['enqueued', 'started', 'cancelled'])
  })

  test('tell of a job whose content a later one replaced', async () => {
    const events = listen()
    const uniqueKey = { key: 'k', ifTaken: 'replace' } as const
    const first = await queue.enqueue('succeed', { n: 1 }, { uniqueKey, delay: 1_000 })
    await queue.enqueue('succeed', { n: 2 }, { uniqueKey, delay: 1_000 })
    await queue.enqueue('succeed', { n: 3 }, { uniqueKey: 'k' })
    expect(events).toMatchObject([
      { type: 'enqueued', job: { id: first.id, payload: { n: 1 } } },
      { type: 'replaced', job: { id: first.id, payload: { n: 2 } } },
    ])
  })

  test('do not tell of an enqueue that found its job there', async () => {
    await queue.enqueue('succeed', {}, { jobId: 'same' })
    const events = listen()
    await queue.enqueue('succeed', {}, { jobId: 'same' })
    expect(events).toEqual([])
  })

  test('tell of every member of a group, nested ones included', async () => {
    const events = listen()
    const member = { job: 'succeed', payload: {} }
    await queue.enqueueGroup([member, { jobs: [member], onAnyFailed: 'nothing' }], {
      onAnyFailed: 'nothing',
    })
    expect(types(events)).toEqual(['enqueued', 'enqueued'])
  })

  test('of an outcome come once the store has answered', async () => {
    const answered = Promise.withResolvers<void>()
    process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation, proceed, request) => {
        const { settlements = [] } = request as { settlements?: readonly unknown[] }
        if (operation !== 'settle' || settlements.length === 0) return undefined
        return proceed().then(async (answer) => {
          await answered.promise
          return answer
        })
      }),
    )
    queue = process.queue()
    const events = listen()
    await queue.enqueue('succeed', {})
    process.start({ queue, handlers })
    await time.advance(10)
    expect(types(events)).toEqual(['enqueued', 'started'])
    answered.resolve()
    await time.settle()
    expect(types(events)).toEqual(['enqueued', 'started', 'completed'])
  })

  test('of an enqueue that the store did not answer do not come', async () => {
    process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation) =>
        operation === 'enqueue' ? Promise.reject(new Error('connection reset')) : undefined,
      ),
    )
    queue = process.queue()
    const events = listen()
    await expect(queue.enqueue('succeed', {})).rejects.toThrow()
    expect(events).toEqual([])
  })

  test('tell of a lease that another worker has, when the store refuses the outcome', async () => {
    const events = listen()
    const gate = Promise.withResolvers<void>()
    const { id } = await queue.enqueue('wait', {})
    process.start({
      queue,
      handlers: new Map([
        [
          'wait',
          async () => {
            await gate.promise
            return { success: true as const }
          },
        ],
      ]),
    })
    await time.settle()
    // The process stands still for longer than its lease.
    time.pass(3_001)
    await inner.maintain({ limit: 10 })
    gate.resolve()
    await time.settle()
    // It finds the job again, and this time keeps it.
    expect(types(events)).toEqual(['enqueued', 'started', 'leaseLost', 'started', 'completed'])
    expect(events[2]).toMatchObject({ attempt: 1, job: { id } })
  })

  test('are those of this process: whichever object of the queue it used', async () => {
    const events = listen()
    const elsewhere = new SimulatedProcess(time, inner)
    const there = listen(elsewhere.queue())
    const sameName = process.queue()
    const otherName = process.queue({ name: 'other' })
    await sameName.enqueue('succeed', {})
    await otherName.enqueue('succeed', {})
    process.start({ queue: sameName, handlers })
    process.start({ queue: otherName, handlers })
    await time.advance(10)
    expect(types(events)).toEqual(['enqueued', 'started', 'completed'])
    expect(events.every(({ job }) => job.queue === 'default')).toBe(true)
    expect(there).toEqual([])
  })

  test('come to every listener, until it is turned off', async () => {
    const seen: string[] = []
    const listener = (event: JobEvent): void => void seen.push(event.type)
    const offs = [queue.on('enqueued', listener), queue.on('enqueued', listener)]
    await queue.enqueue('succeed', {})
    expect(seen).toHaveLength(2)
    offs[0]!()
    offs[0]!()
    await queue.enqueue('succeed', {})
    expect(seen).toHaveLength(3)
    offs[1]!()
    await queue.enqueue('succeed', {})
    expect(seen).toHaveLength(3)
    queue.on('enqueued', listener)
    offs[1]!()
    await queue.enqueue('succeed', {})
    expect(seen).toHaveLength(4)
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('the listener failed')
      },
    ],
    ['rejects', () => Promise.reject(new Error('the listener failed'))],
  ])(
    'whose listener %s stand, are told to the next one, and the error is logged',
    async (_how, fail) => {
      const events: JobEvent[] = []
      for (const type of TYPES) {
        queue.on(type, fail)
        queue.on(type, (event) => events.push(event))
      }
      const { id } = await queue.enqueue('succeed', {})
      process.start({ queue, handlers })
      await time.advance(10)
      expect(types(events)).toEqual(['enqueued', 'started', 'completed'])
      expect(await queue.getJob(id)).toMatchObject({ status: 'completed', attempts: 1 })
      expect(process.messages).toEqual(
        ['enqueued', 'started', 'completed'].map(
          (type) => `a listener of ${type} threw; what it was told of stands`,
        ),
      )
    },
  )

  test('come in the tenant of their job', async () => {
    const tenants: unknown[] = []
    for (const type of TYPES) queue.on(type, () => tenants.push(currentTenant()))
    await withTenant('other', () => queue.enqueue('succeed', {}, { tenantId: 'acme' }))
    process.start({ queue, handlers })
    await time.advance(10)
    expect(tenants).toEqual(['acme', 'acme', 'acme'])
  })

  test('of another name than those there are cannot be listened to', async () => {
    for (const wrong of ['complete', 'toString', undefined]) {
      const error = await refusal(() => {
        queue.on(wrong as never, () => {})
      })
      expect(error.code).toBe('JOBS_INVALID_OPTION')
    }
    await refusal(() => {
      queue.on('completed', 'listener' as never)
    })
  })

  test('tell of jobs that are run by hand', async () => {
    await queue.enqueue('a', {}, { priority: 2 })
    await queue.enqueue('b', {}, { priority: 1, maxAttempts: 1 })
    await queue.enqueue('c', {}, { retryDelay: 1_000 })
    const events = listen()
    const [a, b, c] = await queue.dequeue(3)
    await queue.acknowledge(a!, 'completed')
    await queue.acknowledge(b!, 'failed', new Error('no'))
    await queue.acknowledge(c!, 'failed', new Error('later'))
    expect(events).toMatchObject([
      { type: 'started', attempt: 1, job: { name: 'a', status: 'running' } },
      { type: 'started', job: { name: 'b' } },
      { type: 'started', job: { name: 'c' } },
      { type: 'completed', attempt: 1, job: { name: 'a', status: 'completed' } },
      { type: 'failed', error: new Error('no'), job: { name: 'b', status: 'failed' } },
      { type: 'attemptFailed', error: new Error('later'), job: { name: 'c', status: 'retrying' } },
    ])
  })

  test('come beside the callbacks of a processor', async () => {
    const seen: string[] = []
    queue.on('failed', () => seen.push('failed'))
    await queue.enqueue('give up', {})
    process.start({
      queue,
      handlers,
      onError: () => seen.push('onError'),
      onFailed: () => seen.push('onFailed'),
    })
    await time.advance(10)
    expect(seen).toEqual(['onError', 'onFailed', 'failed'])
  })
})
