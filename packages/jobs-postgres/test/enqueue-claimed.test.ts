import {
  type ClaimedJob,
  type ClaimResult,
  complete,
  createJobQueue,
  type JobStore,
  type NewJob,
  processJobs,
} from '@cgk/jobs-core'
import type { Db } from '@cgk/db'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { storeJobs } from '../src/operations/enqueue.ts'
import { work } from './support/idle-worker.ts'
import { testPlace } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const SCHEMA = 'enqueue_claimed'
const PATIENCE = { timeout: 20_000 }

const openPlace = testPlace('local')

function newJob(queue: string, given: Partial<NewJob> = {}): NewJob {
  return { queue, tenantId: null, name: 'work', payload: '1', priority: 0, ...given }
}

async function open(): Promise<{ readonly store: JobStore; readonly db: Db }> {
  const { options, db } = await openPlace()
  const store = createPostgresStore({ ...options, schema: SCHEMA })
  onTestFinished(() => store.close())
  await store.ping!()
  return { store, db }
}

/** The rows of mail that told of jobs of a queue: none of those that were claimed as they were enqueued. */
async function mails(db: Db, queue: string): Promise<number> {
  const [row] = await db.query<{ readonly count: number }>(
    `select count(*)::int as count from ${SCHEMA}.mail m join ${SCHEMA}.queue q on q.id = m.queue where q.name = $1`,
    [queue],
  )
  return row!.count
}

async function claim(store: JobStore, queue: string, slots = 1): Promise<readonly ClaimedJob[]> {
  const request = { queue, slots, prefetch: 0, leaseMs: 60_000, worker: 'w', suspects: false }
  return (await store.claim(request)).jobs
}

/** Holds what a statement locks until it is called. */
async function hold(
  db: Db,
  statement: string,
  params: readonly string[] = [],
): Promise<() => Promise<void>> {
  const { promise: end, resolve } = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const holding = db.transaction(async (tx) => {
    await tx.query(statement, params)
    held.resolve()
    await end
  })
  await held.promise
  return () => {
    resolve()
    return holding
  }
}

/** Takes the place of somebody who claims from the queue. */
function holdQueue(db: Db, queue: string): Promise<() => Promise<void>> {
  const lock = `select pg_advisory_xact_lock('${SCHEMA}.job'::regclass::oid::int, id) from ${SCHEMA}.queue where name = $1`
  return hold(db, lock, [queue])
}

/** Nobody stores a job until it is called. */
function holdJobs(db: Db): Promise<() => Promise<void>> {
  return hold(db, `lock table ${SCHEMA}.job in share mode`)
}

/** Waits until somebody wants to store a job. */
async function untilKept(db: Db): Promise<void> {
  await vi.waitFor(async () => {
    const waiting = await db.query(
      `select from pg_locks where relation = '${SCHEMA}.job'::regclass and not granted`,
    )
    expect(waiting).toHaveLength(1)
  }, PATIENCE)
}

test('a job that comes to a queue at rest is claimed as it is stored, and is what a claim says it is', async () => {
  const { store, db } = await open()
  const claims = work(store, 'rest')
  const given: readonly Partial<NewJob>[] = [
    {},
    { tenantId: 'a', priority: -3, payload: '{"a":"é\\u0001"}' },
    { metadata: '{"m":1}', headers: '{"h":"1"}', maxAttempts: 7, retryDelayMs: 5, timeoutMs: 9 },
    { payload: JSON.stringify('x'.repeat(100_000)) },
  ]
  for (const [nth, each] of given.entries()) {
    const [result] = await store.enqueue([newJob('rest', each)])
    const { jobs, ...rest } = await claims[nth]!
    expect(rest).toEqual({ nextDueInMs: null, awaitsRelease: false, hasSuspects: false })
    expect(jobs).toHaveLength(1)
    const { token: _, ...record } = jobs[0]!
    expect(result).toMatchObject({ status: 'enqueued', id: record.id })
    expect(await store.get([record])).toEqual([record])
    const settlements = [complete(jobs[0]!, '"done"')]
    expect((await store.settle({ settlements })).results).toEqual(['settled'])
    expect((await store.settle({ settlements })).results).toEqual(['settled'])
    expect(await store.get([record])).toMatchObject([{ state: 'completed', result: '"done"' }])
    expect(await mails(db, 'rest')).toBe(0)
    const bulky = await db.query(
      `select from ${SCHEMA}.bulky b join ${SCHEMA}.queue q on q.id = b.queue where q.name = 'rest'`,
    )
    expect(bulky).toHaveLength(each.payload !== undefined && each.payload.length > 4096 ? 1 : 0)
  }
})

