import type { JobStore } from '@cgk/jobs-core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { testPlace } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const openPlace = testPlace('local')
const TENANTS = ['one', 'two']
/** More than stand in a lane itself. */
const RANGES = 30
const JOBS_OF_RANGE = 3

test('ranges of a lane are gone as soon as they have been passed, and none before', async () => {
  const { db, options } = await openPlace()
  const store = createPostgresStore({ ...options, schema: 'passed_ranges' })
  onTestFinished(() => store.close())
  for (let range = 0; range < RANGES; range += 1) {
    for (const tenantId of TENANTS) {
      const job = { queue: 'default', tenantId, name: 'work', payload: `${range}`, priority: 0 }
      await store.enqueue(Array.from({ length: JOBS_OF_RANGE }, () => job))
    }
  }
  const claimed = new Map(TENANTS.map((tenantId) => [tenantId, [] as number[]]))
  for (let jobs = await claim(store); jobs.length > 0; jobs = await claim(store)) {
    for (const { tenantId, payload } of jobs) claimed.get(tenantId!)!.push(Number(payload))
    const left = [...claimed.values()].map(
      (ranges) => RANGES - Math.floor(ranges.length / JOBS_OF_RANGE),
    )
    const stored = await db.query('select count(*)::int as n from passed_ranges.span')
    expect(stored).toEqual([{ n: left.reduce((sum, count) => sum + count, 0) }])
  }
  const inOrder = Array.from({ length: RANGES * JOBS_OF_RANGE }, (_, n) =>
    Math.floor(n / JOBS_OF_RANGE),
  )
  expect([...claimed.values()]).toEqual([inOrder, inOrder])
})

/** As few that most claims end within a range, and some pass several. */
async function claim(store: JobStore) {
  const request = { queue: 'default', leaseMs: 600_000, worker: 'w', suspects: false }
  return (await store.claim({ ...request, slots: 7, prefetch: 0 })).jobs
}
