import {
  type ClaimResult,
  defineJob,
  type JobEvent,
  type JobHandler,
  type JobOptions,
  type JobQueue,
  PermanentError,
  RetryAfterError,
} from '@cgk/jobs-core'
import { withTenant } from '@cgk/core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue
/** Name, tenant and attempt of what began, and when. */
let begun: string[]

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
  begun = []
})

const startedAt = (): number => time.clock.monotonic()

const noting =
  (handler: JobHandler<unknown>): JobHandler<unknown> =>
  (job, context) => {
    begun.push(`${job.name} of ${job.tenantId ?? 'none'} at ${startedAt()}`)
    return handler(job, context)
  }

const succeed: JobHandler<unknown> = () => ({ success: true })

function start(handlers: Readonly<Record<string, JobHandler<unknown>>>): string[] {
  const called: string[] = []
  process.start({
    queue,
    handlers: new Map(
      Object.entries(handlers).map(([name, handler]) => [name, noting(handler)] as const),
    ),
    onError: (job, error) => called.push(`onError ${job.id} ${error.message}`),
    onFailed: (job) => called.push(`onFailed ${job.id}`),
  })
  return called
}

const enqueue = (name: string, options: JobOptions = {}) => queue.enqueue(name, {}, options)

/** Throws `error` the first `times` times. */
function failing(times: number, error: () => Error): JobHandler<unknown> {
  let left = times
  return () => {
    if (left === 0) return { success: true }
    left -= 1
    throw error()
  }
}

const shopify = { limiter: 'shopify', tenantId: 'acme' } as const

describe('a job with a limiter', () => {
  test('shows it, by the call or by its definition, wherever it is read', async () => {
    const calling = defineJob({
      name: 'calling',
      options: { limiter: 'shopify' },
      handler: succeed,
    })
    const byDefinition = await queue.enqueue(calling, {})
    const byCall = await queue.enqueue(calling, {}, { limiter: 'other' })
    expect([byDefinition.limiter, byCall.limiter]).toEqual(['shopify', 'other'])
    expect((await queue.getJob(byCall))?.limiter).toBe('other')
    expect((await queue.listJobs()).map(({ limiter }) => limiter)).toEqual(['other', 'shopify'])
    expect(await queue.enqueue('plain', {})).not.toHaveProperty('limiter')
  })

  test('shares its limits with the tenant’s jobs of other names that name it, and nobody else', async () => {
    await queue.setLimits(
      { tenantId: 'acme', limiter: 'shopify' },
      { rate: { limit: 1, period: 1_000 } },
    )
    await enqueue('orders', shopify)
    await enqueue('stock', shopify)
    await enqueue('stock', { tenantId: 'globex', limiter: 'shopify' })
    await enqueue('orders', { tenantId: 'acme' })
    start({ orders: succeed, stock: succeed })
    await time.advance(999)
    expect(begun.toSorted()).toEqual([
      'orders of acme at 0',
      'orders of acme at 0',
      'stock of globex at 0',
    ])
    await time.advance(1)
    expect(begun.at(-1)).toBe('stock of acme at 1000')
  })

  test('does not pass it on to its follow-ups, which may have one of their own', async () => {
    start({
      first: () => ({
        success: true,
        followUps: [
          { job: 'plain', payload: {} },
          { job: 'limited', payload: {}, options: { limiter: 'other' } },
        ],
      }),
      plain: succeed,
      limited: succeed,
    })
    await enqueue('first', shopify)
    await time.settle()
    const limiters = (await queue.listJobs({ tenantId: 'acme' })).map(
      ({ name, limiter }) => `${name} ${limiter ?? 'none'}`,
    )
    expect(limiters.toSorted()).toEqual(['first shopify', 'limited other', 'plain none'])
  })

  test('may come of a schedule', async () => {
    await queue.schedule('hourly', {
      job: 'sync',
      payload: {},
      every: 3_600_000,
      options: { limiter: 'shopify' },
    })
    expect(await queue.schedules.runNow('hourly')).toMatchObject({ limiter: 'shopify' })
  })

  test('may be a member or the callback of a group', async () => {
    const group = await queue.enqueueGroup(
      [{ job: 'member', payload: {}, options: { limiter: 'shopify' } }],
      {
        onComplete: { job: 'callback', payload: {}, options: { limiter: 'other' } },
        onAnyFailed: 'complete',
      },
    )
    expect(group.jobs[0]).toMatchObject({ limiter: 'shopify' })
    start({ member: succeed, callback: succeed })
    await time.settle()
    expect((await queue.listJobs({ name: 'callback' }))[0]).toMatchObject({ limiter: 'other' })
  })
})

