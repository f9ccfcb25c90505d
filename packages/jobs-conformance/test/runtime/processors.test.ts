import fc from 'fast-check'
import type { JobHandler, JobQueue, JobStore } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore } from './store-with.ts'

let time: ManualTime
let store: JobStore

beforeEach(() => {
  time = new ManualTime()
  store = createMemoryStore({ clock: time.clock })
})

describe('two processors of one queue', () => {
  test.each([
    { where: 'one process', processes: 1 },
    { where: 'two processes', processes: 2 },
  ])('in $where never run a job twice at once, and run each once', async ({ processes }) => {
    const running = new Set<string>()
    const runs = new Map<string, number>()
    const overlaps: string[] = []
    let most = 0
    const handler: JobHandler<number> = async ({ id, payload }) => {
      if (running.has(id)) overlaps.push(id)
      running.add(id)
      most = Math.max(most, running.size)
      runs.set(id, (runs.get(id) ?? 0) + 1)
      await time.sleep(payload)
      running.delete(id)
      return { success: true }
    }
    const all = Array.from({ length: processes }, () => new SimulatedProcess(time, store))
    const queue = all[0]!.queue()
    await queue.enqueueMany(
      Array.from({ length: 300 }, (_, n) => ({ job: 'job', payload: (n * 37) % 90 })),
    )
    for (let index = 0; index < 2; index++) {
      const process = all[index % processes]!
      process.start({
        queue: process.queue(),
        handlers: new Map([['job', handler]]),
        maxConcurrency: 4,
      })
    }
    await time.advance(10_000)
    expect(await queue.counts()).toMatchObject({ completed: 300 })
    expect(overlaps).toEqual([])
    expect([...runs.values()].every((count) => count === 1)).toBe(true)
    // Each its own slots, and both are used.
    expect(most).toBe(8)
  })
})

test('a processor never runs more than its concurrency at once, and uses all of it', async () => {
  const process = new SimulatedProcess(time, store)
  const queue = process.queue()
  let running = 0
  let most = 0
  const handler: JobHandler<number> = async ({ payload }) => {
    running += 1
    most = Math.max(most, running)
    await time.sleep(payload)
    running -= 1
    return { success: true }
  }
  await queue.enqueueMany(
    Array.from({ length: 200 }, (_, n) => ({ job: 'job', payload: n % 3 === 0 ? 0 : 50 })),
  )
  const processor = process.start({
    queue,
    handlers: new Map([['job', handler]]),
    maxConcurrency: 7,
  })
  for (let step = 0; step < 200; step++) {
    await time.advance(10)
    expect(processor.status().running).toBe(running)
  }
  expect(most).toBe(7)
  expect(await queue.counts()).toMatchObject({ completed: 200 })
})

test('queues of other names on the same store do not see each other’s jobs', async () => {
  const process = new SimulatedProcess(time, store)
  const ran: string[] = []
  for (const name of ['a', 'b']) {
    const handler: JobHandler = (job) => {
      ran.push(`${name} ran ${job.queue}`)
      return { success: true }
    }
    process.start({ queue: process.queue({ name }), handlers: new Map([['job', handler]]) })
  }
  await process.queue({ name: 'a' }).enqueue('job', {})
  await process.queue({ name: 'b' }).enqueue('job', {})
  await time.settle()
  expect(ran).toEqual(['a ran a', 'b ran b'])
})

test('status tells what a processor does, and since when its store has answered', async () => {
  const process = new SimulatedProcess(time, store)
  const queue = process.queue()
  const handler: JobHandler = () => new Promise(() => {})
  const processor = process.start({ queue, handlers: new Map([['job', handler]]) })
  expect(processor.status()).toEqual({
    state: 'running',
    running: 0,
    prefetched: 0,
    lastClaimAgoMs: null,
  })
  await queue.enqueue('job', {})
  await time.settle()
  expect(processor.status()).toMatchObject({ running: 1, lastClaimAgoMs: 0 })
  time.pass(400)
  expect(processor.status().lastClaimAgoMs).toBe(400)
})

test('start again while running changes nothing', async () => {
  const process = new SimulatedProcess(time, store)
  const queue = process.queue()
  let runs = 0
  const handler: JobHandler = () => {
    runs += 1
    return { success: true }
  }
  const processor = process.start({ queue, handlers: new Map([['job', handler]]) })
  processor.start()
  await queue.enqueue('job', {})
  await time.settle()
  expect(runs).toBe(1)
})

test.each(['maintain', 'dueSchedules'] as const)(
  'a stop resolves when the call %s under way has been answered: then the store may be closed',
  async (name) => {
    const answer = Promise.withResolvers<void>()
    const inner = faultyStore(store, (operation, proceed) =>
      operation === name ? answer.promise.then(proceed) : undefined,
    )
    const process = new SimulatedProcess(time, inner)
    const processor = process.start({ queue: process.queue() })
    await time.settle()
    let isStopped = false
    const stopped = processor.stop().then(() => (isStopped = true))
    await time.settle()
    expect(isStopped).toBe(false)
    answer.resolve()
    await stopped
    expect(process.messages).toEqual([])
  },
)

test(
  'any JSON payload reaches the handler as it was enqueued, and any result the reader',
  {
    timeout: 30_000,
  },
  async () => {
    const payloads = fc
      .jsonValue({ stringUnit: 'binary' })
      // As JSON has it, which knows no −0.
      .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
      .filter((value) => !/\\u0000|\\ud[89a-f]|"__proto__":/i.test(JSON.stringify(value)))
    await fc.assert(
      fc.asyncProperty(payloads, async (payload) => {
        const process = new SimulatedProcess(new ManualTime(), createMemoryStore())
        const queue: JobQueue = process.queue()
        const seen = Promise.withResolvers<unknown>()
        const done = Promise.withResolvers<void>()
        const handler: JobHandler<unknown> = (job) => {
          seen.resolve(job.payload)
          return { success: true, data: job.payload }
        }
        process.start({
          queue,
          handlers: new Map([['job', handler]]),
          onComplete: () => {
            done.resolve()
          },
        })
        const { id } = await queue.enqueue('job', payload)
        expect(await seen.promise).toEqual(payload)
        await done.promise
        expect((await queue.getJob(id))!.result).toEqual(payload)
      }),
      { numRuns: 100 },
    )
  },
)
