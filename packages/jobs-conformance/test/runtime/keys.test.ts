import {
  defineJob,
  type Job,
  type JobHandler,
  type JobOptions,
  type JobProcessor,
  type JobQueue,
} from '@cgk/jobs-core'
import { withTenant } from '@cgk/core'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue({ jobs: [limited] as never })
  begun = []
  ended = []
})

/** Payloads, in the order in which their attempts began and ended. */
let begun: unknown[]
let ended: unknown[]

/** Takes 100 ms. */
const handler: JobHandler<unknown> = async ({ payload }) => {
  begun.push(payload)
  await time.sleep(100)
  ended.push(payload)
  return { success: true }
}

const limited = defineJob({ name: 'limited', concurrencyLimit: 2, handler })

const start = (own: JobHandler<never> = handler): JobProcessor =>
  process.start({
    queue,
    handlers: new Map([
      ['job', own],
      ['limited', own],
    ]),
  })

const enqueue = (payload: unknown, options: JobOptions): Promise<Job<unknown>> =>
  queue.enqueue('job', payload, options)

describe('a unique key that is kept', () => {
  const options = { uniqueKey: 'a' }

  test('makes further calls return the job that has it, until it has ended', async () => {
    const first = await enqueue(1, options)
    expect(first).toMatchObject({ uniqueKey: 'a', payload: 1 })
    expect(first).not.toHaveProperty('duplicate')
    expect(await enqueue(2, options)).toEqual({ ...first, duplicate: true })
    start()
    await time.settle()
    expect(await enqueue(3, options)).toMatchObject({ id: first.id, status: 'running' })
    await time.advance(100)
    const next = await enqueue(4, options)
    expect(next).not.toHaveProperty('duplicate')
    await time.advance(100)
    expect(ended).toEqual([1, 4])
  })

  test('of 50 calls at once makes one job', async () => {
    const jobs = await Promise.all(
      Array.from({ length: 50 }, (_, index) => enqueue(index, options)),
    )
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1)
    expect(jobs.filter(({ duplicate }) => duplicate === true)).toHaveLength(49)
    expect(await queue.counts()).toMatchObject({ pending: 1 })
  })

  test('is another in every tenant and queue', async () => {
    await enqueue(1, options)
    await withTenant('acme', () => enqueue(2, options))
    await process.queue({ name: 'other' }).enqueue('job', 3, options)
    expect(await queue.counts()).toMatchObject({ pending: 2 })
  })

  test('for a window is held as long, though its job has ended and keeps no history', async () => {
    const discarded = defineJob({ name: 'discarded', discard: true, handler })
    const once = { uniqueKey: { key: 'a', window: 1_000 } }
    process.start({ queue, jobs: [discarded] })
    const { id } = await queue.enqueue(discarded, {}, once)
    await time.advance(999)
    expect(await queue.enqueue(discarded, {}, once)).toMatchObject({
      id,
      status: 'completed',
      duplicate: true,
    })
    await time.advance(1)
    expect((await queue.enqueue(discarded, {}, once)).id).not.toBe(id)
  })
})

describe('a unique key that replaces', () => {
  const options = (own: JobOptions = {}): JobOptions => ({
    ...own,
    uniqueKey: { key: 'a', ifTaken: 'replace' },
  })

  test('turns a waiting job into the new one, in place', async () => {
    const first = await enqueue(1, options({ delay: 60_000, headers: { a: '1' } }))
    const second = await enqueue(2, options({ headers: { b: '2' }, priority: 5 }))
    expect(second).toMatchObject({
      id: first.id,
      createdAt: first.createdAt,
      payload: 2,
      headers: { b: '2' },
      status: 'pending',
      priority: 5,
    })
    expect(second).not.toHaveProperty('duplicate')
    start()
    await time.advance(100)
    expect(ended).toEqual([2])
    expect(await queue.listJobs()).toHaveLength(1)
  })

  test('follows a running job, as the last that came, and never beside it', async () => {
    start()
    await enqueue(1, options())
    await time.settle()
    for (const payload of [2, 3, 4]) await enqueue(payload, options())
    await time.advance(99)
    expect(begun).toEqual([1])
    await time.advance(101)
    expect(begun).toEqual([1, 4])
    expect(ended).toEqual([1, 4])
  })
})

