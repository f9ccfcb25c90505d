import { currentTenant, withTenant } from '@cgk/core'
import {
  createJobQueue,
  createRuntime,
  createTenantStores,
  type ClaimedJob,
  defineJob,
  type JobOptions,
  type JobQueue,
  type JobRequest,
  type JobStore,
  jobRequest,
  listDirectory,
  type WakeUp,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import type { CallersTransaction, Db, Transaction } from '@cgk/db'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js'
import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createPostgresStore, withTransaction } from '../src/index.ts'
import { testPlace, type PlaceKind } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const stack: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of stack.splice(0).toReversed()) await close()
})

let queues = 0

describe.each<PlaceKind>(['local', 'embedded', 'pglite'])('withTransaction on %s', (kind) => {
  const openPlace = testPlace(kind)

  interface Place {
    readonly db: Db
    readonly store: JobStore
    readonly queue: JobQueue
    readonly another: () => JobStore
  }

  async function open(config: object = {}): Promise<Place> {
    const { db, connect } = await openPlace()
    const another = (): JobStore => {
      const store = createPostgresStore({ db: connect() })
      stack.push(() => store.close())
      return store
    }
    const store = another()
    await store.ping()
    const name = `orders-${++queues}`
    const queue = createJobQueue({ name, store, runtime: createRuntime(), ...config })
    return { db, store, queue, another }
  }

  /** Begins a transaction that lasts until the function returned is called. */
  async function begin(
    db: Db,
  ): Promise<{ readonly tx: Transaction; readonly end: (commits: boolean) => Promise<void> }> {
    const begun = Promise.withResolvers<Transaction>()
    const ended = Promise.withResolvers<boolean>()
    const done = db.transaction(async (tx) => {
      begun.resolve(tx)
      if (!(await ended.promise)) throw new Error('rolled back')
    })
    done.catch(begun.reject)
    return {
      tx: await begun.promise,
      end: async (commits) => {
        ended.resolve(commits)
        await (commits ? done : done.catch(() => {}))
      },
    }
  }

  async function claim({ name }: JobQueue, store: JobStore): Promise<readonly ClaimedJob[]> {
    const { jobs } = await store.claim({
      queue: name,
      slots: 10,
      prefetch: 0,
      leaseMs: 60_000,
      worker: 'w',
      suspects: false,
    })
    return jobs
  }

  async function claimed(queue: JobQueue, store = queue.store): Promise<string[]> {
    return (await claim(queue, store)).map(({ name }) => name)
  }

  test('a job is there if and only if the transaction commits', async () => {
    const { db, queue } = await open()
    let kept = ''
    await db.transaction(async (tx) => {
      const job = await withTransaction(queue, tx).enqueue('kept', { n: 1 }, { tenantId: 'acme' })
      kept = job.id
      expect(job).toMatchObject({ status: 'pending', tenantId: 'acme', payload: { n: 1 } })
    })
    const rolledBack = db.transaction(async (tx) => {
      await withTransaction(queue, tx).enqueue('gone', {})
      throw new Error('no')
    })
    await expect(rolledBack).rejects.toThrow('no')
    expect(await queue.getJob({ id: kept, tenantId: 'acme' })).toMatchObject({ name: 'kept' })
    expect((await queue.listJobs()).map(({ name }) => name)).toEqual(['kept'])
  })

  test('the checks, definitions, tenancy and middleware of the queue apply, and its events do not', async () => {
    const definition = defineJob({
      name: 'known',
      validate: (payload: unknown): payload is { n: number } => (payload as { n: 1 }).n === 1,
      handler: () => ({ success: true }),
      options: { priority: 7 },
    })
    const { db, queue } = await open({ tenancy: 'required', jobs: [definition] })
    const told = vi.fn()
    queue.on('enqueued', told)
    queue.use((draft, _, next) => {
      draft.options.headers['seen-by'] = 'middleware'
      return next()
    })
    await db.transaction(async (tx) => {
      const calls = withTransaction(queue, tx)
      await expect(calls.enqueue('known', { n: 1 })).rejects.toMatchObject({
        code: 'JOBS_TENANT_REQUIRED',
      })
      await expect(calls.enqueue('known', { n: 2 }, { tenantId: 'a' })).rejects.toMatchObject({
        code: 'JOBS_INVALID_PAYLOAD',
      })
      const jobs = await withTenant('acme', () => {
        expect(currentTenant()).toBe('acme')
        return calls.enqueueMany([jobRequest(definition, { n: 1 }), { job: 'other', payload: {} }])
      })
      expect(jobs).toMatchObject([
        { tenantId: 'acme', priority: 7, headers: { 'seen-by': 'middleware' } },
        { tenantId: 'acme', priority: 0 },
      ])
    })
    expect(told).not.toHaveBeenCalled()
    expect(await queue.counts()).toMatchObject({ pending: 2 })
  })

  test('a call that is refused leaves the transaction usable', async () => {
    const { db, queue } = await open()
    await queue.enqueue('a', { n: 1 }, { jobId: 'mine' })
    await db.transaction(async (tx) => {
      const calls = withTransaction(queue, tx)
      await expect(calls.enqueue('b', { n: 1 }, { jobId: 'mine' })).rejects.toMatchObject({
        code: 'JOBS_ID_CONFLICT',
      })
      expect(await calls.enqueue('a', { n: 1 }, { jobId: 'mine' })).toMatchObject({
        duplicate: true,
      })
      await calls.enqueue('c', {})
    })
    expect((await queue.listJobs()).map(({ name }) => name)).toEqual(['c', 'a'])
  })

  test.each(['replace', 'debounce'] as const)(
    'a unique key with %s is refused',
    async (ifTaken) => {
      const { db, queue } = await open()
      const uniqueKey =
        ifTaken === 'replace'
          ? ({ key: 'k', ifTaken } as const)
          : ({ key: 'k', ifTaken, wait: 1 } as never)
      await db.transaction(async (tx) => {
        const refused = withTransaction(queue, tx).enqueue('a', {}, { uniqueKey })
        await expect(refused).rejects.toMatchObject({ code: 'JOBS_UNSUPPORTED' })
        await withTransaction(queue, tx).enqueue('b', {})
      })
      expect((await queue.listJobs()).map(({ name }) => name)).toEqual(['b'])
    },
  )

  test('a unique key is kept within one transaction, over its end, and freed with its holder', async () => {
    const { db, queue } = await open()
    const uniqueKey = 'once'
    let holder = ''
    await db.transaction(async (tx) => {
      const calls = withTransaction(queue, tx)
      holder = (await calls.enqueue('a', {}, { uniqueKey })).id
      expect(await calls.enqueue('b', {}, { uniqueKey })).toMatchObject({
        id: holder,
        duplicate: true,
      })
    })
    expect(await queue.enqueue('c', {}, { uniqueKey })).toMatchObject({ id: holder, name: 'a' })
    expect(await claimed(queue)).toEqual(['a'])
    await queue.cancelJob(holder)
    await db.transaction(async (tx) => {
      const next = await withTransaction(queue, tx).enqueue('d', {}, { uniqueKey })
      expect(next.duplicate).toBeUndefined()
    })
    expect(await claimed(queue)).toEqual(['d'])
  })

  test('a window that is over is taken, and one that is not is kept', async () => {
    const { db, queue } = await open()
    const uniqueKey = { key: 'w', window: 60_000 }
    const { id } = await queue.enqueue('a', {}, { uniqueKey })
    const enqueue = () =>
      db.transaction(async (tx) => await withTransaction(queue, tx).enqueue('b', {}, { uniqueKey }))
    await queue.cancelJob(id)
    expect(await enqueue()).toMatchObject({ id, duplicate: true })
    await db.query(`update jobs.named set held_until = 1 where key = 'w'`)
    const { id: next, duplicate } = await enqueue()
    expect({ next, duplicate }).not.toMatchObject({ next: id })
    expect(duplicate).toBeUndefined()
  })

  test('the queue of a tenant directory takes only jobs of its default store', async () => {
    const { db, store } = await open()
    const stores = createTenantStores({
      stores: { here: store, there: createMemoryStore() },
      defaultStore: 'here',
      directory: listDirectory([{ id: 'near' }, { id: 'far', store: 'there' }]),
    })
    const queue = createJobQueue({
      name: `orders-${++queues}`,
      store: stores,
      runtime: createRuntime(),
    })
    await db.transaction(async (tx) => {
      const calls = withTransaction(queue, tx)
      await calls.enqueue('near', {}, { tenantId: 'near' })
      await expect(calls.enqueue('far', {}, { tenantId: 'far' })).rejects.toMatchObject({
        code: 'JOBS_UNSUPPORTED',
      })
    })
    expect(await queue.counts({ tenantId: 'near' })).toMatchObject({ pending: 1 })
    expect(await queue.counts({ tenantId: 'far' })).toMatchObject({ pending: 0 })
  })

  test.each<[string, readonly JobRequest[]]>([
    ['one job', [{ job: 'a', payload: {} }]],
    ['jobs of one call', Array(2).fill({ job: 'a', payload: {} })],
    ['a job with an id', [{ job: 'a', payload: {}, options: { jobId: 'mine' } }]],
  ])('workers are told of %s once it is committed', async (_, jobs) => {
    const { db, queue, another } = await open()
    const heard: WakeUp[] = []
    another().subscribe!((wakeUp) => heard.push(wakeUp))
    await vi.waitFor(async () => {
      await queue.enqueue('begin', {})
      expect(heard).not.toEqual([])
    }, 20_000)
    const other = createJobQueue({
      name: `late-${queues}`,
      store: queue.store,
      runtime: createRuntime(),
    })
    await db.transaction(async (tx) => await withTransaction(other, tx).enqueueMany(jobs))
    await vi.waitFor(
      () => expect(heard).toContainEqual({ queue: other.name, reason: 'ready' }),
      20_000,
    )
  })

  test('workers hear of what @cgk/db commits at once, and of nothing before or else', async () => {
    const { db, store, queue } = await open()
    const heard: (string | null)[] = []
    store.subscribe!((wakeUp) => heard.push(wakeUp.queue))
    // As soon as it listens it looks.
    await vi.waitFor(() => expect(heard).toEqual([null]), 20_000)
    for (const commits of [false, true]) {
      const { tx, end } = await begin(db)
      await withTransaction(queue, tx).enqueue('work', {})
      expect(heard).toEqual([null])
      await end(commits)
    }
    expect(heard).toEqual([null, queue.name])
  })

  test('drizzle-orm and the driver lend their transactions', async () => {
    const { store, queue } = await open()
    const heard: (string | null)[] = []
    store.subscribe!((wakeUp) => heard.push(wakeUp.queue))
    const { options } = await openPlace()
    const enqueue = async (tx: CallersTransaction, name: string) =>
      await withTransaction(queue, tx).enqueue(name, {})
    if ('pglite' in options) {
      const pglite = options.pglite as never
      await drizzlePglite(pglite).transaction(async (tx) => {
        await tx.execute(sql`select 1`)
        await enqueue(tx, 'drizzle')
      })
      await (pglite as { transaction: (fn: (tx: never) => unknown) => Promise<void> }).transaction(
        (tx) => enqueue(tx, 'driver'),
      )
    } else {
      const client = postgres((options as { url: string }).url, { onnotice: () => {} })
      stack.push(() => client.end())
      await drizzlePostgres(client).transaction(async (tx) => {
        await tx.execute(sql`select 1`)
        await enqueue(tx, 'drizzle')
        const rolledBack = tx.transaction(async (nested) => {
          await enqueue(nested, 'savepoint')
          nested.rollback()
        })
        await expect(rolledBack).rejects.toThrow()
      })
      await client.begin((tx) => enqueue(tx, 'driver'))
    }
    expect((await queue.listJobs()).map(({ name }) => name)).toEqual(['driver', 'drizzle'])
    await vi.waitFor(() => expect(heard).toContain(queue.name), 20_000)
  })

  test('another store than one of Postgres is refused', () => {
    const queue = createJobQueue({ name: 'orders', store: createMemoryStore() })
    expect(() => withTransaction(queue, {} as never)).toThrow(
      expect.objectContaining({ code: 'JOBS_UNSUPPORTED' }) as Error,
    )
  })

  test('what is no transaction is refused', async () => {
    const { queue } = await open()
    expect(() => withTransaction(queue, { _: { session: {} } })).toThrow(
      expect.objectContaining({ code: 'JOBS_INVALID_CONFIG' }) as Error,
    )
  })

  // PGlite has one session: nobody is there who could be made to wait.
  describe.skipIf(kind === 'pglite')('while a transaction is open', () => {
    test('nobody waits for it, and what it adds is claimed though others came later', async () => {
      const { db, queue, store, another } = await open()
      await store.setLimits([
        {
          scope: { queue: queue.name, tenantId: 'acme' },
          source: 'operator',
          limits: { backlog: 10 },
        },
      ])
      const fresh = createJobQueue({ name: `fresh-${queues}`, store, runtime: createRuntime() })
      const { tx, end } = await begin(db)
      await withTransaction(queue, tx).enqueueMany([
        { job: 'held', payload: {}, options: { tenantId: 'acme' } },
        { job: 'held', payload: {}, options: { tenantId: 'acme', jobId: 'x', uniqueKey: 'x' } },
        { job: 'held', payload: {}, options: { orderingKey: 'o', limiter: 'l' } },
      ])
      await withTransaction(fresh, tx).enqueue('held', {})
      const elsewhere = another()
      const producer = createJobQueue({
        name: queue.name,
        store: elsewhere,
        runtime: createRuntime(),
      })
      await producer.enqueueMany([
        { job: 'free', payload: {}, options: { tenantId: 'acme' } },
        { job: 'free', payload: {}, options: { tenantId: 'acme', jobId: 'y', uniqueKey: 'y' } },
        { job: 'free', payload: {}, options: { orderingKey: 'o', limiter: 'l' } },
      ])
      await elsewhere.enqueue([
        { queue: fresh.name, tenantId: null, name: 'free', payload: '1', priority: 0 },
      ])
      expect(await claimed(queue, elsewhere)).toEqual(['free', 'free', 'free'])
      await elsewhere.maintain({ limit: 100 })
      await end(true)
      // The one behind the ordering key waits for the end of the one before it.
      expect(await claimed(queue, elsewhere)).toEqual(['held', 'held'])
    })

    test.each<JobOptions>([{}, { metadata: { by: 'hand' } }])(
      'nobody waits for the job of a tenant with a quota that it adds alone, with %o',
      async (options) => {
        const { db, queue, store } = await open()
        const acme = { tenantId: 'acme', ...options }
        const scope = { queue: queue.name, tenantId: 'acme' }
        await store.setLimits([{ scope, source: 'operator', limits: { backlog: 10 } }])
        const { tx, end } = await begin(db)
        await withTransaction(queue, tx).enqueue('held', {}, acme)
        await queue.enqueue('free', {}, acme)
        expect(await claimed(queue, store)).toEqual(['free'])
        await end(true)
        expect(await claimed(queue, store)).toEqual(['held'])
      },
    )

    test.each([true, false])(
      'another use of its keys waits for its end (commits: %s)',
      async (commits) => {
        const { db, queue, store } = await open()
        const { tx, end } = await begin(db)
        await withTransaction(queue, tx).enqueue('a', {}, { uniqueKey: 'k' })
        await withTransaction(queue, tx).enqueue('b', {}, { jobId: 'b' })
        let settled = 0
        const replaced = queue.enqueue('c', {}, { uniqueKey: { key: 'k', ifTaken: 'replace' } })
        const kept = begin(db).then(async (other) => {
          const job = await withTransaction(queue, other.tx).enqueue('d', {}, { uniqueKey: 'k' })
          await other.end(true)
          return job
        })
        for (const waiting of [replaced, kept]) void waiting.finally(() => settled++)
        // Claims go on, though somebody waits who needs the queue's lock.
        for (let round = 0; round < 5; round++) {
          await store.enqueue([
            { queue: queue.name, tenantId: null, name: 'free', payload: '1', priority: 0 },
          ])
          expect(await claimed(queue)).toEqual(['free'])
        }
        expect(settled).toBe(0)
        await end(commits)
        await Promise.all([replaced, kept])
        const live = await queue.listJobs({ status: ['pending', 'scheduled'] })
        const holders = live.filter(({ uniqueKey }) => uniqueKey === 'k')
        expect(holders).toHaveLength(1)
        expect((await kept).duplicate ?? (await replaced).id === (await kept).id).toBe(true)
      },
    )

    test('the end of a holder waits for nobody who asked for its key', async () => {
      const { db, queue, store } = await open()
      await queue.enqueue('a', {}, { uniqueKey: 'k' })
      const [job] = await claim(queue, store)
      const { tx, end } = await begin(db)
      expect(await withTransaction(queue, tx).enqueue('b', {}, { uniqueKey: 'k' })).toMatchObject({
        name: 'a',
        duplicate: true,
      })
      const { results } = await store.settle({
        settlements: [
          {
            lease: job!,
            outcome: { type: 'complete', result: null },
            followUps: [],
            discard: false,
          },
        ],
      })
      expect(results).toEqual(['settled'])
      await end(true)
    })
  })
})
