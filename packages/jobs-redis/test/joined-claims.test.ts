import {
  complete,
  createJobQueue,
  createRuntime,
  pauseLimiter,
  processJobs,
  release,
  type ClaimedJob,
  type ClaimResult,
  type JobProcessor,
  type JobQueue,
  type JobStore,
  type NewJob,
} from '@cgk/jobs-core'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FunctionsCaller } from '../src/functions-caller.ts'
import { createRedisStore } from '../src/index.ts'
import { ClockedStores } from './clocked-stores.ts'
import { claimRequest, LEASE_MS, newJob, QUEUE } from './orders.ts'
import { WorkerBeside, type Outcomes } from './worker-beside.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 120_000 })

const stores = new ClockedStores()
const calls = vi.spyOn(FunctionsCaller.prototype, 'call')

function called(): readonly string[] {
  return calls.mock.calls.map(([name]) => name)
}

/** What a call of both answered, of which neither failed. */
function answersOf([enqueued, settled]: Outcomes) {
  if (enqueued.status === 'rejected') throw enqueued.reason
  if (settled.status === 'rejected') throw settled.reason
  return { enqueued: enqueued.value, ...settled.value }
}

/** A queue that was worked off, of the tenants. */
async function idleQueue(store: JobStore, tenants: readonly (string | null)[] = ['acme']) {
  for (const tenantId of tenants) {
    await store.enqueue([newJob({ tenantId })])
    const { jobs } = await store.claim(claimRequest())
    await store.settle({ settlements: jobs.map((job) => complete(job)) })
  }
  calls.mockClear()
}

describe('a job and the claim of a worker beside its producer', () => {
  test('are one call, and the job is leased', async () => {
    const store = stores.open()
    await idleQueue(store)
    using worker = new WorkerBeside(store)
    const outcomes = await worker.enqueue(newJob({ payload: '{"n":1}' }), { claim: claimRequest() })
    expect(called()).toEqual(['enqueueAndSettle'])
    const { enqueued, claimed } = answersOf(outcomes)
    const [job] = claimed!.jobs
    expect(enqueued).toMatchObject([{ status: 'enqueued', id: job!.id }])
    expect(claimed).toMatchObject({ nextDueInMs: null, awaitsRelease: false, hasSuspects: false })
    const [record] = await store.get([job!])
    expect(job).toEqual({ ...record, token: job!.token })
    expect(record).toMatchObject({ state: 'running', attempts: 1, worker: 'w', payload: '{"n":1}' })
    expect((await store.settle({ settlements: [complete(job!)] })).results).toEqual(['settled'])
  })

  test('lease the job to nobody where the worker gives up before they are sent', async () => {
    const store = stores.open()
    await idleQueue(store)
    using worker = new WorkerBeside(store)
    const givenUp = new AbortController()
    calls.mockImplementationOnce(async function (this: FunctionsCaller, ...args) {
      await setImmediate()
      givenUp.abort()
      await setImmediate()
      return this.call(...args)
    })
    const asked = { claim: claimRequest(), signal: givenUp.signal }
    const [enqueued, settled] = await worker.enqueue(newJob(), asked)
    expect(enqueued).toMatchObject({ value: [{ status: 'enqueued' }] })
    expect(settled).toMatchObject({ reason: { code: 'JOBS_STORE_TIMEOUT' } })
    await expect
      .poll(() => store.counts({ queue: QUEUE }), { timeout: 10_000 })
      .toMatchObject({ pending: 1, running: 0 })
  })

  test('are settled along with what has ended', async () => {
    const store = stores.open()
    await store.enqueue([newJob()])
    const { jobs } = await store.claim(claimRequest())
    calls.mockClear()
    using worker = new WorkerBeside(store)
    const settlements = jobs.map((job) => complete(job))
    const outcomes = await worker.enqueue(newJob(), { claim: claimRequest(), settlements })
    expect(called()).toEqual(['enqueueAndSettle'])
    const { results, claimed } = answersOf(outcomes)
    expect(results).toEqual(['settled'])
    expect(claimed!.jobs).toHaveLength(1)
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ completed: 1, running: 1 })
  })

  test('are two calls where the claim is about another queue, and the second is behind the first', async () => {
    const store = stores.open()
    await idleQueue(store)
    await store.enqueue([newJob({ queue: 'other' })])
    calls.mockClear()
    using worker = new WorkerBeside(store)
    const outcomes = await worker.enqueue(newJob(), { claim: claimRequest({ queue: 'other' }) })
    expect(called()).toEqual(['enqueue', 'settle'])
    expect(answersOf(outcomes).claimed!.jobs).toHaveLength(1)
  })

  test('are not heard of by others, who are told of what is left', async () => {
    const prefix = stores.newPrefix()
    const store = stores.open(prefix)
    await idleQueue(store)
    let heard: (string | null)[] = []
    const isListening = Promise.withResolvers<void>()
    const stop = stores.open(prefix).subscribe!(({ queue }) => {
      heard.push(queue)
      if (queue === null) isListening.resolve()
    })
    await isListening.promise
    let marks = 0
    /** How often the queue was hinted at because of something: hints come in the order in which they were given. */
    const hintsOf = async (act: () => Promise<unknown>): Promise<number> => {
      heard = []
      await act()
      const mark = `mark-${marks++}`
      await store.enqueue([newJob({ queue: mark })])
      await expect.poll(() => heard).toContain(mark)
      return heard.filter((queue) => queue === QUEUE).length
    }
    using worker = new WorkerBeside(store)
    const claimed: ClaimedJob[] = []
    const enqueue = (job: NewJob, slots = 5) =>
      hintsOf(async () => {
        const outcomes = await worker.enqueue(job, { claim: claimRequest({ slots }) })
        claimed.push(...answersOf(outcomes).claimed!.jobs)
      })
    expect(await enqueue(newJob())).toBe(0)
    // Claimers know of nothing that is due.
    const later = newJob({ delayMs: 60_000 })
    expect(await hintsOf(() => store.enqueue([later]))).toBe(1)
    // Of a tenant that is new a job goes the long way.
    expect(await enqueue(newJob({ tenantId: 'globex' }))).toBe(0)
    const settlements = claimed.map((job) => release(job))
    expect(await hintsOf(() => store.settle({ settlements }))).toBe(1)
    expect(await enqueue(newJob(), 1)).toBe(1)
    expect(claimed).toHaveLength(3)
    stop()
  })

  test('of two workers beside the producer are one call and another behind it', async () => {
    const store = stores.open()
    await idleQueue(store)
    const answers: Promise<ClaimResult>[] = []
    const stops = [1, 2].map(() =>
      store.subscribe!(({ queue }) => {
        if (queue === QUEUE && answers.length < 2) answers.push(store.claim(claimRequest()))
      }),
    )
    await store.enqueue([newJob()])
    const claims = await Promise.all(answers)
    expect(called()).toEqual(['enqueueAndSettle', 'settle'])
    expect(claims.map(({ jobs }) => jobs.length)).toEqual([1, 0])
    for (const stop of stops) stop()
  })

  test('leave the job to others once the worker is lost', async () => {
    const store = stores.open()
    await idleQueue(store)
    using worker = new WorkerBeside(store)
    const { claimed } = answersOf(await worker.enqueue(newJob(), { claim: claimRequest() }))
    stores.now += LEASE_MS
    expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 1 })
    const { results } = await store.settle({
      settlements: claimed!.jobs.map((job) => complete(job)),
    })
    expect(results).toEqual(['lost'])
    const { jobs } = await store.claim(claimRequest({ suspects: true }))
    expect(jobs).toMatchObject([{ attempts: 1, lostLeases: 1 }])
  })

  test('are a heartbeat away from another lease, and kept in history', async () => {
    const store = stores.open()
    await idleQueue(store)
    using worker = new WorkerBeside(store)
    const { claimed } = answersOf(await worker.enqueue(newJob(), { claim: claimRequest() }))
    stores.now += LEASE_MS - 1
    expect(await store.extend({ leases: claimed!.jobs, leaseMs: LEASE_MS })).toEqual(['held'])
    stores.now += LEASE_MS - 1
    expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 0 })
    await store.settle({ settlements: claimed!.jobs.map((job) => complete(job, '1')) })
    expect(await store.get(claimed!.jobs)).toMatchObject([{ state: 'completed', result: '1' }])
  })
})

