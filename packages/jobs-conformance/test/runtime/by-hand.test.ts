import { withTenant } from '@cgk/core'
import { defineJob, type JobQueue, type JobStore, type Settlement } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore } from './store-with.ts'

let time: ManualTime
let store: JobStore
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  store = createMemoryStore({ clock: time.clock })
  process = new SimulatedProcess(time, store)
  queue = process.queue()
})

describe('dequeue', () => {
  test('takes up to 10 due jobs unless told otherwise, in order', async () => {
    for (let n = 0; n < 15; n++) await queue.enqueue('job', n)
    await queue.enqueue('job', 'later', { delay: 1_000 })
    const first = await queue.dequeue()
    expect(first.map(({ payload }) => payload)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(first[0]).toMatchObject({ status: 'running', attempts: 1 })
    expect(await queue.dequeue(3)).toHaveLength(3)
    expect(await queue.dequeue(100)).toHaveLength(2)
    expect(await queue.dequeue()).toEqual([])
  })

  test('takes nothing from a paused queue', async () => {
    await queue.enqueue('job', 1)
    await queue.pause()
    expect(await queue.isPaused()).toBe(true)
    expect(await queue.dequeue()).toEqual([])
    await queue.resume()
    expect(await queue.isPaused()).toBe(false)
    expect(await queue.dequeue()).toHaveLength(1)
  })

  test('holds what it takes for 30 s, or as long as asked, and no longer', async () => {
    const other = new SimulatedProcess(time, store).queue()
    await queue.enqueue('job', 1)
    await queue.dequeue()
    time.pass(29_999)
    expect(await other.dequeue()).toEqual([])
    time.pass(1)
    expect(await other.dequeue(1, { leaseMs: 1_000 })).toHaveLength(1)
    time.pass(999)
    expect(await queue.dequeue()).toEqual([])
    time.pass(1)
    expect(await queue.dequeue()).toMatchObject([{ lostLeases: 2, attempts: 1 }])
  })

  test('takes a job whose holder vanished alone, and only when there is nothing else', async () => {
    for (let n = 0; n < 3; n++) await queue.enqueue('job', n)
    await queue.dequeue(2)
    time.pass(30_000)
    expect((await queue.dequeue()).map(({ payload }) => payload)).toEqual([2])
    expect(await queue.dequeue()).toHaveLength(1)
    expect(await queue.dequeue()).toHaveLength(1)
    expect(await queue.dequeue()).toEqual([])
  })

  test('fails a job whose holders keep vanishing instead of handing it out again', async () => {
    const { id } = await queue.enqueue('job', 1)
    for (let lost = 0; lost < 3; lost++) {
      expect(await queue.dequeue()).toHaveLength(1)
      time.pass(30_000)
    }
    expect(await queue.dequeue()).toEqual([])
    expect(await queue.getJob(id)).toMatchObject({
      status: 'failed',
      lostLeases: 3,
      error: { code: 'JOBS_WORKER_LOST', retryable: false },
    })
  })
})

describe('acknowledge', () => {
  test('completes a job', async () => {
    await queue.enqueue('job', 1)
    const [job] = await queue.dequeue()
    await queue.acknowledge(job!.id, 'completed')
    expect(await queue.getJob(job!)).toMatchObject({ status: 'completed', attempts: 1 })
  })

  test('repeats a failed one by its policy, and fails it after the last attempt', async () => {
    const definition = defineJob({
      name: 'job',
      retry: { maxAttempts: 2, initialDelay: 500, jitter: 0 },
      handler: () => ({ success: true }),
    })
    queue = process.queue({ jobs: [definition] as never })
    const { id } = await queue.enqueue('job', {})
    const error = Object.assign(new Error('the shop said no'), { code: 'SHOP' })
    const [first] = await queue.dequeue()
    await queue.acknowledge(first!, 'failed', error)
    const waiting = (await queue.getJob(id))!
    expect(waiting).toMatchObject({
      status: 'retrying',
      attempts: 1,
      error: { message: 'the shop said no', code: 'SHOP', retryable: true },
    })
    expect(waiting.scheduledAt.getTime() - time.clock.now()).toBe(500)
    expect(await queue.dequeue()).toEqual([])
    time.pass(500)
    const [second] = await queue.dequeue()
    await queue.acknowledge(second!, 'failed')
    expect(await queue.getJob(id)).toMatchObject({
      status: 'failed',
      attempts: 2,
      error: { message: 'acknowledged as failed' },
    })
  })

  test('is refused with JOBS_LEASE_LOST for what this object never took, and changes nothing', async () => {
    const { id } = await queue.enqueue('job', 1)
    const other = process.queue()
    await other.dequeue()
    for (const unknown of [id, 'job_nope']) {
      const error = await refusal(() => queue.acknowledge(unknown, 'completed'))
      expect(error).toMatchObject({
        code: 'JOBS_LEASE_LOST',
        message: `job ${unknown} is not yours to acknowledge: this queue object does not hold it`,
      })
    }
    expect(await queue.getJob(id)).toMatchObject({ status: 'running' })
    await other.acknowledge(id, 'completed')
  })

  test('is refused with JOBS_LEASE_LOST once another took the job', async () => {
    const { id } = await queue.enqueue('job', 1)
    await queue.dequeue()
    time.pass(30_000)
    const other = new SimulatedProcess(time, store).queue()
    await other.dequeue()
    expect((await refusal(() => queue.acknowledge(id, 'completed'))).code).toBe('JOBS_LEASE_LOST')
    expect(await queue.getJob(id)).toMatchObject({ status: 'running' })
    await other.acknowledge(id, 'failed', new Error('no'))
    expect(await queue.getJob(id)).toMatchObject({ status: 'retrying' })
  })

  test('is refused with JOBS_LEASE_LOST for a job that was cancelled meanwhile', async () => {
    const { id } = await queue.enqueue('job', 1)
    await queue.dequeue()
    await queue.cancelJob(id)
    const error = await refusal(() => queue.acknowledge(id, 'completed'))
    expect(error).toMatchObject({
      code: 'JOBS_LEASE_LOST',
      message: `job ${id} is not yours to acknowledge: it was cancelled`,
    })
    expect(await queue.getJob(id)).toMatchObject({ status: 'cancelled' })
    // And its slot is free: the operator can begin it anew.
    expect(await queue.retryJob(id)).toMatchObject({ status: 'pending', generation: 2 })
  })

  test('is refused the second time, and the first outcome stands', async () => {
    const { id } = await queue.enqueue('job', 1)
    await queue.dequeue()
    const both = await Promise.allSettled([
      queue.acknowledge(id, 'completed'),
      queue.acknowledge(id, 'failed'),
    ])
    expect(both[0].status).toBe('fulfilled')
    expect(both[1]).toMatchObject({ reason: { code: 'JOBS_LEASE_LOST' } })
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed' })
  })

  test.each<{ what: string; answer: () => unknown }>([
    { what: 'a lost reply', answer: () => Promise.reject(new Error('connection reset')) },
    {
      what: 'an answer of other parts',
      answer: () => ({ results: ['unanswered'], claimed: null }),
    },
  ])('can be repeated after $what, with the same outcome', async ({ answer }) => {
    let losses = 1
    const lossy = faultyStore(store, (operation, proceed, request) => {
      const { settlements = [] } = request as { settlements?: readonly Settlement[] }
      if (operation !== 'settle' || settlements.length === 0 || losses-- <= 0) return undefined
      return proceed().then(answer)
    })
    queue = new SimulatedProcess(time, lossy).queue()
    const { id } = await queue.enqueue('job', 1)
    await queue.dequeue()
    expect((await refusal(() => queue.acknowledge(id, 'completed'))).retryable).toBe(true)
    await queue.acknowledge(id, 'completed')
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', attempts: 1 })
  })

  test('finds a job of a tenant by its id, inside and outside of the tenant', async () => {
    await queue.enqueue('job', 1, { tenantId: 'acme', jobId: 'a' })
    await queue.enqueue('job', 2, { tenantId: 'acme', jobId: 'b' })
    const jobs = await queue.dequeue()
    expect(jobs.map(({ tenantId }) => tenantId)).toEqual(['acme', 'acme'])
    await queue.acknowledge('a', 'completed')
    await withTenant('acme', () => queue.acknowledge('b', 'completed'))
    expect(await queue.counts({ tenantId: 'acme' })).toMatchObject({ completed: 2 })
  })

  test('wants the job itself where two tenants have jobs of one id', async () => {
    for (const tenantId of ['acme', 'globex']) {
      await queue.enqueue('job', tenantId, { tenantId, jobId: 'a' })
    }
    const [first, second] = await queue.dequeue()
    expect((await refusal(() => queue.acknowledge('a', 'completed'))).message).toMatch(
      /several tenants have a job of this id/,
    )
    await queue.acknowledge(first!, 'completed')
    await queue.acknowledge(second!, 'failed')
    expect(await queue.getJob(first!)).toMatchObject({ status: 'completed' })
    expect(await queue.getJob(second!)).toMatchObject({ status: 'retrying' })
  })
})
