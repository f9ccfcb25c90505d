import {
  type ClaimRequest,
  defineJob,
  type JobHandler,
  type JobOptions,
  type JobQueue,
  type Settlement,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore } from './store-with.ts'

const PATIENCE_MS = 20

interface Call {
  readonly at: number
  readonly jobs: number
  readonly withClaim: boolean
}

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue
/** The calls that settled. */
let calls: Call[]
/** How long such a call is under way. */
let callMs: number
/** So many of them fail. */
let failures: number
/** How long a claim by itself is under way. */
let claimMs: number
/** What the jobs wait for that are held. */
let gate: PromiseWithResolvers<void>

beforeEach(() => {
  time = new ManualTime()
  calls = []
  callMs = 0
  failures = 0
  claimMs = 0
  gate = Promise.withResolvers()
  const memory = createMemoryStore({ clock: time.clock })
  const store = faultyStore(memory, async (operation, proceed, request) => {
    if (operation === 'claim' && claimMs > 0) await time.sleep(claimMs)
    if (operation !== 'settle') return proceed()
    const { settlements, claim } = request as { settlements: Settlement[]; claim?: ClaimRequest }
    calls.push({ at: now(), jobs: settlements.length, withClaim: claim !== undefined })
    const answer = await proceed()
    if (callMs > 0) await time.sleep(callMs)
    if (failures-- > 0) throw new Error('connection reset')
    return answer
  })
  process = new SimulatedProcess(time, store)
  queue = process.queue({ jobs: [definition] as never })
})

const now = (): number => time.clock.monotonic()

interface Work {
  readonly ms: number
  readonly fails?: boolean
  readonly isFollowed?: boolean
  readonly isHeld?: boolean
}

const handler: JobHandler<Work> = async ({ payload: { ms, fails, isFollowed, isHeld } }) => {
  await (isHeld === true ? gate.promise : time.sleep(ms))
  if (fails === true) throw new Error('no')
  const followUp = { job: 'job', payload: { ms: 1 }, options: { delay: 60_000 } }
  return { success: true, followUps: isFollowed === true ? [followUp] : [] }
}
const handlers = new Map([['job', handler]])
const definition = defineJob({ name: 'job', concurrencyLimit: 1, handler })

/** A worker some of whose slots are taken for long. */
async function startBusy({ taken = 9, maxConcurrency = 10 } = {}) {
  const processor = process.start({ queue, handlers, maxConcurrency })
  for (let n = 0; n < taken; n++) await queue.enqueue('job', { ms: 60_000 })
  await time.settle()
  return processor
}

/** Enqueues a job that begins at once. */
async function begin(work: Work, options?: JobOptions): Promise<void> {
  await queue.enqueue('job', work, options)
  await time.settle()
}

const counts = () => queue.counts()

describe('the settlement of a job of 20 ms, while others are in progress,', () => {
  test('waits 20 ms for company', async () => {
    await startBusy()
    await begin({ ms: 20 })
    await time.advance(20 + PATIENCE_MS - 1)
    expect(calls).toEqual([])
    await time.advance(1)
    expect(calls).toEqual([{ at: now(), jobs: 1, withClaim: false }])
    expect(await counts()).toMatchObject({ completed: 1, running: 9 })
  })

  test('takes those along that come meanwhile', async () => {
    await startBusy({ taken: 7 })
    for (let n = 0; n < 3; n++) {
      await begin({ ms: 20 })
      await time.advance(2)
    }
    const firstEndsAt = now() - 6 + 20
    await time.advance(100)
    expect(calls).toEqual([{ at: firstEndsAt + PATIENCE_MS, jobs: 3, withClaim: false }])
  })

  test('goes with one that cannot wait', async () => {
    await startBusy({ taken: 8 })
    await begin({ ms: 20 })
    await begin({ ms: 22, fails: true })
    await time.advance(22)
    expect(calls).toEqual([{ at: now(), jobs: 2, withClaim: false }])
  })

  test('goes with the next claim', async () => {
    await startBusy()
    await begin({ ms: 20 })
    await time.advance(22)
    await begin({ ms: 20 })
    expect(calls).toEqual([{ at: now(), jobs: 1, withClaim: true }])
  })

  test('goes when the processor stops', async () => {
    const processor = await startBusy()
    await begin({ ms: 20 })
    await time.advance(21)
    void processor.stop()
    await time.settle()
    expect(calls).toEqual([{ at: now(), jobs: 1, withClaim: false }])
    await begin({ ms: 20 })
    expect(await counts()).toMatchObject({ completed: 1 })
  })

  test('goes at once after that', async () => {
    const processor = await startBusy()
    await begin({ ms: 20 })
    void processor.stop()
    await time.advance(20)
    expect(calls).toEqual([{ at: now(), jobs: 1, withClaim: false }])
  })

  test.each([
    [100, 20 + PATIENCE_MS],
    [101, 20],
  ])('of %d that end at once goes after %d ms', async (count, at) => {
    await startBusy({ taken: 10, maxConcurrency: 120 })
    await queue.enqueueMany(
      Array.from({ length: count }, () => ({ job: 'job', payload: { ms: 20 } })),
    )
    await time.advance(100)
    expect(calls).toEqual([{ at, jobs: count, withClaim: false }])
  })

  test('has its time when a call comes back that was under way', async () => {
    callMs = 10
    await startBusy({ taken: 7 })
    await begin({ ms: 1, isFollowed: true })
    await begin({ ms: 5 })
    await begin({ ms: 6 })
    await time.advance(100)
    // The first has no patience. Of the others, the second's is over when its call is back.
    expect(calls.map(({ at, jobs }) => [at, jobs])).toEqual([
      [1, 1],
      [11, 2],
    ])
    calls = []
    await begin({ ms: 1, isFollowed: true })
    await begin({ ms: 8 })
    const begunAt = now()
    await time.advance(100)
    expect(calls.map(({ at, jobs }) => [at - begunAt, jobs])).toEqual([
      [1, 1],
      [8 + 8, 1],
    ])
  })

  test('is repeated when its call was not answered', async () => {
    failures = 1
    await startBusy()
    await begin({ ms: 20 })
    await time.advance(100)
    expect(calls.map(({ jobs }) => jobs)).toEqual([1, 1])
    expect(await counts()).toMatchObject({ completed: 1 })
  })

  test('goes with one whose patience ends sooner', async () => {
    await startBusy({ taken: 8 })
    await begin({ ms: 20 })
    await time.advance(9)
    await begin({ ms: 12 })
    await time.advance(100)
    expect(calls).toEqual([{ at: 9 + 12 + 12, jobs: 2, withClaim: false }])
  })
})

