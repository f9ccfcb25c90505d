import { createJobQueue, createRuntime, type JobHandler, processJobs } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'

describe('a handler that blocks the event loop', () => {
  test('for a third of the lease or longer is reported, with how long and what ran', async () => {
    const time = new ManualTime()
    const process = new SimulatedProcess(time)
    const queue = process.queue()
    const handler: JobHandler<number> = async ({ payload }) => {
      await time.sleep(100)
      time.pass(payload)
      await time.sleep(100)
      return { success: true }
    }
    process.start({ queue, handlers: new Map([['compute', handler]]) })
    await queue.enqueue('compute', 700)
    await time.advance(5_000)
    expect(process.log).toEqual([])
    await queue.enqueue('compute', 1_500)
    await time.advance(5_000)
    expect(process.log).toEqual([
      {
        level: 'warn',
        message: 'the event loop was blocked; no lease was renewed meanwhile',
        fields: {
          queue: 'default',
          blockedMs: expect.any(Number) as number,
          leaseMs: 3_000,
          running: ['compute'],
        },
      },
    ])
    const { blockedMs } = process.log[0]!.fields as { blockedMs: number }
    expect(blockedMs).toBeGreaterThan(1_250)
    expect(blockedMs).toBeLessThanOrEqual(1_500)
  })

  test('and a processor that holds no job reports nothing', async () => {
    const time = new ManualTime()
    const process = new SimulatedProcess(time)
    process.start({ queue: process.queue() })
    time.pass(60_000)
    await time.advance(1_000)
    expect(process.log).toEqual([])
  })

  test('and a processor that has stopped reports nothing any more', async () => {
    const time = new ManualTime()
    const process = new SimulatedProcess(time)
    const processor = process.start({ queue: process.queue() })
    await processor.stop()
    time.pass(60_000)
    await time.advance(1_000)
    expect(process.log).toEqual([])
  })
})

// Real time from here on: what is claimed is about the platform's own event loop.
describe('a long drain of jobs that never wait for anything outside', () => {
  const JOBS = 100_000

  const handlerOf: Record<string, JobHandler> = {
    synchronous: () => ({ success: true }),
    asynchronous: async () => {
      await Promise.resolve()
      return { success: true }
    },
  }

  test.each(['synchronous', 'asynchronous'])(
    'of 100,000 with a %s handler lets timers fire all the while',
    { timeout: 60_000 },
    async (kind) => {
      const queue = createJobQueue({
        name: 'default',
        store: createMemoryStore({ history: { completed: { maxCount: 10 } } }),
        runtime: createRuntime(),
      })
      for (let from = 0; from < JOBS; from += 10_000) {
        await queue.enqueueMany(
          Array.from({ length: 10_000 }, (_, n) => ({ job: 'job', payload: from + n })),
        )
      }
      let done = 0
      const finished = Promise.withResolvers<void>()
      const processor = processJobs({
        queue,
        handlers: new Map([['job', handlerOf[kind]!]]),
        onComplete: () => {
          done += 1
          if (done === JOBS) finished.resolve()
        },
      })
      // How far the drain had come whenever a timer fired.
      const firedAt: number[] = []
      let stopTicking = false
      const tick = (): void => {
        firedAt.push(done)
        if (!stopTicking) setTimeout(tick, 0)
      }
      setTimeout(tick, 0)
      processor.start()
      await finished.promise
      stopTicking = true
      await processor.stop()
      const during = firedAt.filter((count) => count > 0 && count < JOBS)
      expect(during.length).toBeGreaterThanOrEqual(3)
      // No long stretch without one.
      const steps = firedAt.map((count, index) => count - (firedAt[index - 1] ?? 0))
      expect(Math.max(...steps)).toBeLessThan(JOBS / 2)
      expect(await queue.counts()).toMatchObject({ pending: 0, running: 0 })
    },
  )

  test(
    'a producer that never waits for anything else lets timers fire, too',
    { timeout: 60_000 },
    async () => {
      const queue = createJobQueue({
        name: 'default',
        store: createMemoryStore(),
        runtime: createRuntime(),
      })
      let enqueued = 0
      const firedAt: number[] = []
      const timer = setInterval(() => firedAt.push(enqueued), 1)
      for (; enqueued < 50_000; enqueued++) await queue.enqueue('job', {})
      clearInterval(timer)
      expect(firedAt.length).toBeGreaterThanOrEqual(3)
    },
  )
})
