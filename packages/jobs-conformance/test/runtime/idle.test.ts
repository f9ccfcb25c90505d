import type { ClaimRequest, JobHandler, JobOptions, JobStore } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore, storeWith } from './store-with.ts'

const POLL_MS = 1_000

/** How long the answer to a claim is under way. */
const ANSWER_MS = 4

let time: ManualTime
let memory: JobStore
let claims: number
/** When handlers began, and with which payload. */
let starts: { readonly payload: number; readonly at: number }[]

beforeEach(() => {
  time = new ManualTime()
  memory = createMemoryStore({ clock: time.clock })
  claims = 0
  starts = []
})

/** Takes as many milliseconds as its payload says. */
const handler: JobHandler<number> = async ({ payload }) => {
  starts.push({ payload, at: time.clock.monotonic() })
  await time.sleep(payload)
  return { success: true }
}

/** A worker that has looked in vain, from now on. */
async function startIdle({ isDeaf = false } = {}): Promise<void> {
  const remote = faultyStore(memory, async (operation, proceed, request) => {
    const isClaim = operation === 'claim' || (request as { claim?: ClaimRequest }).claim
    const answer = await proceed()
    if (isClaim) {
      claims += 1
      await time.sleep(ANSWER_MS)
    }
    return answer
  })
  const store = isDeaf ? storeWith(remote, { subscribe: undefined as never }) : remote
  const process = new SimulatedProcess(time, store)
  const handlers = new Map([['job', handler]])
  process.start({ queue: process.queue(), handlers, maxConcurrency: 4, pollInterval: POLL_MS })
  await time.advance(ANSWER_MS)
  expect(claims).toBe(1)
  claims = 0
}

/** Enqueues from another process. */
function enqueue(payload: number, options?: JobOptions): Promise<unknown> {
  return new SimulatedProcess(time, memory).queue().enqueue('job', payload, options)
}

test.each([0, 10, 50, 500])('a job of %d ms costs an idle worker one claim', async (payload) => {
  await startIdle()
  await enqueue(payload)
  await time.advance(POLL_MS - 2 * ANSWER_MS)
  expect(starts).toHaveLength(1)
  expect(claims).toBe(1)
})

test('several that come together do, too', async () => {
  await startIdle()
  const options = { job: 'job', payload: 10 }
  await new SimulatedProcess(time, memory).queue().enqueueMany([options, options, options])
  await time.advance(100)
  expect(starts).toHaveLength(3)
  expect(claims).toBe(1)
})

test('a backlog is claimed without a pause', async () => {
  await startIdle()
  const askedAt = time.clock.monotonic()
  const job = { job: 'job', payload: 0 }
  await new SimulatedProcess(time, memory).queue().enqueueMany(Array(40).fill(job))
  await time.advance(100)
  expect(starts).toHaveLength(40)
  expect(starts.at(-1)!.at).toBe(askedAt + claims * ANSWER_MS)
})

test('a job that comes while the answer with another is under way is found at once', async () => {
  await startIdle()
  await enqueue(100)
  const askedAt = time.clock.monotonic()
  await time.advance(ANSWER_MS / 2)
  await enqueue(200)
  await time.advance(100)
  expect(starts).toEqual([
    { payload: 100, at: askedAt + ANSWER_MS },
    { payload: 200, at: askedAt + 2 * ANSWER_MS },
  ])
})

test('a job that comes due after another was found begins on time', async () => {
  await startIdle()
  const dueAt = time.clock.monotonic() + 100
  await enqueue(20, { delay: 100 })
  await time.advance(50)
  await enqueue(10)
  await time.advance(100)
  expect(starts.map(({ payload }) => payload)).toEqual([10, 20])
  // Two answers were on their way: when it is due, and the job.
  expect(starts[1]!.at).toBeLessThanOrEqual(dueAt + 2 * ANSWER_MS)
})

test('a worker that hears no hints looks on for as long as it finds something', async () => {
  await startIdle({ isDeaf: true })
  await enqueue(1)
  await time.advance(POLL_MS)
  for (let n = 1; n <= 20; n++) {
    await enqueue(1)
    await time.advance(ANSWER_MS)
    expect(starts).toHaveLength(n)
  }
})
