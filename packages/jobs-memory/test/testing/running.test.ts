import { createJobQueue, defineJob, type JobHandler, jobRequest } from '@cgk/jobs-core'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createTestJobs } from '../../src/testing/index.ts'
import { SilentLogger } from './silent-logger.ts'

const succeed: JobHandler = () => ({ success: true })

afterEach(() => {
  vi.useRealTimers()
})

it('takes the settings of a queue and of a processor, and no others', async () => {
  const onComplete = vi.fn<() => void>()
  await using jobs = createTestJobs({
    handlers: new Map([['note', succeed]]),
    tenancy: 'required',
    sizes: { depth: 2 },
    leaseMs: 5_000,
    onComplete,
  })
  await expect(jobs.queue.enqueue('note', {})).rejects.toMatchObject({
    code: 'JOBS_TENANT_REQUIRED',
  })
  await jobs.queue.enqueue('note', {}, { tenantId: 'acme' })
  await jobs.runUntilIdle()
  expect(onComplete).toHaveBeenCalledOnce()
  const misspelt = { at: 0, stuckafter: 5 }
  expect(() => createTestJobs(misspelt)).toThrow('has no setting "stuckafter"')
})

describe('runUntilIdle', () => {
  it('is when jobs run, and not before', async () => {
    const ran: unknown[] = []
    const note = defineJob({
      name: 'note',
      handler: async ({ payload }) => {
        ran.push(payload)
        return { success: true }
      },
    })
    await using jobs = createTestJobs({ jobs: [note] })
    for (let round = 1; round <= 3; round++) {
      const job = await jobs.queue.enqueue(note, { round })
      await setImmediate()
      expect(ran).toHaveLength(round - 1)
      expect((await jobs.queue.getJob(job))?.status).toBe('pending')
      await jobs.runUntilIdle()
      expect(ran.at(-1)).toEqual({ round })
      expect((await jobs.queue.getJob(job))?.status).toBe('completed')
    }
  })

  it('runs what follows, and nothing that is not due', async () => {
    const last = defineJob({ name: 'last', handler: succeed })
    const first = defineJob({
      name: 'first',
      handler: async () => ({
        success: true,
        followUps: [jobRequest(last, {}), jobRequest(last, {}, { delay: 1 })],
      }),
    })
    await using jobs = createTestJobs({ jobs: [first, last] })
    await jobs.queue.enqueue(first, {})
    await jobs.runUntilIdle()
    const statuses = (await jobs.enqueued()).map(({ name, status }) => `${name} ${status}`)
    expect(statuses.toSorted()).toEqual(['first completed', 'last completed', 'last scheduled'])
  })

  it('lets no time pass', async () => {
    await using jobs = createTestJobs({ handlers: new Map([['a', succeed]]), at: 1_000 })
    await jobs.queue.enqueue('a', {})
    await jobs.runUntilIdle()
    expect(jobs.now()).toBe(1_000)
    expect(jobs.clock.now()).toBe(1_000)
  })

  it('waits for handlers that wait for something real', async () => {
    const slow: JobHandler = async () => {
      await setTimeout(30)
      return { success: true }
    }
    await using jobs = createTestJobs({ handlers: new Map([['slow', slow]]), maxConcurrency: 2 })
    for (let index = 0; index < 6; index++) await jobs.queue.enqueue('slow', {})
    await jobs.runUntilIdle()
    expect((await jobs.queue.counts()).completed).toBe(6)
  })

  it('is not stopped by faked timers', async () => {
    await using jobs = createTestJobs({ handlers: new Map([['a', succeed]]) })
    vi.useFakeTimers()
    await jobs.queue.enqueue('a', {})
    await jobs.advance(60_000)
    expect((await jobs.queue.counts()).completed).toBe(1)
  })

  it('runs a group and its callback', async () => {
    const member = defineJob({ name: 'member', handler: succeed })
    const done = defineJob({ name: 'done', handler: succeed })
    await using jobs = createTestJobs({ jobs: [member, done] })
    await jobs.queue.enqueueGroup([jobRequest(member, {}), jobRequest(member, {})], {
      onComplete: jobRequest(done, {}),
      onAnyFailed: 'nothing',
    })
    await jobs.expectNotEnqueued(done)
    await jobs.runUntilIdle()
    expect((await jobs.expectEnqueued(done)).status).toBe('completed')
  })

  it('fires the ticks that are due, also of a schedule that no worker has noticed yet', async () => {
    const tick = defineJob({ name: 'tick', handler: succeed })
    await using jobs = createTestJobs({ jobs: [tick] })
    await jobs.runUntilIdle()
    const startAt = new Date(jobs.now() + 300)
    await jobs.queue.schedule('soon', { job: tick, payload: {}, every: 60_000, startAt })
    await jobs.advance(400)
    await jobs.runUntilIdle()
    const [made, ...others] = await jobs.enqueued(tick)
    expect(others).toEqual([])
    expect(made).toMatchObject({ status: 'completed', tickAt: startAt })
  })

  it('leaves jobs whose name nobody knows, and those taken by hand', async () => {
    const logger = new SilentLogger()
    await using jobs = createTestJobs({ logger })
    await jobs.queue.enqueue('by-hand', {})
    const [taken] = await jobs.queue.dequeue()
    await jobs.queue.enqueue('unknown', {})
    await jobs.runUntilIdle()
    expect(logger.messages).toEqual([expect.stringContaining('no handler for this job name')])
    expect((await jobs.queue.getJob(taken!))?.status).toBe('running')
    await jobs.queue.acknowledge(taken!, 'completed')
    expect((await jobs.queue.counts()).completed).toBe(1)
  })

  it('lets those who wait for a job know', async () => {
    const answer = defineJob({ name: 'answer', handler: async () => ({ success: true, data: 42 }) })
    await using jobs = createTestJobs({ jobs: [answer] })
    const result = jobs.queue.waitFor(await jobs.queue.enqueue(answer, {}))
    await jobs.runUntilIdle()
    expect(await result).toBe(42)
  })

  it('runs the jobs of other queues of the same store', async () => {
    await using jobs = createTestJobs()
    const mail = createJobQueue({ name: 'mail', store: jobs.queue.store, runtime: jobs.runtime })
    const processor = jobs.process({ queue: mail, handlers: new Map([['send', succeed]]) })
    expect(processor.status().state).toBe('idle')
    const job = await mail.enqueue('send', {})
    await jobs.runUntilIdle()
    expect((await mail.getJob(job))?.status).toBe('completed')
    expect(await jobs.enqueued()).toEqual([])
  })

  it('takes handlers and middleware later', async () => {
    await using jobs = createTestJobs()
    const seen: string[] = []
    jobs.processor.registerHandler('a', succeed)
    jobs.processor.use((job, _context, next) => {
      seen.push(job.name)
      return next()
    })
    await jobs.queue.enqueue('a', {})
    await jobs.runUntilIdle()
    expect(seen).toEqual(['a'])
  })
})

