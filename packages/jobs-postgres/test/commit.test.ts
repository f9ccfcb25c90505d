import {
  type AttemptContext,
  createJobQueue,
  createRuntime,
  type Job,
  type JobQueue,
  type JobResult,
  type JobStore,
  processJobs,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { type Db, DbError, drizzleOn, type Transaction } from '@cgk/db'
import { bigint, pgTable, text } from 'drizzle-orm/pg-core'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { commit, createPostgresStore, withTransaction } from '../src/index.ts'
import { testPlace, type PlaceKind } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const stack: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of stack.splice(0).toReversed()) await close()
})

const payments = pgTable('payment', { id: bigint({ mode: 'number' }), tenant: text() })

const SILENT = { error() {}, warn() {}, info() {}, debug() {} }
const LATER = { job: 'receipt', payload: {}, options: { delay: 60_000 } }
let queues = 0

describe.each<PlaceKind>(['local', 'embedded', 'pglite'])('commit on %s', (kind) => {
  const openPlace = testPlace(kind)

  beforeAll(async () => {
    const { db } = await openPlace()
    await db.query(`create table payment (id bigint, tenant text)`)
  })

  afterEach(async () => {
    const { db } = await openPlace()
    await db.query(`truncate payment`)
  })

  interface Place {
    readonly db: Db
    readonly store: JobStore
    readonly queue: JobQueue
  }

  async function open(): Promise<Place> {
    const { db, connect } = await openPlace()
    const store = createPostgresStore({ db: connect() })
    stack.push(() => store.close())
    const runtime = createRuntime(undefined, SILENT as never)
    const queue = createJobQueue({ name: `payments-${++queues}`, store, runtime, pollInterval: 50 })
    return { db, store, queue }
  }

  type Handler = (job: Job, context: AttemptContext) => Promise<JobResult>

  function run(queue: JobQueue, handler: Handler, maxAttempts = 1): void {
    const processor = processJobs({ queue, logger: SILENT as never })
    processor.registerJob({
      name: 'pay',
      handler: handler as never,
      retry: { maxAttempts, initialDelay: 1 },
    })
    processor.start()
    stack.push(() => processor.stop({ gracePeriod: 0 }))
  }

  async function paid(db: Db): Promise<readonly unknown[]> {
    return await db.query(`select id::int as id, tenant from payment order by id`)
  }

  const pay = (tx: Transaction, id = 1): Promise<unknown> =>
    tx.query(`insert into payment values ($1, nullif(current_setting('cgk.tenant', true), ''))`, [
      id,
    ])

  async function ended(queue: JobQueue, id: string): Promise<Job<unknown>> {
    const status = ['completed', 'failed', 'cancelled'] as const
    return await vi.waitFor(
      async () => {
        const job = (await queue.listJobs({ status: [...status] })).find((found) => found.id === id)
        expect(job).toBeDefined()
        return job!
      },
      { timeout: 30_000 },
    )
  }

  test('what the handler writes and the completion are one', async () => {
    const { db, queue } = await open()
    const completed = vi.fn()
    queue.on('completed', completed)
    run(queue, (_, context) =>
      commit(context, async (tx) => {
        const orm = await drizzleOn(tx)
        await orm.insert(payments).values({ id: 7, tenant: 'by drizzle' })
        context.headers['from'] = 'commit'
        return { success: true, data: { paid: 7 }, followUps: [LATER] }
      }),
    )
    const { id } = await queue.enqueue('pay', {})
    expect(await queue.waitFor(id)).toEqual({ paid: 7 })
    expect(await queue.getJob(id)).toMatchObject({
      status: 'completed',
      attempts: 1,
      result: { paid: 7 },
      headers: { from: 'commit' },
    })
    expect(await paid(db)).toEqual([{ id: 7, tenant: 'by drizzle' }])
    await vi.waitFor(() => expect(completed).toHaveBeenCalledOnce())
    expect(completed.mock.calls[0]![0]).toMatchObject({ job: { id }, result: { paid: 7 } })
    expect(await queue.listJobs('scheduled')).toMatchObject([
      { name: 'receipt', headers: { from: 'commit' } },
    ])
  })

  test('the transaction acts for the tenant of the job, and jobs can be enqueued in it', async () => {
    const { db, queue } = await open()
    run(queue, (_, context) =>
      commit(context, async (tx) => {
        await pay(tx)
        await withTransaction(queue, tx).enqueue('receipt', {}, { uniqueKey: 'r', delay: 60_000 })
        return { success: true }
      }),
    )
    const { id } = await queue.enqueue('pay', {}, { tenantId: 'acme' })
    await queue.waitFor({ id, tenantId: 'acme' })
    expect(await paid(db)).toEqual([{ id: 1, tenant: 'acme' }])
    expect(await queue.counts()).toMatchObject({ completed: 1, scheduled: 1 })
  })

  test('what throws, fails or snoozes in it is rolled back, and the attempt ends as usual', async () => {
    const { db, queue } = await open()
    const results: (() => JobResult)[] = [
      () => {
        throw new Error('thrown')
      },
      () => ({ success: false, error: { message: 'returned' } }),
      () => ({ success: false, snoozeMs: 1 }),
      () => ({ success: true, data: 1n }) as JobResult,
      () => ({
        success: true,
        followUps: [{ job: 'x', payload: {}, options: { jobId: 'taken' } }],
      }),
      () => ({ success: true }),
    ]
    await queue.enqueue('pay-not', {}, { jobId: 'taken', scheduledAt: new Date(Date.now() + 1e7) })
    let call = 0
    run(
      queue,
      (_, context) =>
        commit(context, async (tx) => {
          await pay(tx, call)
          return results[call++]!()
        }),
      10,
    )
    const { id } = await queue.enqueue('pay', {})
    const job = await ended(queue, id)
    expect(job).toMatchObject({ status: 'completed', attempts: 5, releases: 1 })
    const { failures } = (await queue.getJob(id))!
    expect(failures.map(({ error }) => error?.code ?? error?.message)).toEqual([
      'thrown',
      'JOBS_HANDLER_FAILED',
      'JOBS_VALUE_BIGINT',
      'JOBS_ID_CONFLICT',
    ])
    expect(await paid(db)).toEqual([{ id: 5, tenant: null }])
  })

  test('an attempt that lost its lease commits nothing, and hears of it', async () => {
    const { db, store, queue } = await open()
    const errors: unknown[] = []
    let attempts = 0
    /** As somebody does who finds the lease expired. */
    const takeBack = async (): Promise<void> => {
      if (attempts > 1) return
      await db.query(
        `update jobs.lease set expires_at = 1 where queue = (select id from jobs.queue where name = $1)`,
        [queue.name],
      )
      expect(await store.maintain({ limit: 100 })).toMatchObject({ reclaimed: 1 })
    }
    run(
      queue,
      async (_, context) => {
        attempts += 1
        // Nobody else can be there while a transaction has the only session.
        if (kind === 'pglite') await takeBack()
        return commit(context, async (tx) => {
          await pay(tx, attempts)
          if (kind !== 'pglite') await takeBack()
          return { success: true }
        }).catch((error: unknown) => {
          errors.push(error)
          throw error
        })
      },
      10,
    )
    const { id } = await queue.enqueue('pay', {})
    await ended(queue, id)
    expect(errors).toMatchObject([{ code: 'JOBS_LEASE_LOST' }])
    expect(await paid(db)).toEqual([{ id: 2, tenant: null }])
  })

  test.skipIf(kind === 'pglite')(
    'a job that is cancelled meanwhile takes its writes with it',
    async () => {
      const { db, queue } = await open()
      const errors: unknown[] = []
      run(queue, async (job, context) =>
        commit(context, async (tx) => {
          await pay(tx)
          await queue.cancelJob(job.id)
          return { success: true }
        }).catch((error: unknown) => {
          errors.push(error)
          throw error
        }),
      )
      const { id } = await queue.enqueue('pay', {})
      expect(await ended(queue, id)).toMatchObject({ status: 'cancelled' })
      await vi.waitFor(() => expect(errors).toMatchObject([{ code: 'JOBS_CANCELLED' }]))
      expect(await paid(db)).toEqual([])
    },
  )

  test.skipIf(kind === 'pglite')('nothing is locked while the handler works', async () => {
    const { queue, store } = await open()
    run(queue, async (job, context) =>
      commit(context, async (tx) => {
        await pay(tx)
        // Heartbeats, reports and the settlements of others go on.
        await context.extendLease(60_000)
        context.progress(1)
        await store.getLimits([{ queue: queue.name }])
        await vi.waitFor(async () => {
          expect(await queue.getJob(job.id)).toMatchObject({ progress: 1 })
        })
        return { success: true }
      }),
    )
    const { id } = await queue.enqueue('pay', {})
    expect(await ended(queue, id)).toMatchObject({ status: 'completed' })
  })

  test.runIf(kind === 'pglite')(
    'a call of the store in it is refused, not a deadlock',
    async () => {
      const { db, queue } = await open()
      const errors: unknown[] = []
      run(queue, async (_, context) =>
        commit(context, async (tx) => {
          await pay(tx)
          await queue.getJob('x').catch((error: unknown) => errors.push(error))
          return { success: true }
        }),
      )
      const { id } = await queue.enqueue('pay', {})
      expect(await ended(queue, id)).toMatchObject({ status: 'completed' })
      expect(errors).toMatchObject([{ cause: { code: 'DB_NESTED_IN_TRANSACTION' } }])
      expect(await paid(db)).toHaveLength(1)
    },
  )

  test('a commit of which nobody heard is looked up, and the attempt ends as it says', async () => {
    const { db, connect } = await openPlace()
    // The answer is lost once the transaction is committed.
    const own = connect()
    let lost = 0
    const deaf = new Proxy(own, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property)
        if (property !== 'transaction')
          return typeof value === 'function' ? value.bind(target) : value
        return async (...given: Parameters<Db['transaction']>) => {
          await target.transaction(...given)
          lost += 1
          throw new DbError('DB_CONNECTION_LOST', 'the connection was lost', { retryable: true })
        }
      },
    })
    const store = createPostgresStore({ db: deaf, migrate: 'manual' })
    stack.push(() => store.close())
    const runtime = createRuntime(undefined, SILENT as never)
    const queue = createJobQueue({ name: `payments-${++queues}`, store, runtime, pollInterval: 50 })
    run(queue, (_, context) =>
      commit(context, async (tx) => {
        await pay(tx)
        return { success: true, data: 'paid' }
      }),
    )
    const { id } = await queue.enqueue('pay', {})
    expect(await ended(queue, id)).toMatchObject({
      status: 'completed',
      attempts: 1,
      result: 'paid',
    })
    expect(lost).toBe(1)
    expect(await paid(db)).toHaveLength(1)
  })

  test.skipIf(kind === 'pglite')(
    'a commit that the server did not make is made again',
    async () => {
      const { db, queue } = await open()
      await db.query('create table attempt (number int)')
      await db.transaction((tx) =>
        tx.runScript(`
        create function die() returns trigger language plpgsql as $$
        begin
          if new.number = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
          return null;
        end $$;
        create constraint trigger die after insert on attempt initially deferred
          for each row execute function die();`),
      )
      run(
        queue,
        (_, context) =>
          commit(context, async (tx) => {
            await pay(tx, context.attempt)
            await tx.query('insert into attempt values ($1)', [context.attempt])
            return { success: true }
          }),
        3,
      )
      const { id } = await queue.enqueue('pay', {})
      expect(await ended(queue, id)).toMatchObject({ status: 'completed', attempts: 2 })
      const { failures } = (await queue.getJob(id))!
      expect(failures).toMatchObject([{ error: { code: 'JOBS_STORE_UNAVAILABLE' } }])
      expect(await paid(db)).toEqual([{ id: 2, tenant: null }])
    },
  )

  test('of a queue on another store, or with another context, it is refused', async () => {
    const queue = createJobQueue({
      name: 'other',
      store: createMemoryStore(),
      runtime: createRuntime(undefined, SILENT as never),
    })
    run(queue, (_, context) => commit(context, async () => ({ success: true })))
    const { id } = await queue.enqueue('pay', {})
    expect(await ended(queue, id)).toMatchObject({ error: { code: 'JOBS_UNSUPPORTED' } })
    await expect(commit({} as never, async () => ({ success: true }))).rejects.toMatchObject({
      code: 'JOBS_INVALID_CONFIG',
    })
  })
})
