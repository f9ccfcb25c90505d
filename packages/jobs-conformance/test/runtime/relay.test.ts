import {
  type JobHandler,
  type JobQueue,
  type JobStore,
  type NewJob,
  type Relay,
  relay,
  type RelayConfig,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { type Fault, faultyStore, listeningStore, storeWith } from './store-with.ts'

let time: ManualTime
let source: JobStore
let target: JobStore
/** What a producer sees of the source, and a worker of the target. */
let outbox: JobQueue
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  source = createMemoryStore({ clock: time.clock })
  target = createMemoryStore({ clock: time.clock })
  outbox = new SimulatedProcess(time, source).queue()
  queue = new SimulatedProcess(time, target).queue()
})

interface Started {
  readonly process: SimulatedProcess
  readonly moving: Relay
}

/** A relay in a process of its own, whose stores have the faults. */
function start(faults: { readonly from?: Fault; readonly to?: Fault } = {}): Started {
  const sound: Fault = () => undefined
  const process = new SimulatedProcess(time, faultyStore(source, faults.from ?? sound))
  const moving = relay({
    from: process.store,
    to: process.connect(faultyStore(target, faults.to ?? sound)),
    queues: ['default'],
    runtime: process.runtime,
    logger: process.logger,
  })
  moving.start()
  return { process, moving }
}

/** Puts jobs into the source as they are. */
async function put(...jobs: readonly Partial<NewJob>[]): Promise<void> {
  await source.enqueue(
    jobs.map((job) => ({
      queue: 'default',
      tenantId: null,
      name: 'job',
      payload: '1',
      priority: 0,
      ...job,
    })),
  )
}

function numbered(count: number, given: Partial<NewJob> = {}): Partial<NewJob>[] {
  return Array.from({ length: count }, (_, n) => ({ jobId: `job-${n}`, ...given }))
}

/** The ids of a queue's jobs, oldest first. */
async function idsIn({ store }: JobQueue): Promise<string[]> {
  const { jobs } = await (store as JobStore).list({ queue: 'default', limit: 1_000 })
  return jobs.map(({ id }) => id).toReversed()
}

/** The ids of as many numbered jobs, in the order of text. */
function idsOf(count: number): string[] {
  return numbered(count)
    .map(({ jobId }) => jobId!)
    .toSorted()
}

async function expectMoved(count: number): Promise<void> {
  expect((await idsIn(queue)).toSorted()).toEqual(idsOf(count))
  expect(await idsIn(outbox)).toEqual([])
}

describe('a job that is moved', () => {
  const FULL: Partial<NewJob> = {
    tenantId: 'acme',
    name: 'send-receipt',
    payload: '{ "b": 1.0, "a": "\\u00e9" }',
    metadata: '{"by": "shop"}',
    headers: '{"traceparent":"00-1"}',
    priority: 7,
    maxAttempts: 4,
    retryDelayMs: 250,
    timeoutMs: 9_000,
    limiter: 'mail',
    orderingKey: 'order-1',
    unique: { key: 'receipt-1', ifTaken: 'keep' },
  }

  test('is all that it was, under its id, and has left its source', async () => {
    await put({ ...FULL, jobId: 'full' }, {}, { concurrencyKey: 'shop-1', concurrencyLimit: 3 })
    const before = (await source.list({ queue: 'default', limit: 3 })).jobs
    start()
    await time.advance(10)
    const moved = await target.get(before)
    const arrival = {
      createdAt: expect.any(Number) as number,
      updatedAt: expect.any(Number) as number,
      runAt: expect.any(Number) as number,
    }
    expect(moved).toEqual(before.map((job) => ({ ...job, ...arrival })))
    expect(await idsIn(outbox)).toEqual([])
  })

  test('is moved when it is due, at once when it comes, and by nobody once the relay has stopped', async () => {
    const { moving } = start()
    await time.advance(10_000)
    await outbox.enqueue('job', 1, { jobId: 'now' })
    await outbox.enqueue('job', 1, { jobId: 'later', delay: 400 })
    await time.advance(1)
    expect(await idsIn(queue)).toEqual(['now'])
    await time.advance(398)
    expect(await idsIn(outbox)).toEqual(['later'])
    await time.advance(2)
    expect(await idsIn(queue)).toEqual(['now', 'later'])
    await moving.stop()
    await outbox.enqueue('job', 1, { jobId: 'never' })
    await time.advance(60_000)
    expect(await idsIn(outbox)).toEqual(['never'])
    expect(time.foregroundTimers).toBe(0)
  })

  test('keeps its place among those of its ordering key, whatever their priorities', async () => {
    const ids = numbered(30).map(({ jobId }) => jobId!)
    await put(...ids.map((jobId, n) => ({ jobId, priority: n % 3, orderingKey: 'key' })))
    start()
    await time.advance(100)
    expect(await idsIn(queue)).toEqual(ids)
  })

  test('is one of so many of its concurrency key, as it was', async () => {
    await put(...numbered(30, { concurrencyKey: 'key', concurrencyLimit: 2 }))
    start()
    await time.advance(1_000)
    await expectMoved(30)
    const request = { queue: 'default', slots: 30, prefetch: 0, leaseMs: 60_000, worker: 'w' }
    const { jobs } = await target.claim({ ...request, suspects: false })
    expect(jobs.map(({ id }) => id)).toEqual(['job-0', 'job-1'])
  })

  test('yields to the job that holds its unique key in the target', async () => {
    await queue.enqueue('job', 1, { jobId: 'holder', uniqueKey: 'key' })
    await put({ jobId: 'second', unique: { key: 'key', ifTaken: 'keep' } })
    start()
    await time.advance(10)
    expect(await idsIn(queue)).toEqual(['holder'])
    expect(await idsIn(outbox)).toEqual([])
  })
})