const SEEDS = [1, 2, 3, 4]
const STEPS = 150

test.each(SEEDS)(
  'jobs that are claimed as they are enqueued have their turns as those that are claimed afterwards (seed %i)',
  async (seed) => {
    const { store } = await open()
    const [atOnce, afterwards] = [true, false].map((isAtOnce) =>
      turns(store, `${isAtOnce ? 'at once' : 'afterwards'} ${seed}`, isAtOnce, random(seed)),
    )
    for (let step = 0; step < STEPS; step += 1) {
      const expected = await afterwards!.next()
      expect(await atOnce!.next(), `step ${step}`).toEqual(expected)
    }
  },
)

/** What a worker is given for each job that comes alone, and some more claims, now and then with a backlog. */
async function* turns(
  store: JobStore,
  queue: string,
  isAtOnce: boolean,
  draw: (below: number) => number,
): AsyncGenerator<readonly string[], never> {
  let order = 0
  const next = (): NewJob => {
    order += 1
    const tenantId = `tenant ${draw(4) + Math.floor(order / 8)}`
    return newJob(queue, { tenantId, payload: `${order}`, priority: draw(8) === 0 ? 1 : 0 })
  }
  for (;;) {
    if (draw(6) === 0) await store.enqueue(Array.from({ length: 2 + draw(4) }, next))
    const slots = 1 + draw(2)
    const request = { queue, slots, prefetch: 0, leaseMs: 600_000, worker: 'w', suspects: false }
    let claimed: ReturnType<JobStore['claim']> | undefined
    const stop = store.subscribe!(() => {
      if (isAtOnce) claimed ??= store.claim(request)
    })
    await store.enqueue([next()])
    stop()
    const { jobs } = await (claimed ?? store.claim(request))
    await store.settle({ settlements: jobs.map((job) => complete(job, '1')) })
    yield jobs.map((job) => job.payload)
  }
}

