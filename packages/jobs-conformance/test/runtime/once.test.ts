import type { AttemptContext, AttemptReport, JobHandler, JobQueue, JobStore } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { type Fault, faultyStore, listeningStore } from './store-with.ts'

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

function withFault(fault: Fault): void {
  process = new SimulatedProcess(time, faultyStore(inner, fault))
  queue = process.queue()
}

/** Enqueues a job that is retried at once, and runs it. */
async function run(handler: JobHandler, options: { readonly maxAttempts?: number } = {}) {
  const job = await queue.enqueue('job', {}, { maxAttempts: 3, retryDelay: 0, ...options })
  process.start({ queue, handlers: new Map([['job', handler]]) })
  await time.advance(10)
  return (await queue.getJob(job))!
}

describe('once', () => {
  test('runs its effect in one attempt and remembers the result for the others', async () => {
    let charges = 0
    const seen: unknown[] = []
    const job = await run(async (_job, { once, attempt }) => {
      seen.push(await once('charge', () => ({ charge: ++charges })))
      if (attempt < 3) throw new Error('later')
      return { success: true }
    })
    expect(job).toMatchObject({ status: 'completed', attempts: 3 })
    expect(seen).toEqual([{ charge: 1 }, { charge: 1 }, { charge: 1 }])
  })

  test('remembers over an operator’s retry', async () => {
    let runs = 0
    const job = await run(
      async (_job, { once }) => {
        await once('effect', () => ++runs)
        throw new Error('no')
      },
      { maxAttempts: 1 },
    )
    await queue.retryJob(job)
    await time.advance(10)
    expect(await queue.getJob(job)).toMatchObject({ status: 'failed', generation: 2 })
    expect(runs).toBe(1)
  })

  test('remembers for another process when the first has died', async () => {
    const keys: string[] = []
    const handler: JobHandler = async (_job, { once }) => {
      const result = await once('effect', ({ idempotencyKey }) => {
        keys.push(idempotencyKey)
        return 'made'
      })
      if (keys.length === 1 && !process.messages.includes('dead')) {
        process.logger.warn('dead')
        process.die()
        await new Promise(() => {})
      }
      return { success: true, data: result }
    }
    const job = await queue.enqueue('job', {})
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    const second = new SimulatedProcess(time, inner)
    second.start({ queue: second.queue(), handlers: new Map([['job', handler]]) })
    await time.advance(10_000)
    expect(await second.queue().getJob(job)).toMatchObject({
      status: 'completed',
      lostLeases: 1,
      result: 'made',
    })
    expect(keys).toHaveLength(1)
  })

  test('resolves when the result is stored, not before', async () => {
    const reported = Promise.withResolvers<void>()
    withFault((operation, proceed) =>
      operation === 'report' ? reported.promise.then(proceed) : undefined,
    )
    const steps: string[] = []
    const job = await run(async (_job, { once }) => {
      await once('effect', () => steps.push('effect'))
      steps.push('resolved')
      return { success: true }
    })
    expect(steps).toEqual(['effect'])
    expect(job.status).toBe('running')
    reported.resolve()
    await time.advance(1)
    expect(steps).toEqual(['effect', 'resolved'])
    expect(await queue.getJob(job)).toMatchObject({ status: 'completed' })
  })

  test('stores effects of many jobs in one call', async () => {
    const { store, requests } = listeningStore(inner)
    process = new SimulatedProcess(time, store)
    queue = process.queue()
    await queue.enqueueMany(Array.from({ length: 50 }, (_, n) => ({ job: 'job', payload: n })))
    process.start({
      queue,
      maxConcurrency: 50,
      handlers: new Map<string, JobHandler<never>>([
        [
          'job',
          async ({ payload }, { once }) => ({
            success: true,
            data: await once('effect', () => payload),
          }),
        ],
      ]),
    })
    await time.advance(1)
    const [report, ...others] = requests<AttemptReport[]>('report')
    expect(report!.map(({ effects }) => effects)).toEqual(
      Array.from({ length: 50 }, (_, n) => ({ effect: String(n) })),
    )
    expect(others).toEqual([])
  })

  test('shares one run among the calls of one attempt', async () => {
    let runs = 0
    const job = await run(async (_job, { once }) => {
      const effect = async (): Promise<number> => {
        await time.sleep(2)
        return ++runs
      }
      const results = await Promise.all([once('a', effect), once('a', effect), once('b', effect)])
      return { success: true, data: [...results, await once('a', effect)] }
    })
    expect(job.result).toEqual([1, 1, 2, 1])
    expect(runs).toBe(2)
  })

  test.each<[string, () => never | Promise<never>]>([
    [
      'throws',
      () => {
        throw new Error('declined')
      },
    ],
    ['rejects', () => Promise.reject(new Error('declined'))],
  ])('remembers nothing of an effect that %s', async (_how, fail) => {
    let runs = 0
    const job = await run(async (_job, { once }) => {
      const effect = (): number | Promise<never> => (++runs < 3 ? fail() : runs)
      await once('effect', effect).catch(() => {})
      return { success: true, data: await once('effect', effect) }
    })
    expect(job).toMatchObject({ status: 'completed', attempts: 2, result: 3 })
  })

  test('gives every attempt the value as JSON has it, and null for nothing', async () => {
    const seen: unknown[] = []
    await run(async (_job, { once, attempt }) => {
      seen.push(await once('value', () => ({ at: { toJSON: () => 'monday' }, none: undefined })))
      seen.push(await once('nothing', () => {}))
      if (attempt === 1) throw new Error('again')
      return { success: true }
    })
    expect(seen).toStrictEqual([{ at: 'monday' }, null, { at: 'monday' }, null])
  })

  test.each<[string, unknown]>([
    ['JOBS_VALUE_DATE', { at: new Date(0) }],
    ['JOBS_VALUE_TOO_LARGE', 'x'.repeat(70_000)],
    ['JOBS_VALUE_UNSUPPORTED', new Map()],
  ])('refuses a result that cannot be stored: %s', async (code, value) => {
    const job = await run(async (_job, { once }) => {
      await once('effect', () => value)
      return { success: true }
    })
    expect(job).toMatchObject({ status: 'failed', error: { code } })
  })

  test.each([[''], ['x'.repeat(201)], ['a\nb'], ['\ud800'], [7 as unknown as string]])(
    'refuses the key %j before anything is run',
    async (key) => {
      let runs = 0
      const job = await run(async (_job, { once }) => {
        await once(key, () => ++runs)
        return { success: true }
      })
      expect(job.error?.code).toBe('JOBS_INVALID_KEY')
      expect(runs).toBe(0)
    },
  )

  test('takes keys that objects have properties for', async () => {
    const keys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
    let runs = 0
    const job = await run(async (_job, { once, attempt }) => {
      const results: unknown[] = []
      for (const key of keys) results.push(await once(key, () => ++runs))
      if (attempt === 1) throw new Error('again')
      results.push(await once('valueOf', () => ++runs))
      return { success: true, data: results }
    })
    expect(job.result).toEqual([1, 2, 3, 4, 5])
  })

  test('takes 100 keys per job, over all attempts', async () => {
    const refused: unknown[] = []
    const job = await run(async (_job, { once, attempt }) => {
      const from = attempt === 1 ? 0 : 60
      for (let n = from; n < from + 60; n++) {
        await once(`key ${n}`, () => n).catch((error: unknown) => {
          refused.push((error as { code?: unknown }).code)
        })
      }
      if (attempt === 1) throw new Error('again')
      return { success: true, data: await once('key 99', () => 'again') }
    })
    expect(refused).toEqual(Array.from({ length: 20 }, () => 'JOBS_INVALID_KEY'))
    expect(job).toMatchObject({ status: 'completed', result: 99 })
  })
})

