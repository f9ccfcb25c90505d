import { complete, type JobStore, type NewJob } from '@cgk/jobs-core'
import { connectPostgres, type Db } from '@cgk/db'
import { createTestDatabase } from '@cgk/test-servers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPostgresStore } from '../../src/index.ts'
import { claimRequest, QUEUE } from './support/jobs.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

/** Waiting jobs, and how many of them a call is about. */
const BACKLOG = 20_000
const BATCH = 1_000

/**
 * Rows and index entries that a call may look at for each of its jobs: some times as many as it does. Who walks
 * once over all jobs looks at 20 more, and who does so for each job at 20,000.
 */
const ENQUEUE_LOOKS = 20
const SETTLE_LOOKS = 10

/** The same of a claim of lanes of which each has its first turn. */
const TURN_LOOKS = 20

let stack: AsyncDisposableStack
/** The store's, of one connection: its plans are made once, while every table is empty and nothing is known of it. */
let db: Db
let store: JobStore
/** Looks on. */
let other: Db

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const { url } = stack.use(await createTestDatabase('local'))
  db = stack.use(connectPostgres({ url, maxConnections: 1 }))
  other = stack.use(connectPostgres({ url }))
  store = createPostgresStore({ db })
  stack.defer(() => store.close())
  await store.ping()
  await other.transaction((tx) =>
    tx.runScript(`do $$ declare t regclass; begin
      for t in select oid from pg_class where relnamespace = 'jobs'::regnamespace and relkind = 'r' loop
        execute format('alter table %s set (autovacuum_enabled = off)', t);
      end loop;
    end $$;`),
  )
})
afterEach(() => stack.disposeAsync())

/** Rows and index entries that were looked at so far. */
async function looks(): Promise<number> {
  await db.query('select pg_stat_force_next_flush()')
  const [row] = await other.query<{ looks: number }>(
    `select (select sum(seq_tup_read) from pg_stat_user_tables where schemaname = 'jobs')::float8
       + (select sum(idx_tup_read) from pg_stat_user_indexes where schemaname = 'jobs')::float8 as looks`,
  )
  return row!.looks
}

/** What a call answers, which may look at so much for each job of a batch. */
async function within<T>(most: number, call: () => Promise<T>): Promise<T> {
  const before = await looks()
  const result = await call()
  expect(((await looks()) - before) / BATCH).toBeLessThan(most)
  return result
}

async function claim(slots: number) {
  const { jobs } = await store.claim(claimRequest({ slots }))
  expect(jobs).toHaveLength(slots)
  return jobs
}

async function settle(jobs: Awaited<ReturnType<typeof claim>>): Promise<void> {
  const { results } = await store.settle({ settlements: jobs.map((job) => complete(job)) })
  expect(results.every((result) => result === 'settled')).toBe(true)
}

const JOB: NewJob = { queue: QUEUE, tenantId: null, name: 'work', payload: '1', priority: 0 }
const ofTenants = (n: number): NewJob => ({ ...JOB, tenantId: `t${n % 2_000}` })

/** With what a claim may look at; jobs with a key are claimed one by one. */
const KINDS: readonly [string, number, (n: number) => NewJob][] = [
  ['without a tenant', 15, () => JOB],
  ['with ids', 15, (n) => ({ ...JOB, jobId: `job-${n}` })],
  ['of 2,000 tenants', 60, ofTenants],
  ['of 2,000 tenants with limits', 90, ofTenants],
  ['of 2,000 tenants with limiters', 400, (n) => ({ ...ofTenants(n), limiter: 'api' })],
  ['with keys', 1_500, (n) => ({ ...JOB, concurrencyKey: `k${n}`, concurrencyLimit: 1 })],
]

test.each(KINDS)(
  'plans made for empty tables are good for 20,000 jobs %s',
  async (kind, claimLooks, jobOf) => {
    if (kind.endsWith('limits')) {
      const scope = { queue: QUEUE, tenantId: '*' }
      await store.setLimits([{ scope, source: 'operator', limits: { concurrency: 1_000 } }])
    }
    const jobs = Array.from({ length: BACKLOG + 1 }, (_, n) => jobOf(n))
    await store.enqueue(jobs.splice(0, 1))
    await settle(await claim(1))

    while (jobs.length > BATCH) await store.enqueue(jobs.splice(0, BATCH))
    await within(ENQUEUE_LOOKS, () => store.enqueue(jobs))
    // The first takes in what has come.
    await settle(await claim(1))
    const claimed = await within(claimLooks, () => claim(BATCH))
    await within(SETTLE_LOOKS, () => settle(claimed))
  },
)

test('neither mail that was read nor lanes that had their turn are looked at again, whatever others hold', async () => {
  const slots = 50
  const jobs = Array.from({ length: 2_000 }, (_, n) => ofTenants(n))
  while (jobs.length > 0) await store.enqueue(jobs.splice(0, BATCH))

  await other.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read')
    await tx.query('select pg_current_xact_id()')
    for (let claimed = 0; claimed < 1_500; claimed += slots) await claim(slots)
    const before = await looks()
    await claim(slots)
    expect(((await looks()) - before) / slots).toBeLessThan(TURN_LOOKS)
  })
})
