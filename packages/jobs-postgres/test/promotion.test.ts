import type { ClaimedJob, JobStore } from '@cgk/jobs-core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { testPlace } from './support/test-place.ts'
import { TestSchema } from './support/test-schema.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 120_000 })

const openPlace = testPlace('local')
const QUEUE = 'default'
const COUNT = 25_000

/** How many ranges of jobs, or jobs with a key, whose time has come a claim takes in. */
const MOST_PLAIN = 10_000n
const MOST_GOVERNED = 1_000n

test.each([
  { what: 'jobs', table: 'delayed', count: COUNT, most: MOST_PLAIN, key: false },
  { what: 'jobs with keys', table: 'governed', count: 2_500, most: MOST_GOVERNED, key: true },
])(
  'of many $what that come due at once a claim takes in a part, and others wait for none of them',
  async ({ table, count, most, key }) => {
    const { db, options } = await openPlace()
    const schema = await TestSchema.create(db, `promotion_${table}`)
    const store = createPostgresStore({ ...options, schema: schema.name, migrate: 'manual' })
    onTestFinished(() => store.close())
    const job = { queue: QUEUE, tenantId: 'many', name: 'work', payload: '1', priority: 0 }
    await store.enqueue(
      // No two of which neighbours are due together.
      Array.from({ length: count }, (_, n) => ({
        ...job,
        delayMs: 1_000 + ((n * 7_919) % count),
        ...(key && { concurrencyKey: `${n % 3}`, concurrencyLimit: count }),
      })),
    )
    while ((await claim(store, 10)).nextDueInMs === 0); // News is taken in by parts as well.
    const yetToCome = async () => {
      const where = key ? 'where state = 0' : ''
      const [row] = await db.query<{ left: bigint }>(
        `select count(*) as left from ${schema.name}.${table} ${where}`,
      )
      return row!.left
    }
    expect(await yetToCome()).toBe(BigInt(count))

    await schema.setClock(schema.now + 1_000 + count)
    await store.enqueue([{ ...job, tenantId: 'other' }])
    const first = await claim(store, 10)
    expect(await yetToCome()).toBe(BigInt(count) - most)
    expect(first.jobs.map(({ tenantId }) => tenantId)).toContain('other')
    expect(first.nextDueInMs).toBe(0)

    const claimed = first.jobs.filter(({ tenantId }) => tenantId === 'many')
    for (let claims = 0; claimed.length < count && claims < 100; claims += 1) {
      claimed.push(...(await claim(store, 1_000)).jobs)
    }
    expect(claimed).toHaveLength(count)
    expect(runAts(claimed)).toEqual(runAts(claimed).toSorted((a, b) => a - b))
  },
)

test('of many that were put off and are gone a claim passes over a part, and then says when to look again', async () => {
  const { db, options } = await openPlace()
  const schema = await TestSchema.create(db, 'promotion_gone')
  const store = createPostgresStore({ ...options, schema: schema.name, migrate: 'manual' })
  onTestFinished(() => store.close())
  const job = { queue: QUEUE, tenantId: 'many', name: 'work', payload: '1', priority: 0 }
  const count = 2_500
  const enqueued = await store.enqueue(
    // No two of which neighbours are due together.
    Array.from({ length: count }, (_, n) => ({ ...job, delayMs: 1_000 + ((n * 7_919) % count) })),
  )
  while ((await claim(store, 10)).nextDueInMs === 0); // News is taken in by parts as well.
  const last = schema.now + 1_000 + count - 1
  const gone = enqueued.flatMap((each) =>
    each.status === 'enqueued' && each.runAt !== last ? [each.id] : [],
  )
  for (let from = 0; from < gone.length; from += 1_000) {
    const ids = gone.slice(from, from + 1_000)
    await store.cancel(ids.map((id) => ({ queue: QUEUE, tenantId: 'many', id })))
  }

  const seen: (number | null)[] = []
  for (let claims = 0; claims < 4; claims++) seen.push((await claim(store, 10)).nextDueInMs)
  const [row] = await db.query<{ left: bigint }>(
    `select count(*) as left from ${schema.name}.delayed`,
  )
  expect(row!.left).toBe(1n)
  expect(seen).toEqual([1_999, 2_999, 3_499, 3_499])
})

function runAts(jobs: readonly ClaimedJob[]): number[] {
  return jobs.map(({ runAt }) => runAt)
}

function claim(store: JobStore, slots: number) {
  return store.claim({
    queue: QUEUE,
    slots,
    prefetch: 0,
    leaseMs: 600_000,
    worker: 'w',
    suspects: false,
  })
}