describe('an idempotency key', () => {
  async function keyOf(
    key: string,
    {
      queueName = 'default',
      ...options
    }: { jobId?: string; tenantId?: string; queueName?: string } = {},
  ): Promise<string> {
    const of = process.queue({ name: queueName })
    const keys: string[] = []
    const handler: JobHandler = async (_job, { once, attempt }) => {
      await once(key, ({ idempotencyKey }) => {
        keys.push(idempotencyKey)
        if (attempt === 1) throw new Error('again')
      })
      return { success: true }
    }
    const job = await of.enqueue('job', {}, { retryDelay: 0, ...options })
    const processor = process.start({ queue: of, handlers: new Map([['job', handler]]) })
    // A long key is hashed, which takes no manual time but some of the real one.
    while ((await of.getJob(job))!.status !== 'completed') await time.advance(1)
    await of.removeJob(job)
    await processor.stop()
    expect(keys[0]).toBe(keys[1])
    expect(keys[0]).toMatch(/^[\x21-\x7e]{1,255}$/)
    return keys[0]!
  }

  test('is the same in every attempt and names queue, tenant, job and effect', async () => {
    expect(await keyOf('charge', { jobId: 'order 7', tenantId: 'acme' })).toBe(
      'default/acme/order%207/charge',
    )
  })

  test('is another for whatever differs, and always fits into a header', async () => {
    const long = 'ß'.repeat(200)
    const keys = [
      await keyOf('a', { jobId: 'x' }),
      await keyOf('b', { jobId: 'x' }),
      await keyOf('a', { jobId: 'y' }),
      await keyOf('a', { jobId: 'x', tenantId: 'acme' }),
      await keyOf('a', { jobId: 'x', queueName: 'other' }),
      await keyOf('a/b', { jobId: 'x' }),
      await keyOf('b', { jobId: 'x/a' }),
      await keyOf(long, { jobId: 'x' }),
      await keyOf(long, { jobId: 'y' }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })
})

describe('an attempt that is over', () => {
  /** Runs one job whose handler hands out its context and never returns. */
  async function contextOf(options: { readonly timeout?: number } = {}): Promise<AttemptContext> {
    let context: AttemptContext | undefined
    await queue.enqueue('job', {}, { jobId: 'job', maxAttempts: 1, ...options })
    process.start({
      queue,
      handlers: new Map<string, JobHandler>([
        [
          'job',
          (_job, given) => {
            context = given
            return new Promise(() => {})
          },
        ],
      ]),
    })
    await time.settle()
    return context!
  }

  test.each<[string, string, () => Promise<unknown>]>([
    ['timed out', 'JOBS_ATTEMPT_TIMED_OUT', () => time.advance(60_000)],
    [
      'was cancelled',
      'JOBS_CANCELLED',
      async () => {
        await queue.cancelJob('job')
        await time.advance(10)
      },
    ],
  ])('because it %s runs no further effect', async (_how, code, end) => {
    const context = await contextOf({ timeout: 50_000 })
    await context.once('before', () => 'remembered')
    await end()
    let ran = false
    const error = await refusal(() => context.once('after', () => void (ran = true)))
    expect(error.code).toBe(code)
    expect(ran).toBe(false)
    expect(await context.once('before', () => 'again')).toBe('remembered')
  })

  test('because it returned runs no further effect', async () => {
    let context: AttemptContext | undefined
    const job = await run((_job, given) => {
      context = given
      return { success: true }
    })
    expect(job.status).toBe('completed')
    let ran = false
    const error = await refusal(() => context!.once('after', () => void (ran = true)))
    expect(error.code).toBe('JOBS_LEASE_LOST')
    expect(ran).toBe(false)
  })

  test('and has not heard so yet hears it when it records', async () => {
    withFault((operation) => (operation === 'extend' ? new Promise(() => {}) : undefined))
    const context = await contextOf()
    const effect = Promise.withResolvers<string>()
    const recorded = refusal(() => context.once('effect', () => effect.promise))
    await time.settle()
    await inner.cancel([{ queue: 'default', tenantId: null, id: 'job' }])
    effect.resolve('too late')
    await time.settle()
    expect((await recorded).code).toBe('JOBS_LEASE_LOST')
  })

  test('records nothing once its lease has gone to another', async () => {
    // This process hears nothing of its lost lease until its effect is refused.
    withFault((operation) => (operation === 'extend' ? new Promise(() => {}) : undefined))
    const context = await contextOf()
    const effect = Promise.withResolvers<string>()
    const recorded = refusal(() => context.once('effect', () => effect.promise))
    await time.settle()
    time.pass(3_001)
    const other = new SimulatedProcess(time, inner)
    const results: unknown[] = []
    other.start({
      queue: other.queue(),
      handlers: new Map<string, JobHandler>([
        [
          'job',
          async (_job, { once }) => {
            results.push(await once('effect', () => 'by the other'))
            await time.sleep(60_000)
            return { success: true }
          },
        ],
      ]),
    })
    await inner.maintain({ limit: 10 })
    await time.advance(5_000)
    expect(results).toEqual(['by the other'])
    effect.resolve('by the first')
    await time.settle()
    expect((await recorded).code).toBe('JOBS_LEASE_LOST')
    const [record] = await inner.get([{ queue: 'default', tenantId: null, id: 'job' }])
    expect(record!.effects).toEqual({ effect: '"by the other"' })
  })
})

describe('a store that does not take an effect', () => {
  test.each<[string, (proceed: () => Promise<unknown>) => Promise<unknown>]>([
    ['fails', () => Promise.reject(new Error('connection reset'))],
    ['is not answered', () => new Promise(() => {})],
    [
      'is applied, and its reply lost',
      async (proceed) => {
        await proceed()
        throw new Error('connection reset')
      },
    ],
  ])('at first, because the call %s, is asked until it does', async (_how, fault) => {
    let troubles = 3
    withFault((operation, proceed) =>
      operation === 'report' && troubles-- > 0 ? fault(proceed) : undefined,
    )
    let runs = 0
    const job = await run(async (_job, { once }) => ({
      success: true,
      data: await once('effect', () => ++runs),
    }))
    await time.advance(10_000)
    expect(troubles).toBeLessThan(0)
    expect(await queue.getJob(job)).toMatchObject({ status: 'completed', attempts: 1, result: 1 })
    expect(runs).toBe(1)
    // Effects are not lost, so nothing is said about lost lines.
    expect(process.messages).toEqual([])
  })

  test('is asked no longer once the attempt is over', async () => {
    let asked = 0
    withFault((operation) => {
      if (operation !== 'report') return undefined
      asked += 1
      return Promise.reject(new Error('connection reset'))
    })
    const codes: unknown[] = []
    const job = await queue.enqueue('job', {}, { timeout: 2_000, maxAttempts: 1 })
    process.start({
      queue,
      handlers: new Map<string, JobHandler>([
        [
          'job',
          async (_job, { once }) => {
            await once('effect', () => 1).catch((error: unknown) => {
              codes.push((error as { code?: unknown }).code)
            })
            return { success: true }
          },
        ],
      ]),
    })
    await time.advance(10_000)
    const before = asked
    await time.advance(10_000)
    expect(before).toBeGreaterThan(2)
    expect(asked).toBe(before)
    expect(codes).toEqual(['JOBS_ATTEMPT_TIMED_OUT'])
    expect(await queue.getJob(job)).toMatchObject({ status: 'failed' })
  })
})
