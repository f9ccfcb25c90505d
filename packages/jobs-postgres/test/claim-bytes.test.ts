import { type ClaimResult, complete, type JobStore, type NewJob } from '@cgk/jobs-core'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { testPlace } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 120_000 })

const MOST_BYTES = 8 * 1024 * 1024

describe('a claim of large payloads', () => {
  const openPlace = testPlace('local')

  async function open(): Promise<JobStore> {
    const { options } = await openPlace()
    const store = createPostgresStore({ ...options, schema: 'claim_bytes' })
    onTestFinished(() => store.close())
    return store
  }

  function claim(store: JobStore, queue: string, slots: number, prefetch = 0) {
    const request = { queue, slots, prefetch, leaseMs: 60_000, worker: 'w', suspects: false }
    return store.claim(request)
  }

  async function claimAll(store: JobStore, queue: string, slots: number, prefetch = 0) {
    const claims: ClaimResult[] = []
    do claims.push(await claim(store, queue, slots, prefetch))
    while (claims.at(-1)!.nextDueInMs === 0)
    return claims
  }

  test('carries eight mebibytes at most, and leaves the others waiting in their order', async () => {
    const store = await open()
    const queue = 'megabytes'
    const tenants = ['a', 'b', 'c']
    await enqueue(store, queue, 24, (n) => ({
      tenantId: tenants[n % 3]!,
      payload: JSON.stringify(`${n} `.padEnd(1024 * 1024 - 2)),
    }))
    const first = await claim(store, queue, 10, 1_000)

    expect(first).toMatchObject({ nextDueInMs: 0 })
    expect(first.jobs).toHaveLength(8)
    expect(await store.counts({ queue })).toMatchObject({ running: 8, pending: 16 })
    const rest = await claimAll(store, queue, 1_000)
    expect(rest.map(({ jobs }) => jobs.length)).toEqual([8, 8])
    expect([first, ...rest].flatMap(numbersOf)).toEqual(numbers(24))
  })

  test('carries no more of many that are not large', async () => {
    const store = await open()
    const queue = 'many'
    await enqueue(store, queue, 2_049, (n) => ({ payload: JSON.stringify(`${n} `.padEnd(4_094)) }))
    const claims = await claimAll(store, queue, 3_000)
    expect(claims.map(({ jobs }) => jobs.length)).toEqual([2_048, 1])
    expect(claims.flatMap(numbersOf)).toEqual(numbers(2_049))
  })

  test('takes one that is larger by itself', async () => {
    const store = await open()
    const queue = 'giants'
    await enqueue(store, queue, 3, (n) => ({
      payload: JSON.stringify(`${n} `.padEnd(MOST_BYTES)),
      // What an operator's page shows of a job travels along.
      metadata: n === 2 ? JSON.stringify('x'.padEnd(5_000)) : '1',
    }))
    const claims = await claimAll(store, queue, 100)
    expect(claims.map(numbersOf)).toEqual([[0], [1], [2]])
  })

  test('takes what has keys in the order in which it takes small ones', async () => {
    const store = await open()
    const order: number[][] = []
    for (const [queue, size] of [
      ['small', 10],
      ['large', 1024 * 1024],
    ] as const) {
      await enqueue(store, queue, 40, (n) => ({
        payload: JSON.stringify(`${n} `.padEnd(n % 2 === 0 ? size : 10)),
        tenantId: n % 4 < 2 ? 'a' : 'b',
        ...(n % 5 === 0 && { concurrencyKey: 'key', concurrencyLimit: 3 }),
      }))
      const claims = await claimAll(store, queue, 1_000)
      for (const { jobs } of claims) expect(bytesOf(jobs)).toBeLessThanOrEqual(MOST_BYTES)
      order.push(claims.flatMap(numbersOf))
    }
    expect(order[1]).toEqual(order[0])
    expect(order[0]).toHaveLength(38)
  })

  test('carries no more where what is large comes for the first time', async () => {
    const store = await open()
    const queue = 'sudden'
    await enqueue(store, queue, 10, () => ({}))
    expect((await claim(store, queue, 5)).jobs).toHaveLength(5)
    await enqueue(store, queue, 20, () => ({ payload: JSON.stringify('x'.padEnd(1024 * 1024)) }))
    const { jobs } = await claim(store, queue, 100)
    expect(jobs).toHaveLength(5 + 7)
  })

  const LARGE = JSON.stringify('x'.padEnd(1024 * 1024))

  test.each<{ way: string; bring: (store: JobStore, queue: string) => Promise<unknown> }>([
    {
      way: 'alone',
      bring: async (store, queue) => {
        // The first of a queue comes another way.
        await enqueue(store, queue, 1, () => ({}))
        await claim(store, queue, 1)
        for (const _ of numbers(10)) await enqueue(store, queue, 1, () => ({ payload: LARGE }))
      },
    },
    {
      way: 'for what is shown of them',
      bring: (store, queue) => enqueue(store, queue, 10, () => ({ metadata: LARGE })),
    },
    {
      way: 'with ids',
      bring: (store, queue) =>
        enqueue(store, queue, 10, (n) => ({ payload: LARGE, jobId: `${n}` })),
    },
    {
      way: 'in a group',
      bring: (store, queue) => {
        const members = numbers(10).map(() => newJob(queue, { payload: LARGE }))
        const group = { queue, tenantId: null, id: 'group', parentId: null, members }
        return store.enqueueGroups([{ ...group, onComplete: null, onAnyFailed: null }])
      },
    },
    {
      way: 'in the place of others',
      bring: async (store, queue) => {
        for (const payload of ['1', LARGE]) {
          await enqueue(store, queue, 10, (n) => ({ payload, unique: replacing(n) }))
        }
      },
    },
    {
      way: 'after others',
      bring: async (store, queue) => {
        await enqueue(store, queue, 10, (n) => ({ unique: replacing(n) }))
        const { jobs } = await claim(store, queue, 10)
        await enqueue(store, queue, 10, (n) => ({ payload: LARGE, unique: replacing(n) }))
        await store.settle({ settlements: jobs.map((job) => complete(job)) })
      },
    },
  ])('carries no more of what came $way', async ({ way, bring }) => {
    const store = await open()
    const queue = way.replaceAll(' ', '-')
    await bring(store, queue)
    expect((await claim(store, queue, 100)).jobs).toHaveLength(7)
  })

  test('is bounded whatever inserts jobs', async () => {
    const { db } = await openPlace()
    await (await open()).ping()
    const inserting = await db.query(`select proname as name from pg_proc
      where pronamespace = 'claim_bytes'::regnamespace
        and prosrc ~ 'insert into job\\M' and prosrc !~ 'note_bulky'`)
    expect(inserting).toEqual([])
  })
})

function replacing(n: number): NonNullable<NewJob['unique']> {
  return { key: `${n}`, ifTaken: 'replace' }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

async function enqueue(
  store: JobStore,
  queue: string,
  count: number,
  given: (n: number) => Partial<NewJob>,
): Promise<void> {
  await store.enqueue(numbers(count).map((n) => newJob(queue, given(n))))
}

function newJob(queue: string, given: Partial<NewJob>): NewJob {
  return { queue, tenantId: null, name: 'work', payload: '1', priority: 0, ...given }
}

/** What payloads begin with. */
function numbersOf({ jobs }: Pick<ClaimResult, 'jobs'>): number[] {
  return jobs.map(({ payload }) => Number.parseInt(JSON.parse(payload) as string))
}

function bytesOf(jobs: ClaimResult['jobs']): number {
  return jobs.reduce((sum, { payload }) => sum + payload.length, 0)
}
