import type { ClaimResult, JobStore, NewJob } from '@cgk/jobs-core'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { type PlaceKind, testPlace } from './support/test-place.ts'
import { TestSchema } from './support/test-schema.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const QUEUE = 'default'

describe.each<PlaceKind>(['local', 'embedded', 'pglite'])('on %s', (kind) => {
  const openPlace = testPlace(kind)

  async function open(name: string) {
    const { db, options } = await openPlace()
    const schema = await TestSchema.create(db, name)
    const store = createPostgresStore({ ...options, schema: schema.name, migrate: 'manual' })
    onTestFinished(() => store.close())
    return { db, schema, store }
  }

  test('the jobs of a copy whose server numbers its transactions anew are run, those that come there too, and none twice', async () => {
    const { db, schema, store } = await open('copied')
    const running = await claimAll(store, await enqueue(store, 'running', 'completed'))
    await settle(store, running.slice(1))
    await enqueue(store, 'waiting', 'waiting too')
    // As where the transactions of the server are so many behind those of the one that the copy was made of.
    const shifted = (xid: string): string => `((${xid})::text::bigint + 1000000000)::text`
    await db.query(`update ${schema.name}.mail set xid = ${shifted('xid')}::xid8`)
    await db.query(
      `update ${schema.name}.tick set snap = (${shifted('pg_snapshot_xmin(snap)')} || ':'
         || ${shifted('pg_snapshot_xmax(snap)')} || ':' || coalesce(
           (select string_agg(${shifted('x')}, ',') from pg_snapshot_xip(snap) x), ''))::pg_snapshot`,
    )
    await enqueue(store, 'come')
    await store.maintain({ limit: 100 })

    const names = (await claimAll(store, 3)).map(({ name }) => name)
    expect(names.toSorted()).toEqual(['come', 'waiting', 'waiting too'])
    await enqueue(store, 'later')
    expect((await claimAll(store, 1)).map(({ name }) => name)).toEqual(['later'])
    expect((await claim(store)).jobs).toEqual([])
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ running: 5, pending: 0 })
    await store.maintain({ limit: 100 })
    const [mail] = await db.query(`select count(*) as left from ${schema.name}.mail`)
    expect(mail).toEqual({ left: 0n })
  })

  // PGlite sleeps on this thread.
  test.skipIf(kind === 'pglite')(
    'what was read is deleted, also where pruning takes too long',
    async () => {
      const { db, schema, store } = await open('swept')
      await claimAll(store, await enqueue(store, 'a', 'b'))
      await db.query(
        `create or replace function ${schema.name}.prune(p_limit int, p_max_ages bigint[], p_max_counts bigint[])
         returns table (pruned int, next_in_ms bigint) language plpgsql as
         $$ begin perform pg_sleep(600); end $$`,
      )
      const giveUp = new AbortController()
      const upkeep = store.maintain({ limit: 100 }, { signal: giveUp.signal })
      await vi.waitFor(async () => {
        const asleep = `select from pg_stat_activity
        where datname = current_database() and wait_event = 'PgSleep' and query like '%.prune(%'`
        expect(await db.query(asleep)).toHaveLength(1)
      })
      giveUp.abort()
      await expect(upkeep).rejects.toMatchObject({ retryable: true })
      const [mail] = await db.query(`select count(*) as left from ${schema.name}.mail`)
      expect(mail).toEqual({ left: 0n })
    },
  )

  test('a limit counts what is leased, however much was let go that nobody has read of', async () => {
    const { db, schema, store } = await open('let_go')
    await db.query(
      `create or replace function ${schema.name}.most_mail() returns int language sql immutable parallel safe return 10`,
    )
    const running = await claimAll(store, await enqueue(store, 'a', 'b', 'c'))
    await store.pause({ queue: QUEUE })
    for (let call = 0; call < 25; call++) await enqueue(store, `${call}`)
    await settle(store, running)

    const scope = { queue: QUEUE, tenantId: 'acme' }
    await store.setLimits([{ scope, source: 'operator', limits: { concurrency: 2 } }])
    await store.resume({ queue: QUEUE })
    const found: string[] = []
    for (let claims = 0; claims < 10; claims++) {
      found.push(...(await claim(store)).jobs.map(({ name }) => name))
    }
    expect(found).toEqual(['0', '1'])
  })
})

async function enqueue(store: JobStore, ...names: readonly string[]): Promise<number> {
  const job = { queue: QUEUE, tenantId: 'acme', payload: '1', priority: 0 }
  await store.enqueue(names.map((name): NewJob => ({ ...job, name })))
  return names.length
}

function claim(store: JobStore): Promise<ClaimResult> {
  const request = { slots: 10, prefetch: 0, leaseMs: 600_000, worker: 'w', suspects: false }
  return store.claim({ queue: QUEUE, ...request })
}

/** Claims until so many are there. */
async function claimAll(store: JobStore, count: number): Promise<ClaimResult['jobs']> {
  const jobs = []
  for (let claims = 0; jobs.length < count && claims < 10; claims++) {
    jobs.push(...(await claim(store)).jobs)
  }
  expect(jobs).toHaveLength(count)
  return jobs
}

async function settle(store: JobStore, jobs: ClaimResult['jobs']): Promise<void> {
  const { results } = await store.settle({
    settlements: jobs.map((lease) => ({
      lease,
      outcome: { type: 'complete', result: null },
      followUps: [],
      discard: false,
    })),
  })
  expect(results).toEqual(jobs.map(() => 'settled'))
}