/** The same numbers for the same seed. Source: Park and Miller's minimal standard generator. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}

test.each<[string, (store: JobStore, queue: string) => Promise<unknown>, readonly string[]]>([
  ['is paused', (store, queue) => store.pause({ queue }), []],
  [
    'has a limit that is used up',
    async (store, queue) => {
      await store.setLimits([{ scope: { queue }, source: 'operator', limits: { concurrency: 1 } }])
      await store.enqueue([newJob(queue, { tenantId: 'a', payload: '"first"' })])
      await claim(store, queue)
    },
    [],
  ],
  [
    'has a tenant that is paused and has no lane',
    (store, queue) => store.pause({ queue, tenantId: 'a' }),
    [],
  ],
  [
    'has a job of which no claim has read',
    (store, queue) => store.enqueue([newJob(queue, { tenantId: 'a', payload: '"first"' })]),
    ['"first"'],
  ],
  [
    'has a job in a lane',
    async (store, queue) => {
      await store.enqueue(
        ['"claimed"', '"first"'].map((payload) => newJob(queue, { tenantId: 'a', payload })),
      )
      await claim(store, queue)
    },
    ['"first"'],
  ],
  [
    'has a job whose time has come',
    async (store, queue) => {
      await store.enqueue([
        newJob(queue, { tenantId: 'a', priority: 1, delayMs: 300, payload: '"first"' }),
      ])
      expect(await claim(store, queue)).toEqual([])
      await vi.waitFor(async () => {
        expect(await store.counts({ queue })).toMatchObject({ pending: 1, scheduled: 0 })
      }, PATIENCE)
    },
    ['"first"'],
  ],
])('a job that comes to a queue that %s waits for its turn', async (what, prepare, expected) => {
  const { store } = await open()
  const queue = `queue that ${what}`
  await prepare(store, queue)
  const claims = work(store, queue, { slots: 1 })
  await store.enqueue([newJob(queue, { tenantId: 'a', payload: '"later"' })])
  const { jobs } = await claims[0]!
  expect(jobs.map(({ payload }) => payload)).toEqual(expected)
})

test('a tenant whose first job comes to a queue at rest has the weight that was given to it before', async () => {
  const { store } = await open()
  const queue = 'weights'
  await store.setLimits([
    { scope: { queue, tenantId: 'a' }, source: 'operator', limits: { weight: 3 } },
  ])
  const claims = work(store, queue)
  await store.enqueue([newJob(queue, { tenantId: 'a' })])
  expect((await claims[0]!).jobs).toHaveLength(1)
  const { store: other } = await open()
  await other.enqueue(
    Array.from({ length: 40 }, (_, n) => newJob(queue, { tenantId: n < 20 ? 'a' : 'b' })),
  )
  const claimed = await claim(other, queue, 20)
  expect(claimed.filter(({ tenantId }) => tenantId === 'a').length).toBeGreaterThan(12)
})

test('a job whose backlog is full is refused, and the worker claims what there is', async () => {
  const { store } = await open()
  const scope = { queue: 'full', tenantId: 'a' }
  await store.setLimits([{ scope, source: 'operator', limits: { backlog: 1 } }])
  await store.enqueue([newJob('full', { tenantId: 'a', payload: '"first"' })])
  const claims = work(store, 'full')
  await expect(store.enqueue([newJob('full', { tenantId: 'a' })])).rejects.toMatchObject({
    code: 'JOBS_BACKLOG_FULL',
  })
  expect((await claims[0]!).jobs).toMatchObject([{ payload: '"first"' }])
})

test('a worker is told when the first of what waits for its time is due', async () => {
  const { store } = await open()
  await store.enqueue([newJob('later', { delayMs: 100_000 })])
  expect(await claim(store, 'later')).toEqual([])
  const claims = work(store, 'later')
  await store.enqueue([newJob('later', { payload: '"now"' })])
  const { jobs, nextDueInMs } = await claims[0]!
  expect(jobs).toMatchObject([{ payload: '"now"' }])
  expect(nextDueInMs).toBeGreaterThan(50_000)
  expect(nextDueInMs).toBeLessThanOrEqual(100_000)
})

test('a job of a transaction that was open when the dispatcher last looked is not passed over', async () => {
  const { store, db } = await open()
  const queue = 'late'
  await store.enqueue([newJob(queue, { payload: '0' })])
  await claim(store, queue)
  let claims: Promise<ClaimResult>[] = []
  await db.transaction(async (tx) => {
    const late = [newJob(queue, { payload: '"late"' })]
    await storeJobs({ db: tx, schema: SCHEMA, joins: true }, late)
    // What stands in a lane writes down which transactions are open.
    await store.enqueue(['1', '2'].map((payload) => newJob(queue, { payload })))
    for (const payload of ['1', '2']) {
      expect(await claim(store, queue)).toMatchObject([{ payload }])
    }
    claims = work(store, queue, { slots: 1 })
    await store.enqueue([newJob(queue, { payload: '"at once"' })])
    expect((await claims[0]!).jobs).toMatchObject([{ payload: '"at once"' }])
  })
  await store.enqueue([newJob(queue, { payload: '"after"' })])
  expect((await claims[1]!).jobs).toMatchObject([{ payload: '"late"' }])
})

test('an enqueue waits for nobody who holds the queue, and the job is claimed once he lets go', async () => {
  const { store, db } = await open()
  await store.enqueue([newJob('held')])
  expect(await claim(store, 'held')).toHaveLength(1)
  const letGo = await holdQueue(db, 'held')
  const claims = work(store, 'held')
  const [result] = await store.enqueue([newJob('held')])
  expect(result?.status).toBe('enqueued')
  expect(claims).toHaveLength(1)
  await letGo()
  expect((await claims[0]!).jobs).toHaveLength(1)
})

test('what finds its queue not at rest does not hold it up until it is stored', async () => {
  const { store, db } = await open()
  const queue = 'not held up'
  await store.enqueue([newJob(queue)])
  const letGo = await holdJobs(db)
  void work(store, queue)
  const enqueued = store.enqueue([newJob(queue)])
  await untilKept(db)
  expect(
    await db.query(
      `select pg_try_advisory_xact_lock('${SCHEMA}.job'::regclass::oid::int, id) as free from ${SCHEMA}.queue where name = $1`,
      [queue],
    ),
  ).toEqual([{ free: true }])
  await letGo()
  await enqueued
})

test.each([0, 1])(
  'a worker that gives up its claim meanwhile leaves the job to others (%i before it)',
  async (before) => {
    const { store, db } = await open()
    const queue = `given up ${before}`
    for (let n = 0; n < before; n += 1) await store.enqueue([newJob(queue)])
    const controller = new AbortController()
    const claims = work(store, queue, {}, controller.signal)
    const letGo = await holdJobs(db)
    const enqueued = store.enqueue([newJob(queue)])
    await vi.waitFor(() => expect(claims).toHaveLength(1))
    controller.abort(new Error('not now'))
    await expect(claims[0]).rejects.toMatchObject({ code: 'JOBS_STORE_TIMEOUT' })
    const { store: other } = await open()
    const othersClaims: Promise<readonly ClaimedJob[]>[] = []
    other.subscribe!(() => othersClaims.push(claim(other, queue, 5)))
    await vi.waitFor(() => expect(othersClaims).not.toEqual([]), PATIENCE)
    expect((await Promise.all(othersClaims)).flat()).toHaveLength(before)
    await letGo()
    expect(await enqueued).toMatchObject([{ status: 'enqueued' }])
    await vi.waitFor(async () => {
      const found = (await Promise.all(othersClaims)).flat()
      expect(found).toHaveLength(before + 1)
      expect(found.at(-1)).toMatchObject({ attempts: 1, lostLeases: 0 })
    }, PATIENCE)
  },
)

test('a worker that stops meanwhile gives the job back', async () => {
  const { store, db } = await open()
  const queue = createJobQueue({ name: 'stops', store })
  const handler = vi.fn(async () => ({ success: true }) as const)
  const processor = processJobs({ queue, handlers: new Map([['work', handler]]) })
  const claims = vi.spyOn(store, 'claim')
  const listens = new Promise<void>((resolve) => store.subscribe!(() => resolve()))
  processor.start()
  await listens
  // It waits, having nothing to do: a claim under way would not be given the job.
  await vi.waitFor(() => {
    expect(claims.mock.settledResults.map(({ type }) => type)).not.toContain('incomplete')
    expect(processor.status().lastClaimAgoMs).toBeGreaterThan(100)
  }, PATIENCE)
  const letGo = await holdJobs(db)
  const enqueued = queue.enqueue('work', 1)
  await untilKept(db)
  const stopped = processor.stop()
  await letGo()
  const { id } = await enqueued
  await stopped
  expect(handler).not.toHaveBeenCalled()
  expect(await store.get([{ queue: 'stops', tenantId: null, id }])).toMatchObject([
    { state: 'pending', attempts: 0, releases: 1, lostLeases: 0 },
  ])
})

test('a worker that dies with the job has lost its lease', async () => {
  const { store } = await open()
  const claims = work(store, 'dies', { leaseMs: 1 })
  await store.enqueue([newJob('dies')])
  const { jobs } = await claims[0]!
  await vi.waitFor(async () => {
    await store.maintain({ limit: 100 })
    expect(await store.counts({ queue: 'dies' })).toMatchObject({ running: 0, pending: 1 })
  }, PATIENCE)
  expect(await store.get(jobs)).toMatchObject([{ lostLeases: 1, attempts: 0 }])
  const { results } = await store.settle({ settlements: jobs.map((job) => complete(job)) })
  expect(results).toEqual(['lost'])
})
