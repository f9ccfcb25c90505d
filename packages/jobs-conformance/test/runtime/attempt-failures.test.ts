import type { JobHandler, JobQueue } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

test('getJob tells every attempt that failed, across generations; lists do not', async () => {
  const begun = time.clock.now()
  const handler: JobHandler = async () => {
    await time.sleep(250)
    return { success: false, error: { message: 'not yet', code: 'EARLY', retryAfter: 1_000 } }
  }
  const { id } = await queue.enqueue('job', {}, { maxAttempts: 2 })
  expect((await queue.getJob(id))!.failures).toEqual([])
  process.start({ queue, handlers: new Map([['job', handler]]) })
  await time.advance(2_000)
  await queue.retryJob(id)
  await time.advance(250)
  const job = (await queue.getJob(id))!
  const error = expect.objectContaining({ message: 'not yet', code: 'EARLY' }) as unknown
  const attempt = (attempt: number, generation: number, startMs: number) => ({
    attempt,
    generation,
    startedAt: new Date(begun + startMs),
    endedAt: new Date(begun + startMs + 250),
    durationMs: 250,
    worker: job.worker,
    error,
  })
  expect(job.worker).toMatch(/^[0-9a-f]{16}$/)
  expect(job.failures).toEqual([attempt(1, 1, 0), attempt(2, 1, 1_250), attempt(1, 2, 2_000)])
  expect((await queue.listJobs())[0]!.failures).toEqual([])
})

test('an attempt whose process vanished is told without an error', async () => {
  const store = createMemoryStore({ clock: time.clock })
  const doomed = new SimulatedProcess(time, store)
  const { id } = await doomed.queue().enqueue('job', {})
  doomed.start({
    queue: doomed.queue(),
    handlers: new Map([['job', () => new Promise<never>(() => {})]]),
    leaseMs: 1_000,
  })
  await time.settle()
  const { worker } = (await doomed.queue().getJob(id))!
  doomed.die()
  await time.advance(1_000)
  const survivor = new SimulatedProcess(time, store)
  const handler: JobHandler = () => ({ success: true })
  survivor.start({ queue: survivor.queue(), handlers: new Map([['job', handler]]) })
  await time.advance(1_000)
  const job = (await survivor.queue().getJob(id))!
  expect(job).toMatchObject({ status: 'completed', failures: [{ attempt: 1, worker }] })
  expect(job.failures[0]).not.toHaveProperty('error')
  expect(job.worker).not.toBe(worker)
})