test('jobs travel in batches: two calls for each, the settlements with the next claim', async () => {
  await put(...numbered(250))
  const from = listeningStore(source)
  const to = listeningStore(target)
  const process = new SimulatedProcess(time, from.store)
  const config = { from: process.store, to: process.connect(to.store), queues: ['default'] }
  relay({ ...config, runtime: process.runtime }).start()
  await time.settle()
  await expectMoved(250)
  expect(to.requests<readonly NewJob[]>('enqueue').map(({ length }) => length)).toEqual([
    100, 100, 50,
  ])
  expect(from.requests('claim')).toHaveLength(1)
  expect(from.requests('settle')).toHaveLength(3)
})

describe('exactly one job comes of each', () => {
  type Step = readonly [name: string, store: 'from' | 'to', operation: string, applied: boolean]
  const STEPS: readonly Step[] = [
    ['before its claim', 'from', 'claim', false],
    ['after its claim', 'from', 'claim', true],
    ['before it enqueued', 'to', 'enqueue', false],
    ['after it enqueued', 'to', 'enqueue', true],
    ['before it settled', 'from', 'settle', false],
    ['after it settled', 'from', 'settle', true],
  ]

  test.each(STEPS)('where a relay dies %s', async (_name, store, operation, applied) => {
    await put(...numbered(150))
    const runs: string[] = []
    const handler: JobHandler = ({ id }) => {
      runs.push(id)
      return { success: true }
    }
    const worker = new SimulatedProcess(time, target)
    worker.start({
      queue: worker.queue(),
      handlers: new Map([['job', handler]]),
    })
    let died = false
    const { process } = start({
      [store]: ((called, proceed) => {
        if (called !== operation || died) return undefined
        died = true
        if (!applied) {
          process.die()
          return new Promise(() => {})
        }
        return proceed().then(() => {
          process.die()
        })
      }) satisfies Fault,
    })
    await time.advance(1_000)
    expect(died).toBe(true)
    start()
    await time.advance(10_000)
    await expectMoved(150)
    expect(runs.toSorted()).toEqual(idsOf(150))
  })

  const reset = (): Promise<never> => Promise.reject(new Error('connection reset'))
  const silence = (): Promise<never> => new Promise(() => {})
  type Trouble = readonly [name: string, (proceed: () => Promise<unknown>) => Promise<unknown>]
  const TROUBLES: readonly Trouble[] = [
    ['fails', reset],
    ['is never answered', silence],
    ['is applied and its reply lost', (proceed) => proceed().then(reset)],
    ['is applied and never answered', (proceed) => proceed().then(silence)],
  ]

  describe.each(STEPS.filter(([, , , applied]) => applied))(
    'where, %s or not,',
    (_name, store, operation) => {
      test.each(TROUBLES)('the call %s', async (_trouble, trouble) => {
        await put(...numbered(150))
        let troubles = 3
        start({
          [store]: ((called, proceed) =>
            called === operation && troubles-- > 0 ? trouble(proceed) : undefined) satisfies Fault,
        })
        await time.advance(60_000)
        expect(troubles).toBeLessThan(0)
        await expectMoved(150)
      })
    },
  )

  test('where several relays move them', async () => {
    for (let n = 0; n < 4; n += 1) start()
    await put(...numbered(950))
    await time.advance(5_000)
    await expectMoved(950)
  })
})

