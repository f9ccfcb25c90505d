import { complete, type JobStore, release } from '@cgk/jobs-core'
import { connectPostgres } from '@cgk/db'
import { createTestInstance } from '@cgk/test-servers'
import { expect, test, vi } from 'vitest'
import { createPostgresStore } from '../../src/index.ts'
import { completeAttempt } from '../../src/operations/complete-attempt.ts'
import { claimRequest, newJobs, QUEUE, untilDone } from './support/jobs.ts'

vi.setConfig({ testTimeout: 300_000 })

/** A store on a server that writes what nobody waits for to the disk as late as it can. */
async function openStore(stack: AsyncDisposableStack, skip: (note: string) => never) {
  const server = stack.use(await createTestInstance('local', skip))
  const db = stack.use(connectPostgres({ url: server.url }))
  await db.query(`alter system set wal_writer_delay = '10s'`)
  await db.query('select pg_reload_conf()')
  const store = createPostgresStore({ url: server.url })
  stack.defer(() => store.close())
  await store.ping()
  const crash = async () => {
    await server.stop('immediate')
    await server.start()
  }
  return { db, store, crash }
}

/** Claims, and loses it; repeated where the server happened to have written it. */
async function claimInVain(store: JobStore, crash: () => Promise<void>) {
  for (;;) {
    const { jobs } = await untilDone(() => store.claim(claimRequest({ worker: 'first' })))
    await crash()
    const { running } = await untilDone(() => store.counts({ queue: QUEUE }))
    if (running === 0) return jobs
    await store.settle({ settlements: jobs.map((job) => release(job)) })
  }
}

test('a claim that a crash of the server took is as one whose lease expired: its jobs wait, and nothing that was claimed with it is settled', async ({
  skip,
}) => {
  await using stack = new AsyncDisposableStack()
  const { db, store, crash } = await openStore(stack, skip)
  await store.enqueue(newJobs(3, 'job'))
  const stale = await claimInVain(store, crash)

  expect(stale).toHaveLength(3)
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 3, running: 0 })
  const isRefused = async () => {
    expect(await store.extend({ leases: stale, leaseMs: 30_000 })).toEqual(stale.map(() => 'lost'))
    const settlements = stale.map((job) => complete(job, '"first"'))
    expect((await store.settle({ settlements })).results).toEqual(stale.map(() => 'lost'))
    const committed = db.transaction((tx) => completeAttempt('jobs', tx, settlements[0]!))
    expect(await committed).toMatchObject({ result: 'lost' })
  }
  await isRefused()

  // Of the same turns: no row of a job tells the second claim from the first.
  const { jobs } = await store.claim(claimRequest({ worker: 'second' }))
  expect(jobs.map(({ id }) => id)).toEqual(stale.map(({ id }) => id))
  await isRefused()
  const settlements = jobs.map((job) => complete(job, '"second"'))
  expect((await store.settle({ settlements })).results).toEqual(jobs.map(() => 'settled'))
  await isRefused()
  const records = await store.get(jobs)
  expect(records.map((record) => record?.result)).toEqual(jobs.map(() => '"second"'))
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, completed: 3 })
})

test('what is settled takes the claim to the disk with it', async ({ skip }) => {
  await using stack = new AsyncDisposableStack()
  const { store, crash } = await openStore(stack, skip)
  await store.enqueue(newJobs(3, 'job'))
  const { jobs } = await store.claim(claimRequest())
  const [first, ...others] = jobs.map((job) => complete(job))
  await store.settle({ settlements: [first!] })
  await crash()

  const counts = await untilDone(() => store.counts({ queue: QUEUE }))
  expect(counts).toMatchObject({ pending: 0, running: 2, completed: 1 })
  expect((await store.settle({ settlements: others })).results).toEqual(['settled', 'settled'])
})