describe('settlements that come while a call of 10 ms is under way', () => {
  /** Begins jobs of which the first is settled at once after 2 ms, and so many end together after 5. */
  async function beginHeld(count: number, ...others: Work[]): Promise<void> {
    callMs = 10
    await startBusy({ taken: 1, maxConcurrency: 1_000 })
    const held = Array.from({ length: count }, () => ({ ms: 0, isHeld: true }))
    const works: Work[] = [{ ms: 2, isFollowed: true }, ...held, ...others]
    await queue.enqueueMany(works.map((payload) => ({ job: 'job', payload })))
    await time.advance(5)
    gate.resolve()
    await time.settle()
  }

  const settled = () => calls.map(({ at, jobs }) => [at, jobs])

  test('wait for its answer if they are 100', async () => {
    await beginHeld(100)
    await time.advance(100)
    expect(settled()).toEqual([
      [2, 1],
      [12, 100],
    ])
  })

  test('go beside it if they are more, as many as there are by the end of the turn', async () => {
    await beginHeld(300)
    expect(settled()).toEqual([
      [2, 1],
      [5, 300],
    ])
  })

  test('wait for one of two answers, however many they are', async () => {
    const others = Array.from({ length: 300 }, () => ({ ms: 6 }))
    await beginHeld(300, ...others)
    await time.advance(100)
    expect(settled()).toEqual([
      [2, 1],
      [5, 300],
      [12, 300],
    ])
    expect(await counts()).toMatchObject({ completed: 601, running: 1 })
  })

  test('are repeated with those of the other call, should both fail', async () => {
    failures = 2
    await beginHeld(300)
    await time.advance(200)
    expect(calls.map(({ jobs }) => jobs)).toEqual([1, 300, 301])
    expect(await counts()).toMatchObject({ completed: 301, running: 1 })
  })
})

describe('nothing waits', () => {
  /** Lets time pass; a claim that could take settlements along has left before. */
  async function claimUntilAfter(ms: number): Promise<void> {
    claimMs = 100
    await begin({ ms: 60_000 })
    await time.advance(ms)
  }

  test.each<{ what: string; work: Work; options?: JobOptions }>([
    { what: 'that took hardly any time', work: { ms: 0 } },
    { what: 'that failed', work: { ms: 20, fails: true } },
    { what: 'that something follows', work: { ms: 20, isFollowed: true } },
    { what: 'that holds an ordering key', work: { ms: 20 }, options: { orderingKey: 'a' } },
    { what: 'that holds a concurrency key', work: { ms: 20 }, options: { concurrencyKey: 'a' } },
    { what: 'that holds a unique key', work: { ms: 20 }, options: { uniqueKey: 'a' } },
    { what: 'that tells of its limiter', work: { ms: 20 }, options: { limiter: 'a' } },
  ])('$what', async ({ work, options }) => {
    await startBusy({ taken: 8 })
    await begin(work, options)
    await claimUntilAfter(work.ms)
    expect(calls.map(({ at, jobs }) => [at, jobs])).toEqual([[work.ms, 1]])
  })

  test('that a group waits for', async () => {
    await startBusy({ taken: 8 })
    await queue.enqueueGroup([{ job: 'job', payload: { ms: 20 } }], { onAnyFailed: 'nothing' })
    await claimUntilAfter(20)
    expect(calls.map(({ at, jobs }) => [at, jobs])).toEqual([[20, 1]])
  })

  test('while a limit keeps others back', async () => {
    await queue.setLimits({ tenantId: 'acme' }, { concurrency: 1 })
    await startBusy({ taken: 8 })
    const job = { job: 'job', payload: { ms: 20 }, options: { tenantId: 'acme' } }
    await queue.enqueueMany([job, job])
    await claimUntilAfter(20)
    expect(calls.map(({ at, jobs }) => [at, jobs])).toEqual([[20, 1]])
  })

  test('where no other is in progress', async () => {
    await startBusy({ taken: 0 })
    await begin({ ms: 20 })
    await time.advance(20)
    expect(calls).toEqual([{ at: 20, jobs: 1, withClaim: false }])
  })
})