describe('while the target is away', () => {
  test('jobs wait as they are: no attempt is spent, no lease lost, and it is told once', async () => {
    await put(...numbered(20))
    let away = true
    const { process } = start({
      to: () => (away ? Promise.reject(new Error('connection refused')) : undefined),
    })
    await time.advance(60_000)
    for (const job of await outbox.listJobs()) {
      expect(job).toMatchObject({ status: 'running', lostLeases: 0, releases: 0 })
    }
    expect(process.messages).toEqual(['the relay of queue default failed; it is repeated'])
    away = false
    await time.advance(2_000)
    await expectMoved(20)
  })

  test('what comes into the source meanwhile makes nobody try more often', async () => {
    let tries = 0
    start({
      to: (operation) => {
        if (operation !== 'enqueue') return undefined
        tries += 1
        return Promise.reject(new Error('connection refused'))
      },
    })
    for (let n = 0; n < 500; n += 1) {
      await outbox.enqueue('job', n)
      await time.advance(20)
    }
    expect(tries).toBeLessThan(15)
  })

  test('a stop gives them back, untouched', async () => {
    await put(...numbered(20))
    const { moving } = start({ to: () => new Promise(() => {}) })
    await time.advance(100)
    const stopped = moving.stop()
    await time.advance(5_000)
    await stopped
    for (const job of await outbox.listJobs()) {
      expect(job).toMatchObject({ status: 'pending', attempts: 0, lostLeases: 0 })
    }
    expect(time.foregroundTimers).toBe(0)
  })

  test('those that are cancelled are not relayed, nor those of a queue that is paused', async () => {
    await put(...numbered(2))
    let away = true
    start({ to: () => (away ? Promise.reject(new Error('connection refused')) : undefined) })
    await time.advance(10)
    await outbox.cancelJob('job-0')
    await time.advance(4_000)
    await outbox.pause()
    await time.advance(4_000)
    away = false
    await time.advance(4_000)
    expect(await idsIn(queue)).toEqual([])
    await outbox.resume()
    await time.advance(4_000)
    expect(await idsIn(queue)).toEqual(['job-1'])
  })

  test('and the source too, a stop ends all the same', async () => {
    await put(...numbered(2))
    let away = false
    const { process, moving } = start({
      from: () => (away ? new Promise(() => {}) : undefined),
      to: () => new Promise(() => {}),
    })
    await time.advance(10)
    away = true
    const stopped = moving.stop()
    await time.advance(10_000)
    await stopped
    expect(process.messages).toContain(
      'the store did not answer; leases are left to end by themselves',
    )
  })
})

describe('a job that the target refuses', () => {
  test('stays in the source and is offered less and less often; the others are moved', async () => {
    await queue.enqueue('another', 1, { jobId: 'job-3' })
    await put(...numbered(20))
    const { process } = start()
    await time.advance(120_000)
    expect(await idsIn(outbox)).toEqual(['job-3'])
    expect(await outbox.getJob('job-3')).toMatchObject({ attempts: 0, releases: 7 })
    expect(process.log).toHaveLength(7)
    expect(process.log[0]).toMatchObject({
      level: 'error',
      message: 'the target refused a job; it waits in the source',
      fields: { queue: 'default', jobId: 'job-3', error: { code: 'JOBS_ID_CONFLICT' } },
    })
    await queue.removeJob('job-3')
    await time.advance(60_000)
    await expectMoved(20)
  })

  test('because the backlog of its tenant is full follows as room is made, in order', async () => {
    await queue.setLimits({ tenantId: 'acme' }, { backlog: 3 })
    const crowded = numbered(8, { tenantId: 'acme' })
    await put(...crowded, { jobId: 'other', tenantId: 'globex' })
    const { process } = start()
    await time.advance(100)
    const ofAcme = async (): Promise<string[]> => {
      const { jobs } = await target.list({ queue: 'default', tenantId: 'acme', limit: 100 })
      return jobs.map(({ id }) => id).toReversed()
    }
    expect(await ofAcme()).toEqual(['job-0', 'job-1', 'job-2'])
    expect(await queue.getJob({ id: 'other', tenantId: 'globex' })).not.toBeNull()
    await time.advance(50_000)
    expect(process.log).toEqual([
      {
        level: 'warn',
        message: 'the target has no room for some jobs; they wait in the source',
        fields: {
          queue: 'default',
          error: expect.objectContaining({ code: 'JOBS_BACKLOG_FULL' }) as Error,
        },
      },
    ])
    for (const { jobId } of crowded) {
      await queue.removeJob({ id: jobId!, tenantId: 'acme' })
      await time.advance(2_000)
    }
    expect(await idsIn(outbox)).toEqual([])
  })
})

