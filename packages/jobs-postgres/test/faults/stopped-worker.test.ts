import { complete, type JobRecord } from '@cgk/jobs-core'
import { connectPostgres } from '@cgk/db'
import { createTestDatabase } from '@cgk/test-servers'
import { expect, test, vi } from 'vitest'
import { createPostgresStore } from '../../src/index.ts'
import { completeAttempt } from '../../src/operations/complete-attempt.ts'
import { claimRequest, newJobs, PATIENCE, recordsOf, untilIdle } from './support/jobs.ts'
import { WorkerProcess } from './support/worker-process.ts'

vi.setConfig({ testTimeout: 60_000 })

test('a worker stopped for longer than its lease has lost its jobs to others, is told so, and works on', async () => {
  await using database = await createTestDatabase('local')
  const options = { url: database.url }
  await using stack = new AsyncDisposableStack()
  const store = createPostgresStore(options)
  stack.defer(() => store.close())
  const payload = '{"ms":400}'
  await store.enqueue(newJobs(4, 'held', { payload }))
  await using stopped = new WorkerProcess({ name: 'stopped', store: options, maxConcurrency: 4 })
  await vi.waitFor(() => expect(stopped.begun).toHaveLength(4), PATIENCE)
  stopped.signal('SIGSTOP')

  await using other = new WorkerProcess({ name: 'other', store: options, maxConcurrency: 4 })
  await store.enqueue(newJobs(4, 'later', { payload }))
  await untilIdle(store)
  const others = ['later-0', 'later-1', 'later-2', 'later-3']
  expect(new Set(other.begun)).toEqual(new Set([...stopped.begun, ...others]))
  const before = await recordsOf(store, stopped.begun)
  stopped.signal('SIGCONT')

  await vi.waitFor(
    () => expect(stopped.lost.toSorted()).toEqual(stopped.begun.toSorted()),
    PATIENCE,
  )
  const after = await recordsOf(store, stopped.begun)
  expect(after).toEqual(before)
  expect(
    (after as readonly JobRecord[]).map(({ lostLeases, result }) => [lostLeases, result]),
  ).toEqual(stopped.begun.map(() => [1, '{"by":"other"}']))

  await other.kill()
  await store.enqueue(newJobs(4, 'last'))
  await untilIdle(store)
  expect(stopped.begun.slice(4).toSorted()).toEqual(['last-0', 'last-1', 'last-2', 'last-3'])
})

test('a settlement with a lease that was taken back is lost, before and after the job was done by another', async () => {
  await using database = await createTestDatabase('local')
  await using stack = new AsyncDisposableStack()
  const store = createPostgresStore({ url: database.url })
  stack.defer(() => store.close())
  await store.enqueue(newJobs(1, 'job'))
  const { jobs: stale } = await store.claim(claimRequest({ leaseMs: 1, worker: 'stopped' }))
  const lost = { results: ['lost'], claimed: null }
  const settleStale = () => store.settle({ settlements: [complete(stale[0]!, '"stale"')] })
  await vi.waitFor(async () => {
    expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 1 })
  })
  expect(await settleStale()).toEqual(lost)
  const { jobs } = await store.claim(claimRequest({ suspects: true, worker: 'other' }))
  expect(await settleStale()).toEqual(lost)
  await store.settle({ settlements: [complete(jobs[0]!, '"done"')] })
  expect(await settleStale()).toEqual(lost)
  expect(await recordsOf(store, ['job-0'])).toMatchObject([
    { state: 'completed', result: '"done"', worker: 'other', attempts: 1, lostLeases: 1 },
  ])
})

test('a worker stopped in the middle of a commit keeps its own job, and holds up no other', async () => {
  await using database = await createTestDatabase('local')
  await using db = connectPostgres({ url: database.url })
  await using stack = new AsyncDisposableStack()
  const store = createPostgresStore({ url: database.url })
  stack.defer(() => store.close())
  await store.enqueue(newJobs(4, 'job'))
  const expiring = await store.claim(claimRequest({ slots: 2, leaseMs: 1 }))
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>()
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  // As the server sees it: the transaction is open, and nothing more comes.
  const transaction = db.transaction(async (tx) => {
    await completeAttempt('jobs', tx, complete(expiring.jobs[0]!))
    stop()
    await over
    throw new Error('the worker never came back')
  })
  await stopped

  const inTime = () => ({ signal: AbortSignal.timeout(3_000) })
  const [upkeep, { jobs }] = await Promise.all([
    store.maintain({ limit: 10 }, inTime()),
    store.claim(claimRequest({ slots: 1 }), inTime()),
  ])
  expect(jobs.map(({ id }) => id)).toEqual(['job-2'])
  await store.settle({ settlements: [complete(jobs[0]!)] }, inTime())
  expect(upkeep).toMatchObject({ reclaimed: 0 })

  end()
  await expect(transaction).rejects.toThrow('never came back')
  expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 2 })
  expect(await recordsOf(store, ['job-0', 'job-1'])).toMatchObject([
    { state: 'pending', lostLeases: 1 },
    { state: 'pending', lostLeases: 1 },
  ])
})
