import type { ClaimRequest, JobHandler, JobQueue } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { listeningStore, storeWith } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue
let claims: () => readonly ClaimRequest[]
let calls: () => number

beforeEach(() => {
  time = new ManualTime()
  const { store, heard } = listeningStore(createMemoryStore({ clock: time.clock }))
  claims = () =>
    heard.flatMap(({ operation, request }) => {
      if (operation === 'claim') return [request as ClaimRequest]
      return operation === 'settle' ? ((request as { claim?: ClaimRequest }).claim ?? []) : []
    })
  calls = () =>
    heard.filter(({ operation }) => operation === 'claim' || operation === 'settle').length
  process = new SimulatedProcess(time, store)
  queue = process.queue()
})

async function enqueue(count: number, payload: (index: number) => unknown): Promise<void> {
  await queue.enqueueMany(
    Array.from({ length: count }, (_, index) => ({ job: 'job', payload: payload(index) })),
  )
}

/** A handler that takes as many milliseconds as its payload says; negative: without yielding. */
const taking: JobHandler<number> = ({ payload }) => {
  if (payload >= 0) return time.sleep(payload).then(() => ({ success: true }))
  time.pass(-payload)
  return { success: true }
}
const handlers = new Map([['job', taking]])

describe('slow jobs', () => {
  test('are never claimed ahead of a free slot', async () => {
    await enqueue(40, () => 41)
    const processor = process.start({ queue, handlers, maxConcurrency: 4 })
    for (let step = 0; step < 50; step++) {
      await time.advance(10)
      expect(processor.status().prefetched).toBe(0)
      expect(processor.status().running).toBeLessThanOrEqual(4)
    }
    expect(await queue.counts()).toMatchObject({ completed: 40 })
    expect(
      claims()
        .map(({ prefetch }) => prefetch)
        .filter((prefetch) => prefetch > 0),
    ).toEqual([])
    for (const { slots } of claims()) expect(slots).toBeLessThanOrEqual(4)
  })

  test('are not even where the first of them has not ended yet', async () => {
    await enqueue(10, () => 10_000)
    const processor = process.start({ queue, handlers, maxConcurrency: 2 })
    await time.advance(5_000)
    expect(processor.status()).toMatchObject({ running: 2, prefetched: 0 })
    expect(await queue.counts()).toMatchObject({ running: 2, pending: 8 })
  })
})

describe('quick jobs', () => {
  test('of 20 ms are claimed ahead for as long as it takes until slots come free', async () => {
    await enqueue(200, () => 21)
    const processor = process.start({ queue, handlers, maxConcurrency: 10 })
    let most = 0
    for (let step = 0; step < 100; step++) {
      await time.advance(5)
      most = Math.max(most, processor.status().prefetched)
    }
    expect(await queue.counts()).toMatchObject({ completed: 200 })
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(19)
  })

  test('of 20 ms that end one after the other are claimed by tens, and settled with that', async () => {
    await enqueue(400, (index) => (index < 10 ? 20 + 2 * index : 20))
    process.start({ queue, handlers, maxConcurrency: 10 })
    await time.advance(200)
    const before = { calls: calls(), claims: claims().length, ...(await queue.counts()) }
    await time.advance(500)
    const after = { calls: calls(), claims: claims().length, ...(await queue.counts()) }
    expect(after.completed - before.completed).toBeGreaterThanOrEqual(240)
    expect(after.claims - before.claims).toBeLessThanOrEqual(26)
    expect(after.calls - before.calls).toBeLessThanOrEqual(100)
  })

  test('are claimed ahead, at most some 40 ms of work', async () => {
    await enqueue(500, () => -1)
    process.start({ queue, handlers, maxConcurrency: 3 })
    await time.settle()
    expect(await queue.counts()).toMatchObject({ completed: 500 })
    const most = Math.max(...claims().map(({ slots, prefetch }) => slots + prefetch))
    // 3 slots, each with 40 jobs of a millisecond beside the one that runs.
    expect(most).toBeGreaterThan(60)
    expect(most).toBeLessThanOrEqual(3 + 3 * 40)
    expect(calls()).toBeLessThan(50)
  })

  test('that take no time at all are claimed by hundreds, with few calls', async () => {
    await enqueue(10_000, () => -0)
    await time.settle()
    const before = calls()
    process.start({ queue, handlers: new Map([['job', () => ({ success: true })]]) })
    await time.settle()
    expect(await queue.counts()).toMatchObject({ completed: 10_000 })
    expect(calls() - before).toBeLessThan(60)
    expect(Math.max(...claims().map(({ prefetch }) => prefetch))).toBeLessThanOrEqual(1_000)
  })

  test('that take no time at all are claimed by as many as the store says', async () => {
    const requests: ClaimRequest[] = []
    const inner = createMemoryStore({ clock: time.clock })
    const store = storeWith(inner, {
      mostPrefetched: 150,
      claim(request) {
        requests.push(request)
        return inner.claim(request)
      },
    })
    const other = new SimulatedProcess(time, store)
    queue = other.queue()
    await enqueue(2_000, () => 0)
    other.start({ queue, handlers: new Map([['job', () => ({ success: true })]]) })
    await time.settle()
    expect(await queue.counts()).toMatchObject({ completed: 2_000 })
    expect(Math.max(...requests.map(({ prefetch }) => prefetch))).toBe(150)
  })

  test('begin when the claim for more has left, for drivers write at the end of a turn', async () => {
    const inner = createMemoryStore({ clock: time.clock })
    let begun = 0
    const begunMeanwhile: number[] = []
    const leave = async (claim: ClaimRequest): Promise<void> => {
      const before = begun
      await Promise.resolve()
      await setImmediate()
      if (claim.slots === 0) begunMeanwhile.push(begun - before)
    }
    const store = storeWith(inner, {
      claim: (request) => leave(request).then(() => inner.claim(request)),
      async settle(request) {
        if (request.claim !== undefined) await leave(request.claim)
        return inner.settle(request)
      },
    })
    const other = new SimulatedProcess(time, store)
    queue = other.queue()
    await enqueue(5_000, () => 0)
    const counting: JobHandler = async () => {
      begun += 1
      await Promise.resolve()
      return { success: true }
    }
    other.start({ queue, handlers: new Map([['job', counting]]) })
    await time.advance(1_000)
    expect(begun).toBe(5_000)
    expect(begunMeanwhile.length).toBeGreaterThan(5)
    expect(new Set(begunMeanwhile)).toEqual(new Set([0]))
  })

  test('of large payloads are claimed ahead by a few megabytes', async () => {
    const quick: JobHandler = () => ({ success: true })
    await enqueue(300, () => 'x'.repeat(40_000))
    process.start({ queue, handlers: new Map([['job', quick]]), maxConcurrency: 5 })
    await time.settle()
    expect(await queue.counts()).toMatchObject({ completed: 300 })
    const most = Math.max(...claims().map(({ prefetch }) => prefetch))
    expect(most).toBeGreaterThan(10)
    expect(most).toBeLessThanOrEqual((4 * 1024 * 1024) / 40_000)
  })

  test('end being claimed ahead at once when one turns out slow', async () => {
    await enqueue(40, () => -1)
    process.start({ queue, handlers, maxConcurrency: 1 })
    await time.settle()
    expect(Math.max(...claims().map(({ prefetch }) => prefetch))).toBeGreaterThan(10)
    await enqueue(1, () => -50)
    await time.settle()
    const before = claims().length
    await enqueue(30, () => -15)
    await time.settle()
    // 40 ms hold two jobs of 15 ms; the mean comes down from 50 ms little by little.
    for (const { prefetch } of claims().slice(before + 1)) expect(prefetch).toBeLessThanOrEqual(2)
  })
})