test('many jobs of a tenant without room cost a call a second', async () => {
  await queue.setLimits({ tenantId: null }, { backlog: 0 })
  await put(...numbered(1_000))
  let offers = 0
  start({
    to: (operation) => {
      if (operation === 'enqueue') offers += 1
      return undefined
    },
  })
  await time.advance(10_000)
  expect(offers).toBeLessThan(13)
})

test('a job follows at once when the one before it of its key is settled, however late that is', async () => {
  await put(...numbered(2, { orderingKey: 'key' }))
  // Without hints: the relay has to look by itself.
  source = storeWith(source, { subscribe: undefined as never })
  let settles = 0
  start({
    from: (operation, proceed) => {
      if (operation !== 'settle') return undefined
      settles += 1
      if (settles === 1) return Promise.reject(new Error('connection reset'))
      return settles === 2 ? time.sleep(3_300).then(proceed) : undefined
    },
  })
  await time.advance(3_500)
  await expectMoved(2)
})

test('jobs of groups and schedules stay where they are, and are reported', async () => {
  await outbox.enqueueGroup([{ job: 'member', payload: 1 }], {
    onComplete: { job: 'done', payload: 1 },
    onAnyFailed: 'nothing',
  })
  const tick = { id: 'nightly', tenantId: null, createdAt: 1, tickAt: 2 }
  await put({ name: 'tick', schedule: tick }, { name: 'plain' })
  const { process } = start()
  await time.advance(500)
  const { jobs } = await source.list({ queue: 'default', limit: 10 })
  expect(jobs.map(({ name }) => name).toSorted()).toEqual(['member', 'tick'])
  expect(jobs.map(({ attempts }) => attempts)).toEqual([0, 0])
  expect((await queue.listJobs()).map(({ name }) => name)).toEqual(['plain'])
  const kinds = new Set(process.log.map(({ fields }) => fields['has']))
  expect(kinds).toEqual(new Set(['a group', 'a schedule']))
})

test('two connections to one store are refused, and what is in it stays', async () => {
  await put(...numbered(3))
  const process = new SimulatedProcess(time, source)
  const moving = relay({
    from: process.store,
    to: storeWith(process.store, {}),
    queues: ['default'],
    runtime: process.runtime,
    logger: process.logger,
  })
  moving.start()
  await time.advance(10_000)
  expect(process.log[0]?.fields['error']).toMatchObject({
    code: 'JOBS_INVALID_CONFIG',
    message: 'job job-0 of queue default cannot be relayed: from and to are the same store',
  })
  await moving.stop()
  expect(await outbox.counts()).toMatchObject({ pending: 3, completed: 0 })
})

test('a stopped relay is not started again, and one that never started stops', async () => {
  const config = { from: source, to: target, queues: ['default'] }
  const moving = relay(config)
  await moving.stop()
  expect(await refusal(() => moving.start())).toMatchObject({ code: 'JOBS_INVALID_CONFIG' })
})

test.each([
  ['from', { from: undefined }],
  ['to', { to: {} }],
  ['from and to', { to: 'source' }],
  ['queues', { queues: [] }],
  ['queues', { queues: 'default' }],
  ['queue name', { queues: ['no name'] }],
  ['concurrency', { concurrency: 5 }],
])('a mistake about %s is refused', async (what, mistake) => {
  const config = { from: source, to: target, queues: ['default'], ...mistake }
  const given = (config.to === ('source' as unknown)
    ? { ...config, to: source }
    : config) as unknown as RelayConfig
  const error = await refusal(() => relay(given))
  expect(error.code).toMatch(/^JOBS_INVALID_(CONFIG|QUEUE_NAME)$/)
  expect(error.message).toContain(what)
})