describe('a test that goes wrong', () => {
  it('hears which handler is stuck', async () => {
    const hang: JobHandler = () => new Promise(() => {})
    await using jobs = createTestJobs({
      handlers: new Map([['hang', hang]]),
      stuckAfter: 30,
      logger: new SilentLogger(),
    })
    const job = await jobs.queue.enqueue('hang', {}, { tenantId: 'acme' })
    await expect(jobs.runUntilIdle()).rejects.toThrow(
      `still running after 30 ms of real time: job "hang" (${job.id} of acme, attempt 1). Time stands still`,
    )
  })

  it('hears of five stuck handlers and how many more there are', async () => {
    const hang: JobHandler = () => new Promise(() => {})
    await using jobs = createTestJobs({
      handlers: new Map([['hang', hang]]),
      stuckAfter: 30,
      maxConcurrency: 10,
      logger: new SilentLogger(),
    })
    for (let index = 0; index < 7; index++) await jobs.queue.enqueue('hang', {})
    await expect(jobs.advance(1_000)).rejects.toThrow(/(job "hang".*, ){5}and 2 more\. Time/)
  })

  it('hears of tenants that are never told', async () => {
    const tick = defineJob({ name: 'tick', handler: succeed })
    await using jobs = createTestJobs({
      jobs: [tick],
      tenants: () => new Promise(() => {}),
      stuckAfter: 30,
      logger: new SilentLogger(),
    })
    const times = { every: 1_000, forEach: 'tenant' } as const
    await jobs.queue.schedule('hourly', { job: tick, payload: {}, ...times })
    await expect(jobs.advance(1_000)).rejects.toThrow('of real time: a function of the test.')
  })

  it('does not take slow progress for a stuck handler', async () => {
    const steps: JobHandler = async (_job, { log }) => {
      for (let step = 0; step < 10; step++) {
        await setTimeout(60)
        log(`step ${step}`)
      }
      return { success: true }
    }
    await using jobs = createTestJobs({ handlers: new Map([['steps', steps]]), stuckAfter: 400 })
    await jobs.queue.enqueue('steps', {})
    await jobs.runUntilIdle()
    expect((await jobs.queue.counts()).completed).toBe(1)
  })

  it.for(['in place', 'asynchronous'])('hears of a job that makes itself, %s', async (how) => {
    const again: JobHandler = () => {
      const result = { success: true as const, followUps: [{ job: 'again', payload: {} }] }
      return how === 'in place' ? result : Promise.resolve(result)
    }
    await using jobs = createTestJobs({ handlers: new Map([['again', again]]) })
    await jobs.queue.enqueue('again', {})
    await expect(jobs.runUntilIdle()).rejects.toThrow(
      'more than 50000 attempts without time passing, most of them of job "again"',
    )
  })

  it('hears of a call that is not awaited', async () => {
    await using jobs = createTestJobs()
    const first = jobs.advance(1_000)
    await expect(jobs.runUntilIdle()).rejects.toThrow('still under way: await it first')
    await first
    await jobs.runUntilIdle()
  })

  it('hears of a handler that moves time', async () => {
    const jobs = createTestJobs({
      handlers: new Map<string, JobHandler>([
        [
          'mover',
          async () => {
            await jobs.advance(1)
            return { success: true }
          },
        ],
      ]),
    })
    const job = await jobs.queue.enqueue('mover', {}, { maxAttempts: 1 })
    await jobs.runUntilIdle()
    expect((await jobs.queue.getJob(job))?.error?.message).toContain('do not call it in a handler')
    await jobs[Symbol.asyncDispose]()
  })

  it.for([
    { at: 'tomorrow' },
    { at: Number.NaN },
    { stuckAfter: 0 },
    { stuckAfter: Number.NaN },
    { stuckAfter: '9' as never },
    { name: '' },
    { maxConcurrency: 0 },
    { tenants: ['NOT A TENANT'] },
  ])('is refused %o', (config) => {
    expect(() => createTestJobs(config)).toThrow(expect.objectContaining({ name: 'JobsError' }))
  })
})

