import { complete, type JobRef, type JobStore } from '@cgk/jobs-core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { testPlace } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 120_000 })

const openPlace = testPlace('local')
const KEPT = 100

async function open() {
  const { db, options } = await openPlace()
  const store = createPostgresStore({
    ...options,
    schema: 'history',
    history: { completed: { maxCount: KEPT } },
  })
  onTestFinished(() => store.close())
  return { db, store }
}

/** Enqueues jobs and completes them. */
async function run(store: JobStore, queue: string, count: number): Promise<readonly JobRef[]> {
  const job = { queue, tenantId: null, name: 'work', payload: '{"text":"x"}', priority: 0 }
  const results = await store.enqueue(Array.from({ length: count }, () => job))
  const { jobs } = await store.claim({
    queue,
    slots: count,
    prefetch: 0,
    leaseMs: 60_000,
    worker: 'w',
    suspects: false,
  })
  await store.settle({ settlements: jobs.map((claimed) => complete(claimed)) })
  return results.map((result) => {
    if (result.status !== 'enqueued') throw new Error('expected a new job')
    return { queue, tenantId: null, id: result.id }
  })
}

async function keeps(store: JobStore, refs: readonly JobRef[]): Promise<number> {
  return (await store.get(refs)).filter((record) => record !== null).length
}

test('of many jobs the newest are kept, on little room, and a slow queue loses none for it', async () => {
  const { db, store } = await open()
  const slow: JobRef[] = []
  const parts = new Set<number>()
  let most = 0
  let newest: readonly JobRef[] = []
  for (let round = 0; round < 60; round += 1) {
    newest = await run(store, 'busy', 1_000)
    if (round % 5 === 0) slow.push(...(await run(store, 'slow', 1)))
    await store.maintain({ limit: 1_000 })
    const [ring] = await db.query<{ part: number; rows: bigint }>(
      'select part, (select count(*) from history.done) as rows from history.done_ring',
    )
    parts.add(ring!.part)
    most = Math.max(most, Number(ring!.rows))
  }

  // Written to in turn, and emptied of jobs of the slow queue.
  expect(parts.size).toBeGreaterThan(1)
  expect(most).toBeLessThan(30_000)
  expect(await keeps(store, slow)).toBe(slow.length)
  expect(await keeps(store, newest)).toBeGreaterThanOrEqual(KEPT)
  expect((await store.counts({ queue: 'busy' })).completed).toBeLessThan(20_000)
})

test('who reads history while it is let go keeps nobody waiting', async () => {
  const { db, store } = await open()
  await db.transaction(async (tx) => {
    await tx.query('select count(*) from history.done')
    for (let round = 0; round < 15; round += 1) {
      await run(store, 'busy', 1_000)
      await store.maintain({ limit: 1_000 })
    }
  })
  const newest = await run(store, 'busy', KEPT)
  await store.maintain({ limit: 1_000 })
  expect(await keeps(store, newest)).toBe(KEPT)
})

test('an operator removes a completed job', async () => {
  const { store } = await open()
  const refs = await run(store, 'removed', 3)
  expect(await store.remove([refs[1]!])).toMatchObject([{ status: 'changed' }])
  expect((await store.get(refs)).map((record) => record !== null)).toEqual([true, false, true])
})
