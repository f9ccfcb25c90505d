import { defineJob, type JobHandler, type JobQueue, parseJobId } from '@cgk/jobs-core'
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
  queue = process.queue()
})

const succeeding: JobHandler = () => ({ success: true })
const now = (): Date => new Date(time.clock.now())

describe('a job as its readers see it', () => {
  test('when it was just enqueued', async () => {
    const job = await queue.enqueue('sync-inventory', { productId: '123' })
    expect(job).toEqual({
      id: job.id,
      queue: 'default',
      name: 'sync-inventory',
      payload: { productId: '123' },
      status: 'pending',
      attempts: 0,
      maxAttempts: 3,
      priority: 0,
      scheduledAt: now(),
      createdAt: now(),
      updatedAt: now(),
      releases: 0,
      lostLeases: 0,
      generation: 1,
      headers: {},
      failures: [],
    })
    expect(parseJobId(job.id)!.timestamp).toEqual(now())
    expect(await queue.getJob(job.id)).toEqual(job)
  })

  test('with every option', async () => {
    const scheduledAt = new Date(time.clock.now() + 60_000)
    const job = await queue.enqueue(
      'send-email',
      { to: 'user@example.com' },
      {
        jobId: 'email-1',
        tenantId: 'rawdog',
        priority: -7,
        scheduledAt,
        maxAttempts: 9,
        retryDelay: 100,
        timeout: 5_000,
        metadata: { traceId: 'a' },
      },
    )
    expect(job).toMatchObject({
      id: 'email-1',
      tenantId: 'rawdog',
      status: 'scheduled',
      priority: -7,
      scheduledAt,
      maxAttempts: 9,
      metadata: { traceId: 'a' },
    })
    expect(await queue.getJob(job)).toEqual(job)
  })

  test.each([{ orderingKey: 'order-1' }, { concurrencyKey: 'shop-1' }])(
    'with headers, a delay and keys (%o)',
    async (key) => {
      const limited = defineJob({ name: 'limited', concurrencyLimit: 2, handler: succeeding })
      const options = { headers: { traceparent: '00' }, uniqueKey: 'u', ...key }
      const job = await queue.enqueue(limited, { n: 1 }, { ...options, delay: 100 })
      expect(job).toMatchObject({ ...options, status: 'scheduled' })
      expect(await queue.getJob(job)).toEqual(job)
    },
  )

  test('as a member of a group', async () => {
    const onComplete = { job: 'all-done', payload: {} }
    const members = [{ job: 'part', payload: {} }]
    const group = await queue.enqueueGroup(members, { onComplete, onAnyFailed: 'nothing' })
    const [job] = group.jobs
    expect(job).toMatchObject({ groupId: group.id })
    expect(await queue.getJob(job!)).toEqual(job)
  })

  test('from pending through running to completed, with the instants of each', async () => {
    const created = now()
    const { id } = await queue.enqueue('job', { n: 1 })
    time.pass(5)
    const started = now()
    const gate = Promise.withResolvers<void>()
    let seen: unknown
    const handler: JobHandler = async (job) => {
      seen = job
      await gate.promise
      return { success: true, data: { synced: true } }
    }
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    const running = await queue.getJob(id)
    expect(running).toMatchObject({
      status: 'running',
      attempts: 1,
      createdAt: created,
      startedAt: started,
    })
    expect(seen).toEqual(running)
    time.pass(7)
    gate.resolve()
    await time.settle()
    const completed = await queue.getJob(id)
    expect(completed).toMatchObject({
      status: 'completed',
      attempts: 1,
      createdAt: created,
      startedAt: started,
      completedAt: now(),
      updatedAt: now(),
      result: { synced: true },
    })
    expect(completed).not.toHaveProperty('failedAt')
    expect(completed).not.toHaveProperty('cancelledAt')
    // A snapshot: what was read earlier stays as it was.
    expect(running!.status).toBe('running')
  })

  test('failed and cancelled, each with its own instant', async () => {
    const failing = await queue.enqueue('job', {}, { maxAttempts: 1 })
    const handler: JobHandler = () => {
      throw new Error('no')
    }
    const processor = process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    await processor.stop()
    const failed = await queue.getJob(failing)
    expect(failed).toMatchObject({ status: 'failed', failedAt: now(), error: { message: 'no' } })
    expect(failed).not.toHaveProperty('completedAt')
    const waiting = await queue.enqueue('job', {})
    time.pass(3)
    const cancelled = await queue.cancelJob(waiting)
    expect(cancelled).toMatchObject({ status: 'cancelled', cancelledAt: now(), attempts: 0 })
    expect(cancelled).not.toHaveProperty('failedAt')
  })

  test('counts and pages agree about every status', async () => {
    const handlers = new Map<string, JobHandler>([
      ['complete', succeeding],
      [
        'fail',
        () => {
          throw new Error('no')
        },
      ],
      ['hang', () => new Promise(() => {})],
    ])
    for (const name of ['complete', 'hang']) await queue.enqueue(name, {})
    await queue.enqueue('fail', {}, { maxAttempts: 1 })
    await queue.enqueue('fail', {}, { retryDelay: 60_000 })
    await queue.enqueue('complete', {}, { delay: 60_000 })
    await queue.cancelJob(await queue.enqueue('complete', {}, { delay: 1 }))
    const processor = process.start({ queue, handlers, maxConcurrency: 10 })
    await time.settle()
    await queue.pause()
    await queue.enqueue('complete', {})
    const statuses = [
      'pending',
      'scheduled',
      'running',
      'retrying',
      'completed',
      'failed',
      'cancelled',
    ] as const
    expect(await queue.counts()).toEqual(Object.fromEntries(statuses.map((status) => [status, 1])))
    for (const status of statuses) {
      const jobs = await queue.listJobs(status)
      expect(jobs.map((job) => job.status)).toEqual([status])
    }
    expect(await queue.listJobs({ status: ['failed', 'cancelled'] })).toHaveLength(2)
    expect(await queue.listJobs({ name: 'fail' })).toHaveLength(2)
    expect(await queue.listJobs({ name: ['hang', 'fail'], status: 'running' })).toHaveLength(1)
    const stopped = processor.stop({ gracePeriod: 0 })
    await time.advance(10_000)
    await stopped
  })

  test('pages hold every job once, newest first, whatever is added between', async () => {
    const ids: string[] = []
    for (let n = 0; n < 25; n++) ids.unshift((await queue.enqueue('job', n)).id)
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await queue.listJobs({ limit: 10, ...(cursor !== undefined && { cursor }) })
      seen.push(...page.map(({ id }) => id))
      cursor = page.nextCursor
      await queue.enqueue('job', 'late')
    } while (cursor !== undefined)
    expect(seen).toEqual(ids)
  })

  test('maxAttempts is what enqueue said, else the definition’s, else 3', async () => {
    const job = defineJob({ name: 'job', retry: { maxAttempts: 7 }, handler: succeeding })
    const knowing = process.queue({ jobs: [job] as never })
    expect((await knowing.enqueue('job', {})).maxAttempts).toBe(7)
    expect((await knowing.enqueue('job', {}, { maxAttempts: 2 })).maxAttempts).toBe(2)
    expect((await knowing.enqueue('other', {})).maxAttempts).toBe(3)
    // Also where the queue was not told of the definition.
    expect((await queue.enqueue(job, {})).maxAttempts).toBe(7)
    const [fromMany] = await queue.enqueueMany([{ job, payload: {} }])
    expect(fromMany!.maxAttempts).toBe(7)
  })
})