describe('a job that comes with a claim', () => {
  test('is leased in a queue of which nothing was known but its name, and of a tenant that is new', async () => {
    const store = stores.open()
    await store.claim(claimRequest())
    using worker = new WorkerBeside(store)
    for (const tenantId of ['acme', 'globex', null]) {
      const outcomes = await worker.enqueue(newJob({ tenantId }), { claim: claimRequest() })
      expect(answersOf(outcomes).claimed!.jobs).toMatchObject([{ tenantId, attempts: 1 }])
    }
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, running: 3 })
  })

  test('is left where suspects are asked for, or nothing', async () => {
    const store = stores.open()
    await idleQueue(store)
    using worker = new WorkerBeside(store)
    for (const more of [{ suspects: true }, { slots: 0 }]) {
      const outcomes = await worker.enqueue(newJob(), { claim: claimRequest(more) })
      expect(answersOf(outcomes).claimed!.jobs).toEqual([])
    }
    const ahead = { slots: 0, prefetch: 3 }
    const outcomes = await worker.enqueue(newJob(), { claim: claimRequest(ahead) })
    expect(answersOf(outcomes).claimed!.jobs).toHaveLength(3)
  })

  test('saves up no turns of a tenant that was idle', async () => {
    const store = stores.open()
    await idleQueue(store, ['globex', 'acme', 'acme', 'acme', 'acme'])
    using worker = new WorkerBeside(store)
    const idle = newJob({ tenantId: 'globex' })
    const { claimed } = answersOf(await worker.enqueue(idle, { claim: claimRequest() }))
    await store.settle({ settlements: claimed!.jobs.map((job) => complete(job)) })
    const busy = newJob()
    await store.enqueue([busy, busy, busy, idle, idle, idle])
    const { jobs } = await store.claim(claimRequest({ slots: 6 }))
    expect(jobs.map(({ tenantId }) => tenantId)).toEqual(
      Array.from({ length: 3 }, () => ['acme', 'globex']).flat(),
    )
  })

  test('has an id of its own where somebody guessed that of the next', async () => {
    const store = stores.open()
    await idleQueue(store)
    const [before] = await store.enqueue([newJob()])
    const id = before!.status === 'enqueued' ? before!.id : ''
    const next = Number.parseInt(id.slice(-10), 16) + 2
    const guess = `${id.slice(0, -10)}${next.toString(16).padStart(10, '0')}`
    await store.enqueue([newJob({ jobId: guess })])
    await store.claim(claimRequest())
    using worker = new WorkerBeside(store)
    const { enqueued } = answersOf(await worker.enqueue(newJob(), { claim: claimRequest() }))
    expect(enqueued).not.toMatchObject([{ id: guess }])
  })

  test('is behind what a pause of a limiter has kept back until now', async () => {
    const store = stores.open()
    await idleQueue(store, ['acme', 'globex'])
    const limited = newJob({ tenantId: 'globex', limiter: 'api' })
    await store.enqueue([limited])
    const { jobs } = await store.claim(claimRequest())
    await store.settle({ settlements: jobs.map((job) => pauseLimiter(job, 1_000)) })
    // Now neither is ahead of the other.
    await idleQueue(store)
    stores.now += 1_000
    using worker = new WorkerBeside(store)
    const outcomes = await worker.enqueue(newJob(), { claim: claimRequest({ slots: 1 }) })
    expect(answersOf(outcomes).claimed).toMatchObject({
      jobs: [{ tenantId: 'globex' }],
      nextDueInMs: 0,
    })
  })

  test('does not hide that others wait for the end of a lease', async () => {
    const store = stores.open()
    await idleQueue(store)
    const scope = { queue: QUEUE, tenantId: 'globex' }
    await store.setLimits([{ scope, source: 'operator', limits: { concurrency: 1 } }])
    const limited = newJob({ tenantId: 'globex' })
    await store.enqueue([limited, limited])
    expect((await store.claim(claimRequest())).awaitsRelease).toBe(true)
    using worker = new WorkerBeside(store)
    const { claimed } = answersOf(await worker.enqueue(newJob(), { claim: claimRequest() }))
    expect(claimed).toMatchObject({ jobs: [{ tenantId: 'acme' }], awaitsRelease: true })
  })

  test('is refused where the backlog is full, and the claim takes what waits', async () => {
    const store = stores.open()
    const scope = { queue: QUEUE, tenantId: 'acme' }
    await store.setLimits([{ scope, source: 'operator', limits: { backlog: 1 } }])
    await store.enqueue([newJob()])
    using worker = new WorkerBeside(store)
    const [enqueued, settled] = await worker.enqueue(newJob(), { claim: claimRequest() })
    expect(enqueued).toMatchObject({ reason: { code: 'JOBS_BACKLOG_FULL' } })
    expect(settled).toMatchObject({ value: { claimed: { jobs: [{ tenantId: 'acme' }] } } })
  })
})

