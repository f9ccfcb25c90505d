import { isJobsError, type NewJob } from '@cgk/jobs-core'
import { quoteSchema, type Transaction } from '@cgk/db'
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createJobsMigrator } from '../src/migrations.ts'
import { get } from '../src/operations/catalogue.ts'
import { enqueue, type EnqueueContext, storeJobs } from '../src/operations/enqueue.ts'
import { setLimits } from '../src/operations/limits.ts'
import type { StoreContext } from '../src/store-context.ts'
import { testPlace } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const SCHEMA = 'arrivals'

function newJob(given: Partial<NewJob> = {}): NewJob {
  return { queue: 'orders', tenantId: 'acme', name: 'send', payload: '1', priority: 0, ...given }
}

describe('jobs that come in', () => {
  const openPlace = testPlace('local')
  let context: StoreContext

  beforeAll(async () => {
    const { db } = await openPlace()
    await createJobsMigrator(db, SCHEMA).up()
  })

  beforeEach(async () => {
    const { db } = await openPlace()
    await db.query(`truncate ${SCHEMA}.job, ${SCHEMA}.mail, ${SCHEMA}.named, ${SCHEMA}.said`)
    await db.query(`update ${SCHEMA}.queue set has_quotas = false`)
    context = {
      db,
      schema: quoteSchema(SCHEMA),
      history: { completed: BOUNDS, failed: BOUNDS, cancelled: BOUNDS },
      wakeUps: {
        ready: () => {},
        changed: () => {},
        isHeard: false,
        expect: () => false,
        offer: () => undefined,
      },
    }
  })

  const BOUNDS = { maxAgeMs: Infinity, maxCount: Infinity }

  /** The context of a call in a transaction that somebody else ends. */
  function within(tx: Transaction): EnqueueContext {
    return { ...context, db: tx, joins: true }
  }

  test('the jobs of a call stand side by side, also beyond a block of ids', async () => {
    const jobs = Array.from({ length: 5_000 }, (_, index) => newJob({ payload: `${index}` }))
    const results = await enqueue(context, jobs)
    const refs = results.map((result) => ({
      queue: 'orders',
      tenantId: 'acme',
      id: result.status === 'enqueued' ? result.id : '',
    }))
    const records = await get(context, refs)
    expect(records.map((record) => record?.payload)).toEqual(jobs.map(({ payload }) => payload))
    const mail = await context.db.query(
      `select last - first + 1 as jobs from ${SCHEMA}.mail order by seq`,
    )
    expect(mail).toEqual([{ jobs: 4_096n }, { jobs: 904n }])
  })

  test('of jobs of tenants in turns the dispatcher is told once for each, and they are answered in their order', async () => {
    const jobs = Array.from({ length: 6 }, (_, index) =>
      newJob({ tenantId: index % 2 === 0 ? 'acme' : 'globex', payload: `${index}` }),
    )
    const results = await enqueue(context, jobs)
    const refs = results.map((result, index) => ({
      queue: 'orders',
      tenantId: jobs[index]!.tenantId,
      id: result.status === 'enqueued' ? result.id : '',
    }))
    const records = await get(context, refs)
    expect(records.map((record) => record?.payload)).toEqual(jobs.map(({ payload }) => payload))
    const mail = await context.db.query(
      `select tenant, last - first + 1 as jobs from ${SCHEMA}.mail order by seq`,
    )
    expect(mail).toEqual([
      { tenant: 'acme', jobs: 3n },
      { tenant: 'globex', jobs: 3n },
    ])
  })

  test('what a producer has not committed delays no other', async () => {
    await context.db.transaction(async (tx) => {
      await storeJobs(within(tx), [newJob(), newJob({ jobId: 'mine' })])
      const others = await enqueue(context, [
        newJob(),
        newJob({ jobId: 'theirs' }),
        newJob({ unique: { key: 'key', ifTaken: 'replace' } }),
      ])
      expect(others.map(({ status }) => status)).toEqual(['enqueued', 'enqueued', 'enqueued'])
    })
  })

  test('a second use of an id waits for the first, and is new where that is rolled back', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const { promise: waited, resolve: stopWaiting } = Promise.withResolvers<void>()
    const first = context.db.transaction(async (tx) => {
      await storeJobs(within(tx), [newJob({ jobId: 'same' })])
      begin()
      await waited
      throw new Error('rolled back')
    })
    await begun
    let isDone = false
    const second = enqueue(context, [newJob({ jobId: 'same', payload: '2' })]).finally(() => {
      isDone = true
    })
    await vi.waitFor(async () => {
      const waiting = await context.db.query(
        `select from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and query like '%enqueue_jobs%'`,
      )
      expect(waiting).toHaveLength(1)
    }, 10_000)
    expect(isDone).toBe(false)
    stopWaiting()
    await expect(first).rejects.toThrow('rolled back')
    expect(await second).toMatchObject([{ status: 'enqueued', id: 'same' }])
  })

  test('callers that race pass no quota', async () => {
    await setLimits(context, [
      { scope: { queue: 'orders', tenantId: '*' }, source: 'operator', limits: { backlog: 5 } },
    ])
    const calls = await Promise.allSettled(
      Array.from({ length: 16 }, (_, index) =>
        enqueue(context, [newJob(index % 2 === 0 ? {} : { jobId: `job-${index}` })]),
      ),
    )
    const refusals = calls.filter((call) => call.status === 'rejected').map(({ reason }) => reason)
    expect(refusals).toHaveLength(11)
    expect(refusals.every((error: unknown) => isJobsError(error, 'JOBS_BACKLOG_FULL'))).toBe(true)
  })

  test('a job that is replaced before anybody has read of it is governed by what it is now', async () => {
    const unique = { key: 'key', ifTaken: 'replace' } as const
    await enqueue(context, [newJob({ unique, limiter: 'mails' }), newJob({ unique })])
    await context.db.query(
      `select ${SCHEMA}.get_limits('[{"queue": "orders", "level": 0, "tenant": "", "limiter": "", "key": ""}]')`,
    )
    expect(await context.db.query(`select from ${SCHEMA}.governed`)).toEqual([])
    const [lane] = await context.db.query(
      `select waiting from ${SCHEMA}.lane where tenant = 'acme' order by ver desc limit 1`,
    )
    expect(lane).toEqual({ waiting: 1n })
  })

  test.each([
    [4_096, 'x', 0],
    [4_097, 'x', 1],
    [1_365, '€', 0],
    [1_366, '€', 1],
    [1_025, '😀', 1],
  ])('a queue of jobs of %d times %s is weighed: %d', async (times, letter, weighed) => {
    await context.db.query(`truncate ${SCHEMA}.bulky`)
    const payload = letter.repeat(times)
    await enqueue(context, [newJob({ payload })])
    expect(await context.db.query(`select from ${SCHEMA}.bulky`)).toHaveLength(weighed)
    await context.db.query(`truncate ${SCHEMA}.bulky`)
    await enqueue(context, [newJob(), newJob({ payload })])
    expect(await context.db.query(`select from ${SCHEMA}.bulky`)).toHaveLength(weighed)
  })

  test('an id or a unique key of a job that is nowhere is free', async () => {
    const unique = { key: 'key', ifTaken: 'keep' } as const
    const given = [
      newJob({ jobId: 'id' }),
      newJob({ unique }),
      newJob({ jobId: 'other', unique: { ...unique, key: 'other' } }),
    ]
    await enqueue(context, given)
    // As after a restore of some tables without the others.
    await context.db.query(`truncate ${SCHEMA}.job`)
    expect(await enqueue(context, given)).toMatchObject([
      { status: 'enqueued', id: 'id' },
      { status: 'enqueued' },
      { status: 'enqueued', id: 'other' },
    ])
    expect(await enqueue(context, [newJob({ jobId: 'id' })])).toMatchObject([
      { status: 'existing' },
    ])
    expect(await enqueue(context, [newJob({ unique })])).toMatchObject([{ status: 'existing' }])
  })
})
