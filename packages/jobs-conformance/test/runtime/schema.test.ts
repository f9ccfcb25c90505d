import { defineJob, type JobQueue } from '@cgk/jobs-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { schemaOf } from './standard-schema.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

interface Order {
  readonly orderId: string
  readonly at: string
}
interface ReadOrder {
  readonly orderId: string
  readonly at: Date
}

/** Takes an ISO string and hands out a Date. */
function readOrder(value: unknown): ReturnType<typeof invalid> | { value: ReadOrder } {
  const { orderId, at } = value as Order
  if (typeof orderId !== 'string') return invalid('expected text', ['orderId'])
  const date = new Date(at)
  return Number.isNaN(date.getTime())
    ? invalid('expected a time', [{ key: 'at' }])
    : { value: { orderId, at: date } }
}

function invalid(message: string, path: readonly (PropertyKey | { key: PropertyKey })[]) {
  return { issues: [{ message: `${message}, got hunter2`, path }] }
}

const KINDS = [
  { kind: 'a synchronous', schema: schemaOf<Order, ReadOrder>(readOrder) },
  {
    kind: 'an asynchronous',
    schema: schemaOf<Order, ReadOrder>(async (value) => {
      await Promise.resolve()
      return readOrder(value)
    }),
  },
] as const

describe.each(KINDS)('$kind schema that transforms', ({ schema }) => {
  test('has its input stored and its output handed to the handler, at each attempt', async () => {
    const seen: ReadOrder[] = []
    const job = defineJob({
      name: 'order',
      schema,
      retry: { initialDelay: 0 },
      handler: async ({ payload }, { attempt }) => {
        seen.push(payload)
        if (attempt === 1) throw new Error('once')
        return { success: true, data: payload.at.getTime() }
      },
    })
    const payload = { orderId: 'a', at: '2026-01-05T09:00:00.000Z' }
    const enqueued = await queue.enqueue(job, payload)
    expect(enqueued.payload).toEqual(payload)
    process.start({ queue, jobs: [job] })
    await time.settle()
    const read = { orderId: 'a', at: new Date(payload.at) }
    expect(seen).toEqual([read, read])
    expect(await queue.getJob(enqueued)).toMatchObject({
      status: 'completed',
      payload,
      result: read.at.getTime(),
    })
  })

  test('refuses at enqueue, names the place and never the value, and stores nothing', async () => {
    const job = defineJob({ name: 'order', schema, handler: () => ({ success: true }) })
    const typed = process.queue({ jobs: [job] as never })
    const bad = { orderId: 'a', at: 'hunter2' }
    for (const call of [() => queue.enqueue(job, bad), () => typed.enqueue('order', bad)]) {
      const error = await refusal(call)
      expect(error).toMatchObject({ code: 'JOBS_INVALID_PAYLOAD', retryable: false })
      expect(error.message).toBe('payload of job "order" is not valid: see payload.at')
      // For whoever wants to know more, and shown to nobody who does not ask.
      expect((error as { issues?: unknown }).issues).toHaveLength(1)
      expect(JSON.stringify(error)).not.toContain('hunter2')
    }
    const many = await refusal(() =>
      queue.enqueueMany([
        { job, payload: { orderId: 'a', at: '2026-01-05' } },
        { job, payload: bad },
      ]),
    )
    expect(many.message).toMatch(/^job 1 of the batch: payload of job "order" is not valid: see/)
    expect(await queue.counts()).toMatchObject({ pending: 0 })
  })

  test('fails a stored payload that it refuses, for good and before the handler', async () => {
    const told: string[] = []
    const job = defineJob({
      name: 'order',
      schema,
      retry: { maxAttempts: 5 },
      handler: () => {
        told.push('handler')
        return { success: true }
      },
    })
    // Enqueued by a producer that knows no schema.
    const { id } = await queue.enqueue('order', { orderId: 7, at: 'hunter2' })
    process.start({
      queue,
      jobs: [job],
      onError: (failed, error) => told.push(`onError ${failed.status} ${error.message}`),
      onFailed: (failed, error) => told.push(`onFailed ${failed.status} ${error.message}`),
    })
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({
      status: 'failed',
      attempts: 1,
      error: {
        code: 'JOBS_INVALID_PAYLOAD',
        message: 'payload of job "order" is not valid: see payload.orderId',
        retryable: false,
      },
    })
    const message = 'payload of job "order" is not valid: see payload.orderId'
    expect(told).toEqual([`onError failed ${message}`, `onFailed failed ${message}`])
  })
})