describe('the end of a test', () => {
  it('aborts what runs, without waiting for time to pass', async () => {
    let reason: unknown
    const hang: JobHandler = (_job, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(signal.reason as Error)
        })
      })
    const jobs = createTestJobs({
      handlers: new Map([['hang', hang]]),
      logger: new SilentLogger(),
    })
    await jobs.queue.enqueue('hang', {})
    await jobs.advance(0, { whileRunning: true })
    await jobs[Symbol.asyncDispose]()
    expect(reason).toMatchObject({ code: 'JOBS_WORKER_STOPPING' })
    await expect(jobs.queue.enqueue('hang', {})).rejects.toMatchObject({
      code: 'JOBS_STORE_CLOSED',
    })
  })

  it('comes also with a handler that ignores its signal, and again', async () => {
    const jobs = createTestJobs({
      handlers: new Map<string, JobHandler>([['deaf', () => new Promise(() => {})]]),
      logger: new SilentLogger(),
      stuckAfter: 10,
    })
    await jobs.queue.enqueue('deaf', {})
    await expect(jobs.runUntilIdle()).rejects.toThrow('"deaf"')
    await jobs[Symbol.asyncDispose]()
    await jobs[Symbol.asyncDispose]()
  })

  it('comes where nothing ever ran', async () => {
    await createTestJobs()[Symbol.asyncDispose]()
  })
})
