import { defineJob, type JobOptions, type NewJob } from '@cgk/jobs-core'
import { expect, test } from 'vitest'
import { resolveSizes } from '../../src/size-limits.ts'
import { NewJobFactory } from '../../src/queue/new-job-factory.ts'

const limited = defineJob({
  name: 'limited',
  concurrencyLimit: 3,
  options: { delay: 60_000 },
  handler: () => ({ success: true }),
})

const factory = new NewJobFactory({
  queue: 'default',
  definitions: new Map([[limited.name, limited]]),
  sizes: resolveSizes(),
  tenancy: 'optional',
})

const made = async (job: string, options?: JobOptions): Promise<NewJob> =>
  factory.create(job, {}, options)

test('a job without keys and headers has none of their properties', async () => {
  expect(await made('job')).toEqual({
    queue: 'default',
    tenantId: null,
    name: 'job',
    payload: '{}',
    priority: 0,
  })
})

test.each<[JobOptions, Partial<NewJob>]>([
  [{ uniqueKey: 'a' }, { unique: { key: 'a', ifTaken: 'keep' } }],
  [{ uniqueKey: { key: 'a' } }, { unique: { key: 'a', ifTaken: 'keep' } }],
  [
    { uniqueKey: { key: 'a', window: 1.5 } },
    { unique: { key: 'a', ifTaken: 'keep', windowMs: 2 } },
  ],
  [{ uniqueKey: { key: 'a', ifTaken: 'replace' } }, { unique: { key: 'a', ifTaken: 'replace' } }],
  [
    { uniqueKey: { key: 'a', ifTaken: 'debounce', wait: 499.5 } },
    { unique: { key: 'a', ifTaken: 'debounce' }, delayMs: 500 },
  ],
  [
    { uniqueKey: { key: 'a', ifTaken: 'debounce', wait: 500, maxWait: 900.1 } },
    { unique: { key: 'a', ifTaken: 'debounce', maxWaitMs: 901 }, delayMs: 500 },
  ],
  [{ orderingKey: 'a' }, { orderingKey: 'a' }],
  [{ headers: { a: 'b' } }, { headers: '{"a":"b"}' }],
  [{ limiter: 'shopify' }, { limiter: 'shopify' }],
])('%j is stored as %j', async (options, stored) => {
  const { queue, tenantId, name, payload, priority, ...rest } = await made('job', options)
  expect({ queue, tenantId, name, payload, priority }).toEqual(await made('job'))
  expect(rest).toEqual(stored)
})

test('a concurrency key takes its limit from the definition', async () => {
  expect(await made('limited', { concurrencyKey: 'a' })).toMatchObject({
    concurrencyKey: 'a',
    concurrencyLimit: 3,
  })
  expect(await made('limited')).not.toHaveProperty('concurrencyLimit')
  expect(await factory.create(limited, {}, { concurrencyKey: 'a' })).toMatchObject({
    concurrencyLimit: 3,
  })
})

test('a concurrency key without a limit is refused', async () => {
  await expect(made('job', { concurrencyKey: 'a' })).rejects.toMatchObject({
    code: 'JOBS_INVALID_OPTION',
    message: expect.stringMatching(
      /^concurrencyKey needs a concurrencyLimit: set it on the definition of job "job"/,
    ) as string,
  })
})

test('a debounced job waits as long as its key says, whatever its definition presets', async () => {
  const uniqueKey = { key: 'a', ifTaken: 'debounce', wait: 500 } as const
  expect(await made('limited', { uniqueKey })).toMatchObject({ delayMs: 500 })
})

test('a limiter that the definition presets is stored, and one of the call goes before it', async () => {
  const calling = defineJob({
    name: 'calling',
    options: { limiter: 'shopify' },
    handler: () => ({ success: true }),
  })
  expect(await factory.create(calling, {})).toMatchObject({ limiter: 'shopify' })
  expect(await factory.create(calling, {}, { limiter: 'shopify-bulk' })).toMatchObject({
    limiter: 'shopify-bulk',
  })
})

test.each(['', 'x'.repeat(201), 'a\nb', '\ud83d', 7, null])(
  'the limiter %j is refused, of a call and of a definition',
  async (limiter) => {
    const error = {
      code: 'JOBS_INVALID_KEY',
      message: expect.stringMatching(/^limiter .* is not allowed: 1 to 200 characters/s) as string,
    }
    await expect(made('job', { limiter: limiter as string })).rejects.toMatchObject(error)
    expect(() =>
      defineJob({
        name: 'job',
        options: { limiter: limiter as string },
        handler: () => ({ success: true }),
      }),
    ).toThrow(expect.objectContaining(error))
  },
)