describe('what is not there', () => {
  test('is null to getJob and "Job not found" to everything that acts', async () => {
    expect(await queue.getJob('job_nope')).toBeNull()
    for (const call of [
      () => queue.cancelJob('job_nope'),
      () => queue.retryJob('job_nope'),
      () => queue.removeJob('job_nope'),
    ]) {
      const error = await refusal(call)
      expect(error.code).toBe('JOBS_NOT_FOUND')
      expect(error.message).toMatch(/^Job not found: job_nope/)
    }
  })

  test('a removed job is not there', async () => {
    const { id } = await queue.enqueue('job', {})
    await queue.removeJob(id)
    expect(await queue.getJob(id)).toBeNull()
    expect((await refusal(() => queue.removeJob(id))).code).toBe('JOBS_NOT_FOUND')
  })

  test('a job of another queue is not there', async () => {
    const { id } = await queue.enqueue('job', {})
    expect(await process.queue({ name: 'other' }).getJob(id)).toBeNull()
  })

  test('a job of the same queue in another queue object is', async () => {
    const { id } = await queue.enqueue('job', {})
    expect(await process.queue().getJob(id)).not.toBeNull()
  })
})

describe('what a job’s state does not allow is refused and changes nothing', () => {
  test('for a completed job: cancel and retry', async () => {
    const { id } = await queue.enqueue('job', {})
    process.start({ queue, handlers: new Map([['job', succeeding]]) })
    await time.settle()
    const before = await queue.getJob(id)
    for (const call of [() => queue.cancelJob(id), () => queue.retryJob(id)]) {
      const error = await refusal(call)
      expect(error.code).toBe('JOBS_ILLEGAL_TRANSITION')
      expect(error.message).toMatch(/it is completed$/)
    }
    expect(await queue.getJob(id)).toEqual(before)
  })

  test('for a running job: retry and remove', async () => {
    const { id } = await queue.enqueue('job', {})
    const gate = Promise.withResolvers<void>()
    const handler: JobHandler = async () => (await gate.promise, { success: true })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    expect((await refusal(() => queue.retryJob(id))).message).toMatch(/it is running$/)
    expect((await refusal(() => queue.removeJob(id))).message).toMatch(/a worker holds it/)
    gate.resolve()
    await time.settle()
    expect((await queue.getJob(id))!.status).toBe('completed')
  })

  test('cancelling a cancelled job returns it', async () => {
    const { id } = await queue.enqueue('job', {})
    const first = await queue.cancelJob(id)
    expect(await queue.cancelJob(id)).toEqual(first)
  })

  test('a cancelled job can be retried once its worker has let go of it', async () => {
    const { id } = await queue.enqueue('job', {})
    const gate = Promise.withResolvers<void>()
    let runs = 0
    const handler: JobHandler = async () => {
      runs += 1
      if (runs === 1) await gate.promise
      return { success: true, data: runs }
    }
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    await queue.cancelJob(id)
    expect((await refusal(() => queue.retryJob(id))).message).toMatch(
      /it is cancelled, and its worker still holds it$/,
    )
    gate.resolve()
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({ status: 'cancelled' })
    await queue.retryJob(id)
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', result: 2, generation: 2 })
  })
})