describe('retryAfter of a job with a limiter', () => {
  const kinds: [string, JobHandler<unknown>][] = [
    ['a RetryAfterError', failing(1, () => new RetryAfterError('429', 30_000))],
    [
      'any error with a Date',
      failing(1, () =>
        Object.assign(new Error('429'), { retryAfter: new Date(time.clock.now() + 30_000) }),
      ),
    ],
  ]

  test.each(kinds)(
    'of %s pauses the limiter for the tenant and costs no attempt',
    async (_, handler) => {
      const released: JobEvent<'released'>[] = []
      queue.on('released', (event) => void released.push(event))
      queue.on('attemptFailed', () => expect.unreachable())
      const called = start({ limited: handler, other: succeed })
      const { id } = await enqueue('limited', shopify)
      await time.settle()
      const job = () => queue.getJob({ id, tenantId: 'acme' })
      expect(await job()).toMatchObject({
        status: 'pending',
        attempts: 0,
        releases: 1,
        failures: [],
      })
      expect(await queue.limits(shopify)).toMatchObject({ opensInMs: 30_000 })
      // The limiter's other jobs wait as well; the tenant's others do not, nor do other tenants'.
      await enqueue('other', shopify)
      await enqueue('other', { tenantId: 'acme' })
      await enqueue('other', { tenantId: 'globex', limiter: 'shopify' })
      await time.advance(29_999)
      expect(begun).toEqual(['limited of acme at 0', 'other of acme at 0', 'other of globex at 0'])
      await time.advance(1)
      expect(begun.slice(3)).toEqual(['limited of acme at 30000', 'other of acme at 30000'])
      expect(await job()).toMatchObject({ status: 'completed', attempts: 1 })
      expect(called).toEqual([])
      expect(released).toMatchObject([
        {
          job: { id, status: 'pending', attempts: 0 },
          delayMs: 0,
          limiterPausedMs: 30_000,
        },
      ])
    },
  )

  test('of a failure that is returned does the same', async () => {
    let calls = 0
    start({
      limited: () => {
        calls += 1
        return calls > 1
          ? { success: true }
          : { success: false, error: { message: '429', retryAfter: 500 } }
      },
    })
    await enqueue('limited', shopify)
    await time.advance(499)
    expect(calls).toBe(1)
    await time.advance(1)
    expect(calls).toBe(2)
  })

  test('may come for ever: neither attempts nor give-backs run out', async () => {
    // As the store shows it after the ten-thousandth time.
    const often = faultyStore(createMemoryStore({ clock: time.clock }), (operation, proceed) =>
      operation === 'claim'
        ? proceed().then((found) => {
            const { jobs, ...rest } = found as ClaimResult
            return { ...rest, jobs: jobs.map((job) => ({ ...job, releases: 10_000 })) }
          })
        : undefined,
    )
    process = new SimulatedProcess(time, often)
    queue = process.queue()
    const { id } = await enqueue('limited', { ...shopify, maxAttempts: 1 })
    start({ limited: failing(3, () => new RetryAfterError('429', 10)) })
    await time.advance(29)
    const job = () => queue.getJob({ id, tenantId: 'acme' })
    expect(await job()).toMatchObject({ status: 'pending', releases: 3 })
    await time.advance(1)
    expect(await job()).toMatchObject({ status: 'completed', attempts: 1 })
  })

  test('of 0 asks for no wait, and is a failed attempt like any other', async () => {
    const called = start({ limited: () => Promise.reject(new RetryAfterError('429', 0)) })
    const { id } = await enqueue('limited', { ...shopify, maxAttempts: 2 })
    await time.advance(10)
    expect(await queue.getJob({ id, tenantId: 'acme' })).toMatchObject({
      status: 'failed',
      attempts: 2,
    })
    expect(called).toHaveLength(3)
  })

  test('of an error that is permanent does not keep the job from failing', async () => {
    start({
      limited: () => {
        throw Object.assign(new PermanentError('gone'), { retryAfter: 500 })
      },
    })
    const { id } = await enqueue('limited', shopify)
    await time.settle()
    expect(await queue.getJob({ id, tenantId: 'acme' })).toMatchObject({ status: 'failed' })
    expect(await queue.limits(shopify)).toMatchObject({ opensInMs: 0 })
  })

  test('is the delay of a failed attempt where there is no limiter', async () => {
    const called = start({ plain: failing(1, () => new RetryAfterError('429', 500)) })
    const { id } = await enqueue('plain')
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({ status: 'retrying', attempts: 1 })
    expect(called).toEqual([`onError ${id} 429`])
    await time.advance(500)
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', attempts: 2 })
  })

  test('means the same where the job was taken by hand', async () => {
    const released: unknown[] = []
    queue.on('released', ({ job, delayMs, limiterPausedMs }) => {
      released.push({ status: job.status, attempts: job.attempts, delayMs, limiterPausedMs })
    })
    await enqueue('limited', shopify)
    const [job] = await queue.dequeue()
    await queue.acknowledge(job!, 'failed', new RetryAfterError('429', 500))
    expect(await queue.getJob(job!)).toMatchObject({ status: 'pending', attempts: 0 })
    expect(released).toEqual([{ status: 'pending', attempts: 0, delayMs: 0, limiterPausedMs: 500 }])
  })

  test('keeps what the attempt wrote into its headers', async () => {
    const { id } = await enqueue('limited', shopify)
    start({
      limited: (_job, { headers }) => {
        headers['page'] = '7'
        throw new RetryAfterError('429', 500)
      },
    })
    await time.settle()
    expect((await queue.getJob({ id, tenantId: 'acme' }))?.headers).toEqual({ page: '7' })
  })
})

test('the breaker of a limiter opens after failures, and closes by one job that completes', async () => {
  await queue.setLimits(
    { tenantId: 'acme', limiter: 'shopify' },
    { breaker: { failures: 2, cooldown: 1_000 } },
  )
  const scope = { tenantId: 'acme', limiter: 'shopify' }
  start({ limited: failing(2, () => new Error('down')) })
  await withTenant('acme', () =>
    queue.enqueueMany(
      Array.from({ length: 2 }, () => ({
        job: 'limited',
        payload: {},
        options: { limiter: 'shopify', retryDelay: 0 },
      })),
    ),
  )
  await time.settle()
  expect(await queue.limits(scope)).toMatchObject({ breaker: 'open', opensInMs: 1_000 })
  expect(begun).toHaveLength(2)
  await time.advance(1_000)
  expect(await queue.limits(scope)).toMatchObject({ breaker: 'closed', opensInMs: 0 })
  expect(begun).toHaveLength(4)
})
