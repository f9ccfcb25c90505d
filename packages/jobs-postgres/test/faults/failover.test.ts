import { createJobQueue, createRuntime } from '@cgk/jobs-core'
import { connectPostgres } from '@cgk/db'
import { createTestPair, type PostgresPair } from '@cgk/test-servers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPostgresStore } from '../../src/index.ts'
import { newJobs, PATIENCE, QUEUE, recordsOf, untilDone, untilIdle } from './support/jobs.ts'
import { Producer } from './support/producer.ts'
import { WorkerProcess } from './support/worker-process.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 600_000 })

let pair: PostgresPair
let stack: AsyncDisposableStack

beforeEach(async ({ skip }) => {
  stack = new AsyncDisposableStack()
  pair = stack.use(await createTestPair('local', skip))
  await using db = connectPostgres({ url: pair.primary.url })
  // What is acknowledged is on both.
  await db.query(`alter system set synchronous_standby_names = '*'`)
  await db.query('select pg_reload_conf()')
})
afterEach(() => stack.disposeAsync())

function open(url: string) {
  const store = createPostgresStore({ url })
  stack.defer(() => store.close())
  return store
}

/** Lists the two, the first of them to be tried first. */
function hosts(first: string, second: string): string {
  return first.replace(new URL(first).host, `${new URL(first).host},${new URL(second).host}`)
}

/** The standby has all that the primary was told. */
async function untilFollowed(): Promise<void> {
  await using primary = connectPostgres({ url: pair.primary.url })
  await using standby = connectPostgres({ url: pair.standby.url })
  const [row] = await primary.query(`select pg_current_wal_lsn()::text as at`)
  await vi.waitFor(async () => {
    const behind = 'select pg_last_wal_replay_lsn() < $1::text::pg_lsn as behind'
    expect(await standby.query(behind, [String(row!['at'])])).toEqual([{ behind: false }])
  }, PATIENCE)
}

test('when the primary is gone for ever, workers and producers go on at the standby that is promoted', async () => {
  const url = hosts(pair.primary.url, pair.standby.url)
  const store = open(url)
  await store.ping()
  const producer = new Producer(store, { ms: 5 })
  await using worker = new WorkerProcess({ name: 'worker', store: { url } })
  await vi.waitFor(() => expect(worker.begun.length).toBeGreaterThan(50), PATIENCE)

  await pair.primary.stop('kill')
  // They meet the standby while it only reads.
  await vi.waitFor(() => expect(worker.told.join('\n')).toContain('25006'), PATIENCE)
  const [enqueued, begun] = [producer.acknowledged.length, worker.begun.length]
  await pair.standby.promote()
  await vi.waitFor(() => {
    expect(producer.acknowledged.length).toBeGreaterThan(enqueued + 50)
    expect(worker.begun.length).toBeGreaterThan(begun + 50)
  }, PATIENCE)
  await producer.stop()
  await untilIdle(store)

  expect(worker.isRunning).toBe(true)
  const records = await recordsOf(store, producer.acknowledged)
  expect(records.filter((record) => record?.state !== 'completed')).toEqual([])
})

test('a primary that says nothing any more is left for the standby that is promoted', async () => {
  const url = hosts(pair.primary.url, pair.standby.url)
  const store = open(url)
  await store.ping()
  const runtime = createRuntime(undefined, { warn() {}, error() {} })
  const queue = createJobQueue({ name: QUEUE, store, runtime })
  await using worker = new WorkerProcess({ name: 'worker', store: { url } })
  await queue.enqueue('work', { ms: 0 }, { jobId: 'before' })
  await vi.waitFor(() => expect(worker.begun).toEqual(['before']), PATIENCE)
  await untilIdle(store)
  await untilFollowed()

  await pair.primary.pause()
  await pair.standby.promote()
  await untilDone(() => queue.enqueue('work', { ms: 0 }, { jobId: 'after' }))
  await vi.waitFor(() => expect(worker.begun).toEqual(['before', 'after']), PATIENCE)
  await untilIdle(store)
})

test('a call that meets a server that only reads is refused with a retryable error, and its repeat finds the other', async () => {
  await open(pair.primary.url).enqueue(newJobs(1, 'first'))
  await untilFollowed()
  const store = open(hosts(pair.standby.url, pair.primary.url))
  await expect(store.enqueue(newJobs(1, 'second'))).rejects.toMatchObject({
    code: 'JOBS_STORE_UNAVAILABLE',
    retryable: true,
    cause: { code: '25006' },
  })
  expect(await store.enqueue(newJobs(1, 'second'))).toMatchObject([{ status: 'enqueued' }])
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 2 })
})

test('at a standby every call that writes says so until it is promoted, and then none does', async () => {
  await open(pair.primary.url).enqueue(newJobs(1, 'first'))
  await untilFollowed()
  const store = open(pair.standby.url)
  await using worker = new WorkerProcess({ name: 'worker', store: { url: pair.standby.url } })
  await vi.waitFor(() => expect(worker.told.join('\n')).toContain('25006'), PATIENCE)
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 1 })
  const refusal = { code: 'JOBS_STORE_UNAVAILABLE', retryable: true, cause: { code: '25006' } }
  const ref = { queue: QUEUE, tenantId: null, id: 'first-0' }
  for (const call of [
    () => store.enqueue(newJobs(1, 'second')),
    () => store.cancel([ref]),
    () => store.maintain({ limit: 1 }),
    () => store.pause({ queue: QUEUE }),
  ]) {
    await expect(call()).rejects.toMatchObject(refusal)
  }

  await pair.standby.promote()
  await untilDone(() => store.enqueue(newJobs(1, 'second')))
  await untilIdle(store)
  expect(worker.begun.toSorted()).toEqual(['first-0', 'second-0'])
})

test('who listens at a standby goes on to the primary, and leaves no connection behind', async () => {
  await using db = connectPostgres({ url: hosts(pair.standby.url, pair.primary.url) })
  const onNotify = vi.fn()
  await expect(db.listen('news', { onNotify })).rejects.toMatchObject({ code: '25006' })
  await db.listen('news', { onNotify })
  await using primary = connectPostgres({ url: pair.primary.url })
  await primary.query(`select pg_notify('news', 'told')`)
  await vi.waitFor(() => expect(onNotify).toHaveBeenCalledWith('told'), PATIENCE)
  await using standby = connectPostgres({ url: pair.standby.url })
  await vi.waitFor(async () => {
    const left = `select query from pg_stat_activity where query ilike 'listen%'`
    expect(await standby.query(left)).toEqual([])
  }, PATIENCE)
})