test('a debounced burst is one job, after the last of it or the longest wait', async () => {
  const change = (payload: unknown): Promise<unknown> =>
    enqueue(payload, {
      uniqueKey: { key: 'a', ifTaken: 'debounce', wait: 1_000, maxWait: 2_500 },
    })
  start()
  await change(1)
  await time.advance(900)
  await change(2)
  await time.advance(999)
  expect(begun).toEqual([])
  await time.advance(1)
  expect(begun).toEqual([2])
  await time.advance(100)
  for (const payload of [3, 4, 5, 6]) {
    await change(payload)
    await time.advance(800)
  }
  expect(begun).toEqual([2, 6])
})

describe('an operator’s retry', () => {
  async function failedAndTaken(): Promise<{ failed: Job<unknown>; holder: Job<unknown> }> {
    const failed = await enqueue(1, { uniqueKey: 'a', maxAttempts: 1 })
    const processor = start(() => ({ success: false, error: { message: 'no' } }))
    await time.settle()
    await processor.stop()
    return { failed, holder: await enqueue(2, { uniqueKey: 'a' }) }
  }

  test('is refused while another job has the unique key', async () => {
    const { failed, holder } = await failedAndTaken()
    const error = await refusal(() => queue.retryJob(failed))
    expect(error.code).toBe('JOBS_KEY_TAKEN')
    expect(error.message).toBe(
      `job ${failed.id} of queue default cannot be retried: job ${holder.id} holds its unique key; cancel that one first, or leave it to it`,
    )
    expect(await queue.getJob(failed)).toMatchObject({ status: 'failed', generation: 1 })
    await queue.cancelJob(holder)
    expect(await queue.retryJob(failed)).toMatchObject({ status: 'pending', generation: 2 })
    expect(await enqueue(3, { uniqueKey: 'a' })).toMatchObject({ id: failed.id, duplicate: true })
  })

  test('of many leaves such jobs as they are', async () => {
    const { failed } = await failedAndTaken()
    const answer = await queue.retryJobs({ name: 'job' })
    expect(answer).toMatchObject({ matched: 1, changed: 0, jobs: [{ id: failed.id }] })
    expect(answer.jobs[0]).toMatchObject({ status: 'failed' })
  })
})

describe('an ordering key', () => {
  const inLine = (payload: unknown, own: JobOptions = {}): Promise<Job<unknown>> =>
    enqueue(payload, { orderingKey: 'a', ...own })

  test('lets one run at a time, as enqueued, whatever the priority and the free slots', async () => {
    expect(await inLine(1)).toMatchObject({ orderingKey: 'a' })
    await inLine(2, { priority: 9 })
    await inLine(3)
    await enqueue('beside', {})
    start()
    await time.settle()
    expect(new Set(begun)).toEqual(new Set([1, 'beside']))
    await time.advance(300)
    expect(ended.filter((payload) => payload !== 'beside')).toEqual([1, 2, 3])
  })

  test('waits for a job that waits for its time or its retry', async () => {
    let failures = 1
    start(async (job: Job<unknown>) => {
      begun.push(job.payload)
      return failures-- > 0
        ? { success: false, error: { message: 'no', retryAfter: 5_000 } }
        : { success: true }
    })
    await inLine(1, { delay: 1_000 })
    await inLine(2)
    await time.advance(999)
    expect(begun).toEqual([])
    await time.advance(1)
    expect(begun).toEqual([1])
    await time.advance(4_999)
    expect(begun).toEqual([1])
    await time.advance(1)
    expect(begun).toEqual([1, 1, 2])
  })
})