test('retryJob begins a new generation with all its attempts', async () => {
  let broken = true
  const handler: JobHandler = () => {
    if (broken) throw new Error('no')
    return { success: true }
  }
  const { id } = await queue.enqueue('job', {}, { maxAttempts: 2, retryDelay: 0 })
  process.start({ queue, handlers: new Map([['job', handler]]) })
  await time.settle()
  expect(await queue.getJob(id)).toMatchObject({ status: 'failed', attempts: 2, generation: 1 })
  broken = false
  expect(await queue.retryJob(id)).toMatchObject({
    status: 'pending',
    attempts: 0,
    generation: 2,
    maxAttempts: 2,
  })
  await time.settle()
  const job = await queue.getJob(id)
  expect(job).toMatchObject({ status: 'completed', attempts: 1, generation: 2 })
  expect(job).not.toHaveProperty('failedAt')
})

describe('a jobId', () => {
  test('makes a repeated enqueue return the job that is there, whatever its status', async () => {
    const first = await queue.enqueue('job', { a: 1, b: [2] }, { jobId: 'order-1' })
    const again = (): Promise<unknown> =>
      queue.enqueue('job', { b: [2], a: 1 }, { jobId: 'order-1' })
    expect(await again()).toEqual({ ...first, duplicate: true })
    process.start({ queue, handlers: new Map([['job', succeeding]]) })
    await time.settle()
    expect(await again()).toMatchObject({ id: 'order-1', status: 'completed', duplicate: true })
    await time.settle()
    expect(await queue.counts()).toMatchObject({ pending: 0, completed: 1 })
  })

  test('compares what is stored, so undefined members and toJSON make no difference', async () => {
    const url = new URL('https://example.com/')
    const first = await queue.enqueue('job', { url, gone: undefined }, { jobId: 'order-1' })
    const again = await queue.enqueue('job', { url: 'https://example.com/' }, { jobId: 'order-1' })
    expect(again).toEqual({ ...first, duplicate: true })
  })

  test('is free again once the job was removed', async () => {
    await queue.enqueue('job', 1, { jobId: 'order-1' })
    await queue.removeJob('order-1')
    expect(await queue.enqueue('job', 2, { jobId: 'order-1' })).toMatchObject({ payload: 2 })
  })

  test('of 50 enqueues at once makes one job', async () => {
    const jobs = await Promise.all(
      Array.from({ length: 50 }, () => queue.enqueue('job', 1, { jobId: 'order-1' })),
    )
    expect(new Set(jobs.map(({ createdAt }) => createdAt.getTime())).size).toBe(1)
    expect(await queue.counts()).toMatchObject({ pending: 1 })
  })

  test('may be any text without control characters', async () => {
    for (const jobId of ['a b', 'ü/😀', '*{}:', 'x'.repeat(200), '..', '__proto__']) {
      expect(await queue.enqueue('job', 1, { jobId })).toMatchObject({ id: jobId })
      expect(await queue.getJob(jobId)).toMatchObject({ id: jobId })
    }
  })
})

describe('order', () => {
  async function runAll(): Promise<unknown[]> {
    const ran: unknown[] = []
    const handler: JobHandler<unknown> = ({ payload }) => {
      ran.push(payload)
      return { success: true }
    }
    process.start({ queue, handlers: new Map([['job', handler]]), maxConcurrency: 1 })
    await time.advance(5_000)
    return ran
  }

  test('higher priority first, then the order of enqueueing', async () => {
    for (const [n, priority] of [0, 5, -5, 5, 0, 32_767, -32_768].entries()) {
      await queue.enqueue('job', n, { priority })
    }
    expect(await runAll()).toEqual([5, 1, 3, 0, 4, 2, 6])
  })

  test('calls made at once run in the order of the calls, and a batch in its own', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => queue.enqueue('job', n)))
    await queue.enqueueMany([50, 51, 52].map((payload) => ({ job: 'job', payload })))
    expect(await runAll()).toEqual(Array.from({ length: 53 }, (_, n) => n))
  })

  test('a job that was due earlier comes first', async () => {
    await queue.enqueue('job', 'second', { delay: 20 })
    await queue.enqueue('job', 'first', { delay: 10 })
    time.pass(30)
    await queue.enqueue('job', 'third')
    expect(await runAll()).toEqual(['first', 'second', 'third'])
  })
})
