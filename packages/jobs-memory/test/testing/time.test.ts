import { defineJob, type JobHandler, RetryAfterError, snooze } from '@cgk/jobs-core'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createTestJobs, type TestJobs } from '../../src/testing/index.ts'
import { SilentLogger } from './silent-logger.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const succeed: JobHandler = () => ({ success: true })

/** When each attempt of each job began, in milliseconds since the start. */
interface Beginnings {
  readonly handler: JobHandler<never>
  readonly at: number[]
}

function failing(clock: () => number, times: number): Beginnings {
  const at: number[] = []
  return {
    at,
    handler: () => {
      at.push(clock())
      if (at.length <= times) throw new Error('not yet')
      return { success: true }
    },
  }
}

describe('advance', () => {
  it('begins at a known instant, or at the one given', () => {
    expect(new Date(createTestJobs().now()).toISOString()).toBe('2026-01-05T09:00:00.000Z')
    for (const at of ['2030-01-01T00:00:00Z', new Date('2030-01-01'), Date.UTC(2030, 0, 1)]) {
      expect(createTestJobs({ at }).now()).toBe(Date.UTC(2030, 0, 1))
    }
  })

  it('runs a delayed job at its time, and not a millisecond before', async () => {
    await using jobs = createTestJobs({ handlers: new Map([['a', succeed]]), at: 0 })
    const job = await jobs.queue.enqueue('a', {}, { delay: HOUR_MS })
    await jobs.advance(HOUR_MS - 1)
    expect((await jobs.queue.getJob(job))?.status).toBe('scheduled')
    await jobs.advance(1)
    expect(await jobs.queue.getJob(job)).toMatchObject({
      status: 'completed',
      startedAt: new Date(HOUR_MS),
    })
    expect(jobs.now()).toBe(HOUR_MS)
  })

  it('repeats an attempt after exactly the delay of its policy', async () => {
    const { at, handler } = failing(() => jobs.now(), 3)
    const jobs: TestJobs = createTestJobs({ at: 0, handlers: new Map([['flaky', handler]]) })
    await jobs.queue.enqueue('flaky', {}, { maxAttempts: 4 })
    await jobs.advance(10_000)
    expect(at).toEqual([0, 1_000, 3_000, 7_000])
    await jobs[Symbol.asyncDispose]()
  })

  it('puts off by what a handler says', async () => {
    const at: number[] = []
    const handler: JobHandler = () => {
      at.push(jobs.now())
      if (at.length === 1) return snooze(5 * DAY_MS)
      if (at.length === 2) throw new RetryAfterError('busy', 1_234)
      return { success: true }
    }
    const jobs: TestJobs = createTestJobs({ at: 0, handlers: new Map([['a', handler]]) })
    await jobs.queue.enqueue('a', {})
    await jobs.advance(30 * DAY_MS)
    expect(at).toEqual([0, 5 * DAY_MS, 5 * DAY_MS + 1_234])
    await jobs[Symbol.asyncDispose]()
  })

  it('fires the ticks of schedules, daily ones also where the clock changes', async () => {
    const report = defineJob({ name: 'report', handler: succeed })
    await using jobs = createTestJobs({ jobs: [report], at: '2026-03-28T00:00:00Z' })
    await jobs.queue.schedule('nightly', {
      job: report,
      payload: {},
      cron: '30 1 * * *',
      timezone: 'Europe/London',
    })
    await jobs.advanceTo('2026-03-31T00:00:00Z')
    const begun = (await jobs.enqueued(report)).map(({ startedAt }) => startedAt?.toISOString())
    expect(begun).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
  })

  it('fires the ticks of each tenant', async () => {
    const report = defineJob({ name: 'report', handler: succeed })
    await using jobs = createTestJobs({ jobs: [report], tenants: ['acme', 'globex'] })
    await jobs.queue.schedule('hourly', {
      job: report,
      payload: {},
      every: HOUR_MS,
      forEach: 'tenant',
    })
    await jobs.advance(2 * HOUR_MS)
    expect(await jobs.enqueued(report)).toHaveLength(4)
    expect(await jobs.enqueued(report, { tenantId: 'acme' })).toHaveLength(2)
  })

  it('waits for the tenants to be told', async () => {
    const report = defineJob({ name: 'report', handler: succeed })
    const tenants = async (): Promise<string[]> => {
      await setTimeout(20)
      return ['acme']
    }
    await using jobs = createTestJobs({ jobs: [report], tenants, at: 0 })
    await jobs.queue.schedule('hourly', {
      job: report,
      payload: {},
      every: HOUR_MS,
      forEach: 'tenant',
    })
    await jobs.advance(2 * HOUR_MS)
    const begun = (await jobs.enqueued(report)).map(({ startedAt }) => startedAt?.getTime())
    expect(begun).toEqual([HOUR_MS, 2 * HOUR_MS])
  })

  it('waits for handlers that wait for something real, at a time that stands still', async () => {
    const at: number[] = []
    const handler: JobHandler = async () => {
      at.push(jobs.now())
      await setTimeout(20)
      at.push(jobs.now())
      return { success: true }
    }
    const jobs: TestJobs = createTestJobs({ at: 0, handlers: new Map([['a', handler]]) })
    await jobs.queue.enqueue('a', {}, { delay: 500 })
    await jobs.queue.enqueue('a', {}, { delay: 600 })
    await jobs.advance(DAY_MS)
    expect(at).toEqual([500, 500, 600, 600])
    await jobs[Symbol.asyncDispose]()
  })

  it('lets an attempt run into its timeout where asked to', async () => {
    const hang: JobHandler = (_job, { signal, attempt }) =>
      attempt === 2
        ? { success: true }
        : new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              reject(signal.reason as Error)
            })
          })
    await using jobs = createTestJobs({ handlers: new Map([['hang', hang]]) })
    const job = await jobs.queue.enqueue('hang', {}, { timeout: 30_000, retryDelay: 2_000 })
    await jobs.advance(29_999, { whileRunning: true })
    expect((await jobs.queue.getJob(job))?.status).toBe('running')
    await jobs.advance(1, { whileRunning: true })
    expect(await jobs.queue.getJob(job)).toMatchObject({
      status: 'retrying',
      error: { code: 'JOBS_ATTEMPT_TIMED_OUT' },
    })
    await jobs.advance(2_000)
    expect(await jobs.queue.getJob(job)).toMatchObject({ status: 'completed', attempts: 2 })
  })

  it('takes back what was taken by hand and not acknowledged', async () => {
    await using jobs = createTestJobs({ handlers: new Map([['a', succeed]]) })
    const job = await jobs.queue.enqueue('a', {})
    await jobs.queue.dequeue(1, { leaseMs: 10_000 })
    await jobs.advance(9_999)
    expect((await jobs.queue.getJob(job))?.status).toBe('running')
    await jobs.advance(1_000)
    expect(await jobs.queue.getJob(job)).toMatchObject({ status: 'completed', lostLeases: 1 })
  })

  it('ends the wait of somebody at its timeout', async () => {
    await using jobs = createTestJobs()
    const job = await jobs.queue.enqueue('never', {}, { delay: 10 * DAY_MS })
    for (const timeout of [300, 1_000, 90_000]) {
      const before = jobs.now()
      const waited = jobs.queue.waitFor(job, { timeout }).catch(() => jobs.now() - before)
      await jobs.advance(DAY_MS)
      expect(await waited).toBe(timeout)
    }
  })

  it.for([-1, Number.NaN, Infinity, '1h' as never])('is refused %o', async (ms) => {
    await using jobs = createTestJobs()
    await expect(jobs.advance(ms)).rejects.toMatchObject({ code: 'JOBS_INVALID_OPTION' })
  })

  it.for(['2026-01-05T08:59:59Z', 'soon', Number.NaN])('does not go to %o', async (instant) => {
    await using jobs = createTestJobs()
    await expect(jobs.advanceTo(instant)).rejects.toMatchObject({ code: 'JOBS_INVALID_OPTION' })
  })
})

