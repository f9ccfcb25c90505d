import { setTimeout as wait } from 'node:timers/promises'
import { connectPostgres, type Db } from '@cgk/db'
import {
  createJobQueue,
  createRuntime,
  type JobProcessor,
  type JobQueue,
  type JobStore,
  processJobs,
  relay,
} from '@cgk/jobs-core'
import { createRedisStore } from '@cgk/jobs-redis'
import {
  createTestDatabase,
  createTestRedis,
  type TestDatabase,
  type TestRedis,
} from '@cgk/test-servers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createPostgresStore, withTransaction } from '../../src/index.ts'
import { PATIENCE, QUEUE } from './support/jobs.ts'
import { RelayProcess, type RelaySettings, type RelayStep, STEPS } from './support/relay-process.ts'

vi.setConfig({ testTimeout: 60_000 })

let database: TestDatabase
let redis: TestRedis
let db: Db
let outbox: JobStore
let store: JobStore
let queue: JobQueue
let worker: JobProcessor
let settings: RelaySettings
/** The ids of the jobs that the worker ran. */
let runs: string[]
/** The ids of the jobs whose transactions committed. */
let committed: string[]

beforeEach(async () => {
  database = await createTestDatabase('local')
  redis = await createTestRedis()
  const { url, prefix } = redis
  settings = { from: database.url, to: { url, prefix } }
  db = connectPostgres({ url: database.url })
  outbox = createPostgresStore({ url: database.url })
  await outbox.ping()
  store = createRedisStore({ url, prefix })
  runs = []
  committed = []
  const runtime = createRuntime()
  queue = createJobQueue({ name: QUEUE, store: outbox, runtime })
  worker = processJobs({
    queue: createJobQueue({ name: QUEUE, store, runtime }),
    handlers: new Map([
      [
        'work',
        ({ id }) => {
          runs.push(id)
          return { success: true }
        },
      ],
    ]),
    maxConcurrency: 50,
  })
  worker.start()
})

afterEach(async () => {
  await worker.stop()
  await outbox.close()
  await store.close()
  await db[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

/** What is in the source when a relay of 150 jobs is killed: it takes 100, and claims as it settles. */
const LEFT = {
  claiming: { running: 0, pending: 150 },
  claimed: { running: 100, pending: 50 },
  enqueueing: { running: 100, pending: 50 },
  enqueued: { running: 100, pending: 50 },
  settling: { running: 100, pending: 50 },
  settled: { running: 50, pending: 0 },
} as const satisfies Record<RelayStep, object>

/** Enqueues so many jobs in one transaction. */
async function enqueue(count: number, { commits }: { readonly commits: boolean }): Promise<void> {
  const ids: string[] = []
  const done = db.transaction(async (tx) => {
    const jobs = Array.from({ length: count }, () => ({ job: 'work', payload: { ms: 0 } }))
    for (const { id } of await withTransaction(queue, tx).enqueueMany(jobs)) ids.push(id)
    if (!commits) throw new Error('rolled back')
  })
  if (!commits) return expect(done).rejects.toThrow('rolled back')
  await done
  committed.push(...ids)
}

/** Resolves when nothing is left to relay and to run. */
async function untilMoved(): Promise<void> {
  const nothing = { pending: 0, scheduled: 0, retrying: 0, running: 0 }
  await vi.waitFor(async () => {
    expect(await outbox.counts({ queue: QUEUE })).toMatchObject(nothing)
    expect(await store.counts({ queue: QUEUE })).toMatchObject({
      ...nothing,
      completed: committed.length,
    })
  }, PATIENCE)
}

describe('of each job that was committed one is run, and of none that was rolled back', () => {
  test.each(STEPS)('where the relay is killed when it is %s', async (step) => {
    for (let n = 0; n < 3; n += 1) {
      await enqueue(50, { commits: true })
      await enqueue(20, { commits: false })
    }
    await using killed = new RelayProcess({ ...settings, stopsAt: step })
    expect(await killed.stoppedAt()).toBe(step)
    await killed.kill()
    const { running, pending } = await outbox.counts({ queue: QUEUE })
    expect({ running, pending }).toEqual(LEFT[step])
    await using next = new RelayProcess(settings)
    await untilMoved()
    expect(runs.toSorted()).toEqual(committed.toSorted())
    expect(await next.end()).toBe(0)
  })

  test('where relays are killed again and again, with another beside them', async () => {
    let isOver = false
    const produce = async (): Promise<void> => {
      while (!isOver) {
        await enqueue(10, { commits: true })
        await enqueue(3, { commits: false })
        await wait(20)
      }
    }
    const producing = produce()
    await using other = new RelayProcess(settings)
    for (let round = 0; round < 4; round += 1) {
      await using killed = new RelayProcess({ ...settings, stopsAt: STEPS[round + 1]! })
      await killed.stoppedAt()
      await killed.kill()
    }
    isOver = true
    await producing
    await untilMoved()
    expect(runs.toSorted()).toEqual(committed.toSorted())
    expect(await other.end()).toBe(0)
  })
})

test.each([
  ['Postgres', () => createPostgresStore({ url: settings.from })],
  ['Redis', () => createRedisStore(settings.to)],
])('two stores on one place in %s are refused, and what is in it stays', async (_name, open) => {
  await worker.stop()
  await using closing = new AsyncDisposableStack()
  const [from, to] = [open(), open()].map((each) => closing.adopt(each, () => each.close()))
  const job = { queue: QUEUE, tenantId: 'acme', name: 'work', payload: '{}', priority: 0 }
  await from!.enqueue([job, { ...job, jobId: 'own' }])
  const refused = Promise.withResolvers<unknown>()
  const logger = { warn: (_message: string, fields = {}) => refused.resolve(fields), error() {} }
  const moving = relay({ from: from!, to: to!, queues: [QUEUE], runtime: createRuntime(), logger })
  moving.start()
  expect(await refused.promise).toMatchObject({ error: { code: 'JOBS_INVALID_CONFIG' } })
  await moving.stop()
  expect(await from!.counts({ queue: QUEUE })).toMatchObject({ pending: 2, running: 0 })
})