describe.each([
  {
    kind: 'throws',
    schema: schemaOf<unknown>(() => {
      throw new Error('hunter2: the registry is down')
    }),
  },
  {
    kind: 'rejects',
    schema: schemaOf<unknown>(async () => {
      await Promise.resolve()
      throw new Error('hunter2: the registry is down')
    }),
  },
])('a schema that $kind says nothing about the payload', ({ schema }) => {
  test('and refuses it at enqueue with its cause, worth a retry', async () => {
    const job = defineJob({ name: 'order', schema, handler: () => ({ success: true }) })
    const error = await refusal(() => queue.enqueue(job, {}))
    expect(error).toMatchObject({
      code: 'JOBS_INVALID_PAYLOAD',
      retryable: true,
      message: 'the payload of job "order" could not be checked: the check threw',
      cause: new Error('hunter2: the registry is down'),
    })
    const many = await refusal(() => queue.enqueueMany([{ job, payload: {} }]))
    expect(many).toMatchObject({ code: 'JOBS_INVALID_PAYLOAD', retryable: true, cause: error })
    expect(await queue.counts()).toMatchObject({ pending: 0 })
  })

  test('and fails the attempt at processing, not the job', async () => {
    const job = defineJob({ name: 'order', schema, handler: () => ({ success: true }) })
    const { id } = await queue.enqueue('order', {}, { maxAttempts: 2, retryDelay: 0 })
    process.start({ queue, jobs: [job] })
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({
      status: 'failed',
      attempts: 2,
      error: { code: 'JOBS_INVALID_PAYLOAD', retryable: true },
    })
  })
})

describe('the message about a refused payload', () => {
  test.each<[string, readonly (readonly PropertyKey[] | undefined)[], string]>([
    ['no path', [undefined], 'see payload'],
    ['an index', [['items', 3, 'sku']], 'see payload.items[3].sku'],
    ['a symbol', [[Symbol('tag')]], 'see payload.Symbol(tag)'],
    [
      'five places, the first three and how many more',
      [['a'], ['b'], ['c'], ['d'], ['e']],
      'see payload.a, payload.b, payload.c and 2 more',
    ],
  ])('shows %s', async (_name, paths, shown) => {
    const schema = schemaOf<unknown>(() => ({
      issues: paths.map((path) => ({ message: 'no', ...(path !== undefined && { path }) })),
    }))
    const job = defineJob({ name: 'job', schema, handler: () => ({ success: true }) })
    expect((await refusal(() => queue.enqueue(job, {}))).message).toBe(
      `payload of job "job" is not valid: ${shown}`,
    )
  })

  test('stays short however long and however many the paths', async () => {
    const issue = { message: 'no', path: Array.from({ length: 1_000 }, () => 'x'.repeat(1_000)) }
    const schema = schemaOf<unknown>(() => ({ issues: Array.from({ length: 1_000 }, () => issue) }))
    const job = defineJob({ name: 'job', schema, handler: () => ({ success: true }) })
    expect((await refusal(() => queue.enqueue(job, {}))).message.length).toBeLessThan(1_000)
  })
})

describe('a guard', () => {
  const isOrder = (value: unknown): value is { orderId: string } =>
    typeof (value as { orderId?: unknown } | null)?.orderId === 'string'
  const job = defineJob({
    name: 'order',
    validate: isOrder,
    handler: ({ payload }) => ({ success: true, data: payload.orderId }),
  })

  test('refuses at enqueue and fails for good at processing', async () => {
    const error = await refusal(() => queue.enqueue(job, { orderId: 7 } as never))
    expect(error.message).toBe('payload of job "order" is not valid: validate answered false')
    const good = await queue.enqueue(job, { orderId: 'a' })
    const bad = await queue.enqueue('order', { orderId: 7 })
    process.start({ queue, jobs: [job] })
    await time.settle()
    expect(await queue.getJob(good)).toMatchObject({ status: 'completed', result: 'a' })
    expect(await queue.getJob(bad)).toMatchObject({ status: 'failed', attempts: 1 })
  })
})

test('changing the object passed to defineJob changes nothing', async () => {
  const given = {
    name: 'job',
    retry: { maxAttempts: 1 },
    handler: (): { success: true; data: string } => ({ success: true, data: 'first' }),
  }
  const job = defineJob(given)
  given.name = 'other'
  given.handler = () => ({ success: true, data: 'second' })
  const { id, name } = await queue.enqueue(job, {})
  expect(name).toBe('job')
  process.start({ queue, jobs: [job] })
  await time.settle()
  expect(await queue.getJob(id)).toMatchObject({ status: 'completed', result: 'first' })
})

test('a job whose definition says discard leaves no history once it completes, and does when it fails', async () => {
  const job = defineJob({
    name: 'job',
    discard: true,
    retry: { maxAttempts: 1 },
    handler: ({ payload }: { payload: { fail?: boolean } }) => {
      if (payload.fail === true) throw new Error('no')
      return { success: true }
    },
  })
  const good = await queue.enqueue(job, {})
  const bad = await queue.enqueue(job, { fail: true })
  process.start({ queue, jobs: [job] })
  await time.settle()
  expect(await queue.getJob(good)).toBeNull()
  expect(await queue.getJob(bad)).toMatchObject({ status: 'failed' })
})
