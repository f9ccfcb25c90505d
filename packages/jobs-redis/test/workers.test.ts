import {
  createJobQueue,
  createRuntime,
  processJobs,
  type JobProcessor,
  type JobQueue,
  type JobStore,
} from '@cgk/jobs-core'
import { createTestRedisInstance, type RedisInstance } from '@cgk/test-servers'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createRedisStore } from '../src/index.ts'
import { untilDone } from './until-done.ts'

vi.setConfig({ testTimeout: 120_000 })

const QUEUE = 'orders'
const PATIENCE = { timeout: 60_000, interval: 50 }
const LEASE_MS = 2_000
const DAY_MS = 86_400_000
const SILENT = { warn() {}, error() {} }

let server: RedisInstance
let store: JobStore
let queue: JobQueue
let worker: JobProcessor
/** When each job began, by its id, on the monotonic clock. */
let starts: Map<string, number[]>

beforeEach(async ({ skip }) => {
  server = await createTestRedisInstance(skip, { appendonly: 'yes', appendfsync: 'always' })
  store = createRedisStore({ url: server.url, prefix: 'workers' })
  starts = new Map()
  const runtime = createRuntime(undefined, SILENT)
  queue = createJobQueue({ name: QUEUE, store, runtime })
  worker = processJobs({
    queue,
    logger: SILENT,
    leaseMs: LEASE_MS,
    handlers: new Map([
      [
        'work',
        async ({ id, payload }) => {
          starts.set(id, [...(starts.get(id) ?? []), performance.now()])
          const { ms } = payload as { readonly ms: number }
          await delay(ms)
          return { success: true }
        },
      ],
    ]),
  })
  worker.start()
}, 600_000)
afterEach(async () => {
  vi.useRealTimers()
  await worker.stop()
  await store.close()
  await server[Symbol.asyncDispose]()
})

async function enqueue(count: number, name: string): Promise<void> {
  for (let n = 0; n < count; n++) {
    const jobId = `${name}-${n}`
    await untilDone(() => queue.enqueue('work', { ms: 20 }, { jobId }))
  }
}

async function expectCompleted(count: number): Promise<void> {
  await vi.waitFor(async () => {
    const counts = await store.counts({ queue: QUEUE })
    expect(counts).toMatchObject({ completed: count, pending: 0, running: 0, failed: 0 })
  }, PATIENCE)
}

describe('a worker goes on by itself', () => {
  test.each<readonly [string, () => Promise<unknown>]>([
    [
      'was killed and started again',
      async () => {
        await server.kill()
        await server.start()
      },
    ],
    [
      'was stopped for longer than a lease',
      async () => {
        server.pause()
        await delay(LEASE_MS + 1_000)
        server.resume()
      },
    ],
    ['forgot its functions', () => server.command('FUNCTION', 'FLUSH')],
    [
      'hung up on everybody',
      async () => {
        for (const type of ['normal', 'pubsub']) {
          await server.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
        }
      },
    ],
  ])('when its server %s', async (_name, fault) => {
    await enqueue(30, 'before')
    await vi.waitFor(() => expect(starts.size).toBeGreaterThan(5), PATIENCE)
    await fault()
    await enqueue(30, 'after')
    await expectCompleted(60)
    expect(starts.size).toBe(60)
  })
})

test('the clock of a worker may be stepped: nothing begins early, late or twice', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const began = performance.now()
  const delayed = { soon: 1_500, later: 3_000 }
  for (const [jobId, ms] of Object.entries(delayed)) {
    await queue.enqueue('work', { ms: 0 }, { jobId, delay: ms })
  }
  // Longer than its lease, which has to be renewed.
  await queue.enqueue('work', { ms: 4_000 }, { jobId: 'long' })
  await vi.waitFor(() => expect(starts.has('long')).toBe(true), PATIENCE)
  vi.setSystemTime(Date.now() + DAY_MS)
  await vi.waitFor(() => expect(starts.has('soon')).toBe(true), PATIENCE)
  vi.setSystemTime(Date.now() - 2 * DAY_MS)
  await expectCompleted(3)

  for (const [jobId, ms] of Object.entries(delayed)) {
    const afterMs = starts.get(jobId)![0]! - began
    expect(afterMs).toBeGreaterThanOrEqual(ms)
    expect(afterMs).toBeLessThan(ms + 10_000)
  }
  const refs = [...starts.keys()].map((id) => ({ queue: QUEUE, tenantId: null, id }))
  const records = await store.get(refs)
  expect(records.map((job) => [job!.attempts, job!.lostLeases])).toEqual(refs.map(() => [1, 0]))
})
