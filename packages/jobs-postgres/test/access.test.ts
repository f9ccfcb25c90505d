import { createJobQueue, createRuntime, type JobQueue, processJobs } from '@cgk/jobs-core'
import { connectPostgres, type Db, drizzleOn, withTenantTransaction } from '@cgk/db'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { jobsSchema } from '../src/schema.ts'
import { documentedSql } from './support/document.ts'
import { work } from './support/idle-worker.ts'
import { testPlace, type PlaceKind } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const SILENT = { error() {}, warn() {}, info() {}, debug() {} }
const ROLES = ['jobs_producer', 'jobs_worker', 'acme_reader', 'jobs_reader']

describe.each<PlaceKind>(['local', 'embedded', 'pglite'])('on %s', (kind) => {
  const openPlace = testPlace(kind)
  const stack = new AsyncDisposableStack()
  // Roles are the server's: these are of this test alone.
  const prefix = `t${Math.random().toString(36).slice(2, 10)}_`
  let db: Db
  let queue: JobQueue

  beforeAll(async () => {
    const place = await openPlace()
    db = place.db
    const store = createPostgresStore({ db })
    stack.defer(() => store.close())
    await store.ping()
    queue = createJobQueue({
      name: 'orders',
      store,
      runtime: createRuntime(undefined, SILENT as never),
    })
    for (const block of documentedSql('Roles')) {
      await db.transaction((tx) => tx.runScript(renamed(block)))
    }
  })

  afterAll(async () => {
    await stack.disposeAsync()
    for (const role of ROLES.map(renamed)) {
      await db.query(`drop owned by ${role}`)
      await db.query(`drop role ${role}`)
    }
  })

  function renamed(sql: string): string {
    return sql.replaceAll(/\b(?=(?:jobs_(?:producer|worker|reader)|acme_reader)\b)/g, prefix)
  }

  /** What a reader finds with its own SQL. */
  async function read(
    role: string,
    tenant: string | null,
    sql: string,
  ): Promise<readonly object[]> {
    return await db.transaction(async (tx) => {
      await tx.query(`set local role ${renamed(role)}`)
      if (tenant !== null) await tx.query(`select set_config('cgk.tenant', $1, true)`, [tenant])
      return await tx.query(sql)
    })
  }

  describe('job_status', () => {
    test('says of each job what the queue says', async () => {
      const views = createJobQueue({
        name: 'views',
        store: queue.store,
        runtime: createRuntime(undefined, SILENT as never),
      })
      const group = await views.enqueueGroup(
        [{ job: 'member', payload: {}, options: { delay: 60_000 } }],
        { onAnyFailed: 'nothing', tenantId: 'acme' },
      )
      await views.enqueue('retried', { n: 1 }, { maxAttempts: 2, retryDelay: 60_000 })
      await views.enqueue('failed', {}, { maxAttempts: 1, headers: { a: 'b' } })
      await views.enqueue('completed', { text: 'é' }, { tenantId: 'acme', metadata: { m: 1 } })
      const dequeued = new Map((await views.dequeue(3)).map((job) => [job.name, job]))
      const [retried, failed, completed] = ['retried', 'failed', 'completed'].map((name) =>
        dequeued.get(name),
      )
      await views.acknowledge(retried!, 'failed', new Error('again'))
      await views.acknowledge(failed!, 'failed', new Error('no'))
      await views.acknowledge(completed!, 'completed')
      await views.enqueue('running', {}, { orderingKey: 'o', priority: 3, limiter: 'l' })
      await views.enqueue('cancelled held', {})
      const held = await views.dequeue(2)
      await views.cancelJob(held.find(({ name }) => name === 'cancelled held')!)
      await views.enqueue('pending', [1, 'x'], { jobId: 'mine', uniqueKey: 'u' })
      const { id: gone } = await views.enqueue('cancelled', {})
      await views.cancelJob(gone)

      const { jobs } = jobsSchema()
      const rows = await db.transaction(async (tx) =>
        (await drizzleOn(tx)).select().from(jobs).where(eq(jobs.queue, 'views')),
      )
      const listed = await views.listJobs()
      expect(listed).toHaveLength(8)
      expect(new Set(listed.map(({ status }) => status))).toEqual(
        new Set([
          'scheduled',
          'retrying',
          'failed',
          'completed',
          'running',
          'cancelled',
          'pending',
        ]),
      )
      expect(rows).toHaveLength(8)
      for (const job of listed) {
        const row = rows.find(({ id }) => id === job.id)!
        const shown = {
          ...job,
          payload: JSON.parse(row.payload) as unknown,
          headers: JSON.parse(row.headers ?? '{}') as unknown,
        }
        expect(shown).toEqual(job)
        expect({
          ...row,
          // Policy that the definition presets is not stored.
          maxAttempts: row.maxAttempts ?? job.maxAttempts,
        }).toMatchObject({
          queue: job.queue,
          tenantId: job.tenantId ?? null,
          name: job.name,
          status: job.status,
          priority: job.priority,
          attempts: job.attempts,
          maxAttempts: job.maxAttempts,
          releases: job.releases,
          lostLeases: job.lostLeases,
          generation: job.generation,
          createdAt: job.createdAt,
          updatedAt: job.updatedAt,
          runAt: job.scheduledAt,
          startedAt: job.startedAt ?? null,
          endedAt: (job.completedAt ?? job.failedAt ?? row.endedAt) as Date | null,
          uniqueKey: job.uniqueKey ?? null,
          orderingKey: job.orderingKey ?? null,
          limiter: job.limiter ?? null,
          groupId: job.groupId ?? null,
        })
        expect(row.error?.message).toBe(job.error?.message)
      }
      expect(rows.find(({ name }) => name === 'member')!.groupId).toBe(group.id)
      const { records } = await readRecords(views)
      for (const record of records) {
        const row = rows.find(({ id }) => id === record.id)!
        expect(row).toMatchObject({
          worker: record.worker,
          metadata: record.metadata,
          result: record.result,
          endedAt: record.endedAt === null ? null : new Date(record.endedAt),
        })
      }
    })

    async function readRecords({ name, store }: JobQueue) {
      const { jobs } = await store.list({ queue: name, limit: 100 })
      return { records: jobs }
    }
  })

  describe('a reader', () => {
    beforeAll(async () => {
      for (const tenantId of ['acme', 'other']) {
        await queue.enqueue('ended', {}, { tenantId })
        await queue.enqueue('held', {}, { tenantId })
        await queue.enqueue('waiting', {}, { tenantId })
      }
      await queue.enqueue('nobody', {})
      const jobs = await queue.dequeue(10)
      for (const job of jobs.filter(({ name }) => name === 'ended')) {
        await queue.acknowledge(job, 'completed')
      }
      for (const job of jobs.filter(({ name }) => name === 'waiting' || name === 'nobody')) {
        await queue.acknowledge(job, 'failed')
      }
    })

    const STATUS = `select tenant_id, name, status from jobs.job_status where queue = 'orders' order by 1, 2, 3`

    test.each(['jobs_reader', 'acme_reader'])(
      'sees one tenant and its leases (%s)',
      async (role) => {
        expect(await read(role, 'acme', STATUS)).toEqual([
          { tenant_id: 'acme', name: 'ended', status: 'completed' },
          { tenant_id: 'acme', name: 'held', status: 'running' },
          { tenant_id: 'acme', name: 'waiting', status: 'retrying' },
        ])
      },
    )

    test('sees nothing without a tenant, not even the jobs of nobody', async () => {
      expect(await read('jobs_reader', null, STATUS)).toEqual([])
      expect(await read('jobs_reader', '', STATUS)).toEqual([])
      expect(await read('acme_reader', 'other', STATUS)).toEqual([])
    })

    test.each([
      'select * from jobs.job',
      'select * from jobs.ended',
      'select * from jobs.job_status',
      `select 1 as found from jobs.job where payload like '%' or tenant = 'other'`,
    ])('sees no other tenant with %s', async (text) => {
      const own = await read('jobs_reader', 'acme', text)
      const all = await db.query(text)
      expect(all.length).toBeGreaterThan(own.length)
      const others = own.filter((row) =>
        ['other', ''].includes((row as { tenant?: string }).tenant ?? 'acme'),
      )
      expect(others).toEqual([])
      expect(await read('jobs_reader', null, text)).toEqual([])
    })

    test('sees nothing of leases, which name the jobs of all', async () => {
      expect(await read('jobs_reader', 'acme', 'select * from jobs.lease')).toEqual([])
      expect(await db.query('select * from jobs.lease')).not.toEqual([])
    })

    test.each([
      `update jobs.job set payload = '1'`,
      `delete from jobs.ended`,
      `insert into jobs.queue (name) values ('x')`,
      `select * from jobs.named`,
      `select * from jobs.get_jobs('{orders}', '{other}', '{x}', null, null)`,
      `select * from jobs.count_jobs('orders', 'other')`,
      `create table jobs.x ()`,
    ])('may not %s', async (text) => {
      await expect(read('jobs_reader', 'acme', text)).rejects.toMatchObject({ code: '42501' })
    })

    test('acts for a tenant in withTenantTransaction', async () => {
      const rows = await withTenantTransaction(db, 'other', async (tx) => {
        await tx.query(`set local role ${renamed('jobs_reader')}`)
        return await tx.query(STATUS)
      })
      expect(rows).toHaveLength(3)
    })
  })

  // PGlite has no logins.
  describe.skipIf(kind === 'pglite')('a role that logs in', () => {
    async function login(role: string): Promise<JobQueue> {
      const { options } = await openPlace()
      const name = renamed(role)
      await db.query(`alter role ${name} login password 'secret'`)
      const url = new URL((options as { readonly url: string }).url)
      url.username = name
      url.password = 'secret'
      const own = stack.use(connectPostgres({ url: url.href }))
      const store = createPostgresStore({ db: own, migrate: 'manual' })
      stack.defer(() => store.close())
      expect(await own.query('select current_user::text as name')).toEqual([{ name }])
      return createJobQueue({
        name: `of-${role}`,
        store,
        runtime: createRuntime(undefined, SILENT as never),
        pollInterval: 50,
      })
    }

    test('as a producer may only enqueue', async () => {
      const producer = await login('jobs_producer')
      await producer.enqueue('plain', {})
      await producer.enqueue('named', {}, { jobId: 'n' })
      await producer.enqueue('unique', {}, { uniqueKey: { key: 'u', ifTaken: 'replace' } })
      await producer.enqueueGroup([{ job: 'member', payload: {} }], { onAnyFailed: 'nothing' })
      const seen = createJobQueue({ name: producer.name, store: queue.store })
      expect(await seen.counts()).toMatchObject({ pending: 4 })
      const refusal = { code: 'JOBS_STORE_UNAVAILABLE', cause: { code: '42501' } }
      await expect(producer.counts()).rejects.toMatchObject(refusal)
      await expect(producer.getJob('n')).rejects.toMatchObject(refusal)
      await expect(producer.cancelJob('n')).rejects.toMatchObject(refusal)
      await expect(producer.pause()).rejects.toMatchObject(refusal)
      const { store } = producer
      const claim = { slots: 1, prefetch: 0, leaseMs: 1_000, worker: 'w', suspects: false }
      await expect(store.claim({ queue: producer.name, ...claim })).rejects.toMatchObject(refusal)
      // Not even beside somebody who tries to claim what comes.
      const claims = work(store, producer.name)
      await producer.enqueue('plain', {})
      await expect(claims[0]).rejects.toMatchObject(refusal)
      expect(await seen.counts()).toMatchObject({ pending: 5 })
    })

    test('as a producer wakes those who listen elsewhere', async () => {
      const producer = await login('jobs_producer')
      const heard: (string | null)[] = []
      stack.defer(queue.store.subscribe!((wakeUp) => heard.push(wakeUp.queue)))
      await vi.waitFor(async () => {
        await producer.enqueue('plain', {}, { delay: 3_600_000 })
        await producer.enqueue('plain', {})
        expect(heard).toContain(producer.name)
      })
    })

    test('as a worker may do all that workers and operators do, and no DDL', async () => {
      const worker = await login('jobs_worker')
      const processor = processJobs({ queue: worker, logger: SILENT as never })
      processor.registerHandler('work', async (_, { progress }) => {
        progress(1)
        return { success: true, data: 'done' }
      })
      processor.start()
      try {
        const { id } = await worker.enqueue('work', {})
        expect(await worker.waitFor(id)).toBe('done')
        const group = await worker.enqueueGroup([{ job: 'work', payload: {} }], {
          onAnyFailed: 'nothing',
        })
        await vi.waitFor(async () =>
          expect(await worker.getGroup(group.id)).toHaveProperty('endedAt'),
        )
      } finally {
        await processor.stop()
      }
      await worker.schedule('s', { job: 'work', payload: {}, every: 3_600_000 } as never)
      expect(await worker.schedules.list()).toHaveLength(1)
      await worker.schedules.remove('s')
      await worker.setLimits({ tenantId: 'acme' }, { concurrency: 1 })
      await worker.listLimits()
      await worker.tenants()
      await worker.pause()
      await worker.resume()
      expect(await worker.counts()).toMatchObject({ completed: 2 })
      await worker.removeJobs({ status: 'completed' })
      await worker.store.maintain({ limit: 10 })

      const name = renamed('jobs_worker')
      for (const text of [
        'create table jobs.x ()',
        'alter table jobs.job add x int',
        'drop function jobs.now_ms',
        'select * from jobs.job',
      ]) {
        const attempt = db.transaction(async (tx) => {
          await tx.query(`set local role ${name}`)
          await tx.query(text)
        })
        await expect(attempt).rejects.toMatchObject({ code: '42501' })
      }
    })
  })

  test('functions of the store are nobody’s who was not granted them', async () => {
    const open = await db.query(
      `select p.proname from pg_proc p where p.pronamespace = 'jobs'::regnamespace
       and (p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0))`,
    )
    expect(open).toEqual([])
  })

  test('those that act with the owner’s rights look for tables in the schema first', async () => {
    const unsafe = await db.query(
      `select p.proname from pg_proc p where p.pronamespace = 'jobs'::regnamespace
       and p.prosecdef and not coalesce(p.proconfig::text like '%search_path=jobs, pg_temp%', false)`,
    )
    expect(unsafe).toEqual([])
  })
})