describe('idle time', () => {
  /** A busy week: what begins when, and what was logged. */
  async function liveThrough(steps: readonly number[]): Promise<unknown> {
    const logger = new SilentLogger()
    const flaky = defineJob<{ times: number }, unknown, 'flaky'>({
      name: 'flaky',
      handler: ({ payload, attempts }) => {
        if (attempts <= payload.times) throw new Error('not yet')
        return { success: true }
      },
      retry: { maxAttempts: 9, backoff: 'exponential', initialDelay: 700, maxDelay: 7_000_000 },
    })
    const tick = defineJob({ name: 'tick', handler: succeed, discard: true })
    await using jobs = createTestJobs({ jobs: [flaky, tick], logger, at: 0 })
    for (const [index, delay] of [0, 1, 999, 1_000, 1_001, 2_500, 61_003, 7_200_001].entries()) {
      await jobs.queue.enqueue(flaky, { times: index % 7 }, { delay })
    }
    await jobs.queue.schedule('a', { job: tick, payload: {}, cron: '*/7 * * * *' })
    await jobs.queue.schedule('b', { job: tick, payload: {}, every: 123_457 })
    for (const step of steps) await jobs.advance(step)
    const all = await jobs.enqueued()
    return {
      messages: logger.messages,
      jobs: all.map(({ name, payload, status, attempts, startedAt, tickAt, failures }) => ({
        name,
        payload,
        status,
        attempts,
        startedAt: startedAt?.getTime(),
        tickAt: tickAt?.getTime(),
        failedAt: failures.map(({ endedAt }) => endedAt.getTime()),
      })),
    }
  }

  it('that is passed over leaves everything as it would have been', async () => {
    const atOnce = await liveThrough([4 * HOUR_MS])
    // So short a step passes over nothing.
    const stepByStep = await liveThrough(Array.from({ length: 4 * 3_600 }, () => 1_000))
    expect(atOnce).toEqual(stepByStep)
    expect(atOnce).toMatchObject({ messages: [] })
  })

  it('costs nothing, whatever its length', async () => {
    await using jobs = createTestJobs({ handlers: new Map([['a', succeed]]) })
    await jobs.queue.enqueue('a', {}, { delay: 3_650 * DAY_MS })
    const startedAt = performance.now()
    await jobs.advance(3_650 * DAY_MS)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect((await jobs.queue.counts()).completed).toBe(1)
  })

  it('is passed over while jobs wait for their turn of a key, or in a paused queue', async () => {
    const handler: JobHandler = ({ attempts }) => {
      if (attempts === 1) throw new RetryAfterError('later', 10 * DAY_MS)
      return { success: true }
    }
    await using jobs = createTestJobs({ handlers: new Map([['a', handler]]), at: 0 })
    for (let n = 0; n < 3; n++) await jobs.queue.enqueue('a', {}, { orderingKey: 'k' })
    const startedAt = performance.now()
    await jobs.advance(29 * DAY_MS)
    await jobs.queue.pause()
    await jobs.advance(30 * DAY_MS)
    await jobs.queue.resume()
    expect((await jobs.queue.counts()).completed).toBe(2)
    await jobs.runUntilIdle()
    expect((await jobs.queue.counts()).completed).toBe(3)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  it('between the ticks of a month is passed over as well', async () => {
    const tick = defineJob({ name: 'tick', handler: succeed })
    await using jobs = createTestJobs({ jobs: [tick] })
    await jobs.queue.schedule('hourly', { job: tick, payload: {}, cron: '0 * * * *' })
    await jobs.advance(30 * DAY_MS)
    expect(await jobs.enqueued(tick)).toHaveLength(30 * 24)
  })

  it('is passed over beside processors that seldom look', async () => {
    await using jobs = createTestJobs({
      handlers: new Map([['a', succeed]]),
      pollInterval: 3_600_000,
      at: 0,
    })
    const job = await jobs.queue.enqueue('a', {}, { delay: 5 * HOUR_MS + 17 })
    await jobs.advance(DAY_MS)
    expect((await jobs.queue.getJob(job))?.startedAt).toEqual(new Date(5 * HOUR_MS + 17))
  })
})
