import type { JobStore } from '@cgk/jobs-core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { testPlace } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const openPlace = testPlace('local')

/** Past which virtual times begin anew; see `claim`. */
const FAR = 2n ** 61n

test('virtual times that begin anew change nobody’s turn', async () => {
  const { db, options } = await openPlace()
  const store = createPostgresStore({ ...options, schema: 'virtual_times' })
  onTestFinished(() => store.close())
  const turns: (readonly string[])[] = []
  for (const queue of ['new', 'old']) {
    for (const [tenantId, weight] of [
      ['light', 1],
      ['heavy', 5],
      ['gone', 1],
      ['keyed', 2],
    ] as const) {
      await store.setLimits([
        { scope: { queue, tenantId }, source: 'operator', limits: { weight } },
      ])
    }
    await enqueue(store, queue, 'gone', 3)
    await enqueue(store, queue, 'light', 100)
    await enqueue(store, queue, 'heavy', 100)
    await enqueue(store, queue, 'keyed', 100, 'key')
    const before = await claim(store, queue, 30)
    if (queue === 'old') {
      await db.query(
        `update virtual_times.tick set v = v + ${FAR} where queue = (select id from virtual_times.queue where name = 'old')`,
      )
      await db.query(
        `update virtual_times.lane set vt = vt + ${FAR} where queue = (select id from virtual_times.queue where name = 'old')`,
      )
    }
    const between = await claim(store, queue, 40)
    // Who was away stands behind the present, wherever that is.
    await enqueue(store, queue, 'gone', 50)
    await enqueue(store, queue, 'late', 50)
    turns.push([...before, ...between, ...(await claim(store, queue, 400))])
  }

  const [plain, rebased] = turns
  expect(new Set(plain)).toEqual(new Set(['light', 'heavy', 'gone', 'keyed', 'late']))
  expect(rebased).toEqual(plain)
  const latest = await db.query(
    `select max(vt) < ${FAR} as is_low from virtual_times.lane
     where queue = (select id from virtual_times.queue where name = 'old')`,
  )
  expect(latest).toEqual([{ is_low: true }])
})

async function enqueue(
  store: JobStore,
  queue: string,
  tenantId: string,
  count: number,
  orderingKey?: string,
): Promise<void> {
  const jobs = Array.from({ length: count }, (_, n) => ({
    queue,
    tenantId,
    name: 'work',
    payload: '1',
    priority: 0,
    ...(orderingKey !== undefined && { orderingKey: `${orderingKey} ${n}` }),
  }))
  await store.enqueue(jobs)
}

/** Claims seven at a time, and says whose they are. */
async function claim(store: JobStore, queue: string, most: number): Promise<readonly string[]> {
  const tenants: string[] = []
  while (tenants.length < most) {
    const slots = Math.min(7, most - tenants.length)
    const { jobs } = await store.claim({
      queue,
      slots,
      prefetch: 0,
      leaseMs: 600_000,
      worker: 'w',
      suspects: false,
    })
    if (jobs.length === 0) return tenants
    tenants.push(...jobs.map((job) => job.tenantId!))
  }
  return tenants
}