test('of a concurrency key so many run as the definition says, and other keys beside it', async () => {
  const shops = ['x', 'x', 'x', 'x', 'y']
  for (const shop of shops) {
    await queue.enqueue(limited, shop, { concurrencyKey: shop })
  }
  start()
  await time.settle()
  expect(begun.map(String).toSorted((a, b) => a.localeCompare(b))).toEqual(['x', 'x', 'y'])
  await time.advance(100)
  expect(begun).toHaveLength(5)
})

test('a concurrency key by name needs the definition in the queue', async () => {
  expect(await queue.enqueue('limited', 1, { concurrencyKey: 'a' })).toMatchObject({
    concurrencyKey: 'a',
  })
  const error = await refusal(() =>
    process.queue({ name: 'other' }).enqueue('limited', 1, { concurrencyKey: 'a' }),
  )
  expect(error).toMatchObject({ code: 'JOBS_INVALID_OPTION' })
  expect(error.message).toMatch(
    /^concurrencyKey needs a concurrencyLimit: set it on the definition/,
  )
})

test('jobs are found by how any of their keys begins', async () => {
  await enqueue(1, { uniqueKey: 'shop-1-a' })
  await enqueue(2, { uniqueKey: 'b', orderingKey: 'shop-1-c' })
  await queue.enqueue(limited, 3, { concurrencyKey: 'shop-1' })
  await enqueue(4, { uniqueKey: 'shop-2' })
  await enqueue(5, { uniqueKey: 'my-shop-1' })
  const found = await queue.listJobs({ keyPrefix: 'shop-1' })
  expect(found.map(({ payload }) => payload)).toEqual([3, 2, 1])
  expect(await queue.cancelJobs({ keyPrefix: 'shop-1-' })).toMatchObject({ changed: 2 })
  expect(await queue.counts()).toMatchObject({ pending: 3, cancelled: 2 })
})

test.each<[string, JobOptions, string, RegExp]>([
  ['a key that is none', { orderingKey: '' }, 'JOBS_INVALID_KEY', /^orderingKey "" is not allowed/],
  [
    'a setting that is none',
    { uniqueKey: { key: 'a', ifTaken: 'debounce', wait: 0 } },
    'JOBS_INVALID_OPTION',
    /^uniqueKey\.wait must be/,
  ],
  [
    'what cannot stand together',
    { orderingKey: 'a', concurrencyKey: 'a' },
    'JOBS_INVALID_OPTION',
    /^give orderingKey or concurrencyKey, not both$/,
  ],
])('%s is refused at enqueue, and nothing is stored', async (_name, options, code, says) => {
  const error = await refusal(() => enqueue(1, options))
  expect(error).toMatchObject({ code, retryable: false })
  expect(error.message).toMatch(says)
  const batch = [
    { job: 'job', payload: 1 },
    { job: 'job', payload: 2, options },
  ]
  expect((await refusal(() => queue.enqueueMany(batch))).message).toMatch(/^job 1 of the batch: /)
  expect(await queue.listJobs()).toEqual([])
})

test.each(['uniqueKey', 'orderingKey', 'concurrencyKey'])(
  'a definition cannot preset %s',
  async (option) => {
    const options = { [option]: 'a' } as object
    expect(await refusal(() => defineJob({ name: 'job', options, handler }))).toMatchObject({
      code: 'JOBS_INVALID_OPTION',
      message: `${option} of job "job" cannot be preset by its definition; pass it to enqueue`,
    })
  },
)

test.each([0, 10_001, 1.5, '3', Number.NaN])(
  'a definition with a concurrencyLimit of %s is refused',
  async (limit) => {
    const concurrencyLimit = limit as number
    expect(
      await refusal(() => defineJob({ name: 'job', concurrencyLimit, handler })),
    ).toMatchObject({
      code: 'JOBS_INVALID_OPTION',
      message: expect.stringMatching(
        /^concurrencyLimit must be a whole number from 1 to 10000, not/,
      ) as string,
    })
  },
)
