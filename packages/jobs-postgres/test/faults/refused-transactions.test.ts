import { complete, createJobQueue, type JobStore } from '@cgk/jobs-core'
import { connectPostgres, type Db } from '@cgk/db'
import { createTestDatabase } from '@cgk/test-servers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createPostgresStore, withTransaction } from '../../src/index.ts'
import { claimRequest, newJobs, PATIENCE, QUEUE } from './support/jobs.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

let stack: AsyncDisposableStack
let url: string
let db: Db
let store: JobStore

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  url = stack.use(await createTestDatabase('local')).url
  db = stack.use(connectPostgres({ url }))
  store = createPostgresStore({ url })
  stack.defer(() => store.close())
  await store.ping()
})
afterEach(() => stack.disposeAsync())

/** The next `times` statements that write to a table are rolled back by the server. */
async function refuseWrites(table: string, sqlstate: string, times: number): Promise<void> {
  await db.transaction((tx) =>
    tx.runScript(`
      create sequence refused;
      create function refuse() returns trigger language plpgsql as $$
      begin
        if nextval('public.refused') <= ${times} then
          raise exception 'refused' using errcode = '${sqlstate}';
        end if;
        return null;
      end $$;
      create trigger refuse before insert or delete on jobs.${table} execute function refuse();`),
  )
}

describe.each([
  ['a serialization failure', '40001'],
  ['a deadlock', '40P01'],
])('what the server rolled back because of %s', (_, sqlstate) => {
  test('is done again: an enqueue', async () => {
    await refuseWrites('job', sqlstate, 3)
    expect(await store.enqueue(newJobs(2, 'job'))).toMatchObject([
      { status: 'enqueued' },
      { status: 'enqueued' },
    ])
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 2 })
  })

  test('is done again: a claim, and a settlement with the next', async () => {
    await store.enqueue(newJobs(4, 'job'))
    await refuseWrites('lease', sqlstate, 3)
    const { jobs } = await store.claim(claimRequest({ slots: 2 }))
    expect(jobs.map(({ id, attempts }) => [id, attempts])).toEqual([
      ['job-0', 1],
      ['job-1', 1],
    ])
    await db.query('alter sequence refused restart')
    const settlements = jobs.map((job) => complete(job))
    const { results, claimed } = await store.settle({ settlements, claim: claimRequest() })
    expect(results).toEqual(['settled', 'settled'])
    // What was claimed beside a settlement that was refused is given back first.
    const found = [...claimed!.jobs]
    await vi.waitFor(async () => {
      found.push(...(await store.claim(claimRequest())).jobs)
      expect(found).toHaveLength(2)
    }, PATIENCE)
    expect(found.map(({ id, attempts }) => [id, attempts])).toEqual([
      ['job-2', 1],
      ['job-3', 1],
    ])
  })

  test('again and again ends in a retryable error, and is not there', async () => {
    await refuseWrites('job', sqlstate, 1_000)
    await expect(store.enqueue(newJobs(1, 'job'))).rejects.toMatchObject({
      code: 'JOBS_STORE_UNAVAILABLE',
      retryable: true,
      cause: { code: sqlstate },
    })
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0 })
  })
})

test('of two producers who wait for each other the store gives way, and is served after the other', async () => {
  const queue = createJobQueue({ name: QUEUE, store })
  const payload = { ms: 0 }
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: goesOn, resolve: goOn } = Promise.withResolvers<void>()
  const caller = db.transaction(async (tx) => {
    const { enqueue } = withTransaction(queue, tx)
    await enqueue('work', payload, { jobId: 'job-1' })
    begin()
    await goesOn
    await enqueue('work', payload, { jobId: 'job-0' })
  })
  await begun
  // It has job-0, and waits for job-1.
  const enqueued = store.enqueue(newJobs(2, 'job'))
  await vi.waitFor(async () => {
    const waiting = `select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like '%enqueue_jobs%'`
    expect(await db.query(waiting)).toHaveLength(1)
  }, PATIENCE)
  goOn()
  await caller
  expect(await enqueued).toMatchObject([{ status: 'existing' }, { status: 'existing' }])
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 2 })
})

test('a database whose transactions are repeatable read by default refuses nobody for it', async () => {
  const [row] = await db.query('select current_database() as name')
  const name = String(row!['name'])
  await db.query(`alter database ${name} set default_transaction_isolation = 'repeatable read'`)
  const stores = Array.from({ length: 3 }, () => createPostgresStore({ url }))
  for (const each of stores) stack.defer(() => each.close())
  const claims = new Map<string, number>()
  const work = async (worker: JobStore): Promise<void> => {
    while (claims.size < 300) {
      const { jobs } = await worker.claim(claimRequest({ slots: 3 }))
      for (const { id } of jobs) claims.set(id, (claims.get(id) ?? 0) + 1)
      const { results } = await worker.settle({ settlements: jobs.map((job) => complete(job)) })
      expect(results).toEqual(jobs.map(() => 'settled'))
    }
  }
  const working = Promise.all(stores.map((each) => work(each)))
  for (let call = 0; call < 60; call += 1) await stores[0]!.enqueue(newJobs(5, `call-${call}`))
  await working
  expect([...claims.values()].filter((times) => times !== 1)).toEqual([])
})