describe('a worker that lies idle beside its producer', () => {
  let queue: JobQueue
  let processor: JobProcessor
  let store: JobStore
  const begun = vi.fn<() => void>()
  beforeEach(async () => {
    store = stores.keep(createRedisStore({ url: stores.url, prefix: stores.newPrefix() }))
    queue = createJobQueue({ name: QUEUE, store, runtime: createRuntime() })
    const handler = async () => {
      begun()
      return { success: true } as const
    }
    processor = processJobs({ queue, handlers: new Map([['send', handler]]), pollInterval: 60_000 })
    await queue.enqueue('send', {})
    processor.start()
    await isIdleAfter(1)
    begun.mockClear()
    calls.mockClear()
  })
  afterEach(() => processor.stop())

  async function isIdleAfter(completed: number): Promise<void> {
    await expect.poll(() => queue.counts(), { timeout: 20_000 }).toMatchObject({ completed })
  }

  test('makes two calls for a job', async () => {
    for (let n = 1; n <= 5; n++) {
      await queue.enqueue('send', { n })
      await isIdleAfter(1 + n)
    }
    const ofJobs = called().filter((name) => /settle|enqueue/i.test(name))
    expect(ofJobs).toEqual(Array.from({ length: 5 }, () => ['enqueueAndSettle', 'settle']).flat())
    expect(begun).toHaveBeenCalledTimes(5)
  })

  test('and stops before it hears of its job gives that back unbegun', async () => {
    const enqueued = queue.enqueue('send', {})
    while (!called().includes('enqueueAndSettle')) await Promise.resolve()
    await processor.stop()
    const { id } = await enqueued
    expect(begun).not.toHaveBeenCalled()
    expect(await queue.getJob(id)).toMatchObject({ status: 'pending', attempts: 0, releases: 1 })
  })
})
