import { defineJob, isJobsError, jobRequest, PermanentError, snooze } from '@cgk/jobs-core'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { createTestJobs } from '../../src/testing/index.ts'

interface Charge {
  amount: number
}

const isCharge = (payload: unknown): payload is Charge =>
  typeof (payload as Partial<Charge>).amount === 'number'

const charge = defineJob({
  name: 'charge',
  validate: isCharge,
  handler: async ({ payload }, { once }) => {
    const paid = await once('pay', ({ idempotencyKey }) => ({ idempotencyKey, ...payload }))
    return { success: true, data: { paid: paid.amount } }
  },
})

describe('run', () => {
  it('returns what the handler returned', async () => {
    await using jobs = createTestJobs()
    const result = await jobs.run(charge, { amount: 5 })
    expectTypeOf(result).toEqualTypeOf<{ paid: number }>()
    expect(result).toEqual({ paid: 5 })
    await jobs.expectNotEnqueued(charge)
  })

  it('throws what the handler threw, at the first attempt', async () => {
    const error = new Error('out of order')
    let attempts = 0
    const broken = defineJob({
      name: 'broken',
      handler: () => {
        attempts += 1
        throw error
      },
    })
    await using jobs = createTestJobs()
    await expect(jobs.run(broken, {})).rejects.toBe(error)
    await jobs.advance(60_000)
    expect(attempts).toBe(1)
  })

  it('throws what the handler failed with', async () => {
    const gone = new PermanentError('gone', { code: 'GONE' })
    const failing = defineJob({
      name: 'failing',
      handler: () => ({ success: false, error: gone }),
    })
    await using jobs = createTestJobs()
    await expect(jobs.run(failing, {})).rejects.toMatchObject({
      message: 'gone',
      code: 'GONE',
    })
  })

  it('checks the payload and the options first', async () => {
    await using jobs = createTestJobs({ tenancy: 'required' })
    const run = (payload: unknown, options: object): Promise<unknown> =>
      jobs.run(charge, payload as Charge, options)
    const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
      promise.catch((error: unknown) => isJobsError(error) && error.code)
    expect(await codeOf(run({}, { tenantId: 'acme' }))).toBe('JOBS_INVALID_PAYLOAD')
    expect(await codeOf(run({ amount: 1 }, {}))).toBe('JOBS_TENANT_REQUIRED')
    expect(await codeOf(run({ amount: 1 }, { tenantId: 'acme', priority: 'high' }))).toBe(
      'JOBS_INVALID_OPTION',
    )
    expect(
      await codeOf(run({ amount: 1 }, { tenantId: 'acme', scheduledAt: new Date(jobs.now()) })),
    ).toBe('JOBS_INVALID_OPTION')
  })

  it('says that the handler put the job off', async () => {
    const later = defineJob({ name: 'later', handler: async () => snooze(60_000) })
    await using jobs = createTestJobs()
    await expect(jobs.run(later, {})).rejects.toThrow(
      'job "later" did not end: its handler put it off by 60000 ms',
    )
  })

  it('has a context that works', async () => {
    const seen: unknown[] = []
    const curious = defineJob({
      name: 'curious',
      options: { delay: 5_000 },
      handler: async (job, context) => {
        context.progress({ done: 1 })
        context.log('half way')
        seen.push(context.attempt, context.tenantId, context.headers['trace'], job.metadata)
        seen.push(context.signal.aborted, job.queue, job.createdAt)
        await context.extendLease(60_000)
        return { success: true }
      },
    })
    await using jobs = createTestJobs({ name: 'mail', at: 0 })
    await jobs.run(
      curious,
      {},
      { tenantId: 'acme', headers: { trace: 't' }, metadata: { by: 'me' } },
    )
    expect(seen).toEqual([1, 'acme', 't', { by: 'me' }, false, 'mail', new Date(0)])
    expect(jobs.now()).toBe(0)
  })

  it('passes the middleware of the processor', async () => {
    const seen: string[] = []
    const job = defineJob({
      name: 'job',
      handler: () => {
        seen.push('job')
        return { success: true }
      },
    })
    await using jobs = createTestJobs({ jobs: [job] })
    for (const name of ['outer', 'inner']) {
      jobs.processor.use(async (_job, _context, next) => {
        seen.push(name)
        return next()
      })
    }
    await jobs.run(job, {})
    expect(seen).toEqual(['outer', 'inner', 'job'])
  })

  it('enqueues what follows', async () => {
    const receipt = defineJob<{ to: string }, unknown, 'receipt'>({
      name: 'receipt',
      handler: () => ({ success: true }),
    })
    const sale = defineJob({
      name: 'sale',
      handler: async () => {
        await jobs.queue.enqueue('direct', {}, { delay: 60_000 })
        return { success: true, followUps: [jobRequest(receipt, { to: 'me' })] }
      },
    })
    const jobs = createTestJobs()
    jobs.processor.registerJob(receipt)
    await jobs.run(sale, {}, { tenantId: 'acme' })
    expect(await jobs.expectEnqueued(receipt, { to: 'me' })).toMatchObject({
      status: 'pending',
      tenantId: 'acme',
    })
    await jobs.expectEnqueued('direct')
    await jobs.runUntilIdle()
    expect((await jobs.expectEnqueued(receipt)).status).toBe('completed')
    await jobs[Symbol.asyncDispose]()
  })

  it('throws where what follows is refused', async () => {
    const sale = defineJob({
      name: 'sale',
      handler: () => ({
        success: true,
        followUps: [{ job: 'receipt', payload: {}, options: { jobId: 'taken' } }],
      }),
    })
    await using jobs = createTestJobs()
    await jobs.queue.enqueue('other', {}, { jobId: 'taken' })
    await expect(jobs.run(sale, {})).rejects.toMatchObject({ code: 'JOBS_ID_CONFLICT' })
  })

  it('waits for something real, and not for ever', async () => {
    const slow = defineJob<{ ms: number }, string, 'slow'>({
      name: 'slow',
      handler: async ({ payload }) => {
        await setTimeout(payload.ms)
        return { success: true, data: 'at last' }
      },
    })
    await using jobs = createTestJobs({ stuckAfter: 200 })
    expect(await jobs.run(slow, { ms: 20 })).toBe('at last')
    await expect(jobs.run(slow, { ms: 1_000 })).rejects.toThrow(
      'still running after 200 ms of real time: job "slow".',
    )
  })

  it('may be called by several at once, and by a handler', async () => {
    const double = defineJob<{ n: number }, number, 'double'>({
      name: 'double',
      handler: async ({ payload }) => ({ success: true, data: payload.n * 2 }),
    })
    const jobs = createTestJobs()
    const outer = defineJob({
      name: 'outer',
      handler: async () => ({ success: true, data: await jobs.run(double, { n: 4 }) }),
    })
    jobs.processor.registerJob(outer)
    expect(await Promise.all([1, 2, 3].map((n) => jobs.run(double, { n })))).toEqual([2, 4, 6])
    const job = await jobs.queue.enqueue(outer, {})
    await jobs.runUntilIdle()
    expect((await jobs.queue.getJob(job))?.result).toBe(8)
    await jobs[Symbol.asyncDispose]()
  })
})