describe('jobs claimed ahead whose slot stays taken', () => {
  test('are given back after 100 ms, unspent, so that another worker can have them', async () => {
    await enqueue(100, () => -1)
    const processor = process.start({ queue, handlers, maxConcurrency: 2 })
    await time.settle()
    // The two slots are taken by jobs that hang; the rest was claimed with them.
    await enqueue(30, (index) => (index < 2 ? 60_000 : 1))
    await time.settle()
    expect(processor.status()).toMatchObject({ running: 2 })
    const { prefetched } = processor.status()
    expect(prefetched).toBeGreaterThan(10)
    await time.advance(99)
    expect(processor.status().prefetched).toBe(prefetched)
    await time.advance(1)
    expect(processor.status()).toMatchObject({ running: 2, prefetched: 0 })
    const waiting = await queue.listJobs('pending')
    expect(waiting.length).toBe(28)
    expect(waiting.filter(({ releases }) => releases === 1)).toHaveLength(prefetched)
    expect(waiting.every(({ attempts }) => attempts === 0)).toBe(true)
    const other = new SimulatedProcess(time, queue.store)
    const otherQueue = other.queue()
    other.start({ queue: otherQueue, handlers })
    await time.advance(1_000)
    expect(await queue.counts()).toMatchObject({ running: 2, completed: 128 })
  })
})

describe('jobs with an ordering key', () => {
  const keyed = (count: number, payload: unknown): Promise<unknown> =>
    queue.enqueueMany(
      Array.from({ length: count }, (_, index) => ({
        job: 'job',
        payload,
        options: { orderingKey: `key-${index}` },
      })),
    )

  test('which no slot is free for are not asked for again and again', async () => {
    await enqueue(200, () => -1)
    process.start({ queue, handlers, maxConcurrency: 2 })
    await time.settle()
    await keyed(10, 1_000)
    await time.settle()
    const before = calls()
    await time.advance(900)
    expect(calls() - before).toBeLessThanOrEqual(2)
    await time.advance(5_000)
    expect(await queue.counts()).toMatchObject({ completed: 210 })
  })

  test('follow one another without a poll or a hint', async () => {
    const deaf = Object.assign(createMemoryStore({ clock: time.clock }), { subscribe: undefined })
    const other = new SimulatedProcess(time, deaf).queue()
    process.start({ queue: other, handlers, pollInterval: 60_000 })
    for (let index = 0; index < 20; index++) {
      await other.enqueue('job', 10, { orderingKey: 'one' })
    }
    await time.advance(60_000)
    await time.advance(1_000)
    expect(await other.counts()).toMatchObject({ completed: 20 })
  })
})

describe('a store that settles slower than it hands out', () => {
  test('is asked for no more while some thousands of attempts are yet to be settled', async () => {
    const inner = createMemoryStore({ clock: time.clock })
    let isStuck = true
    const freed = Promise.withResolvers<void>()
    const slow = new SimulatedProcess(
      time,
      storeWith(inner, {
        async settle(request) {
          if (isStuck && request.claim === undefined) await freed.promise
          return inner.settle(request)
        },
      }),
    )
    queue = slow.queue()
    await enqueue(10_000, () => 0)
    const quick: JobHandler<number> = () => ({ success: true })
    slow.start({ queue, handlers: new Map([['job', quick]]), maxConcurrency: 5 })
    await time.settle()
    const { running, pending } = await queue.counts()
    expect(running).toBeGreaterThanOrEqual(2_000)
    expect(pending).toBeGreaterThan(5_000)

    isStuck = false
    freed.resolve()
    await time.settle()
    expect(await queue.counts()).toMatchObject({ completed: 10_000 })
  })
})
