import {
  complete,
  fail,
  parseJobId,
  release,
  retry,
  type ClaimedJob,
  type JobStatus,
  type JobStore,
  type NewJob,
} from '@cgk/jobs-core'
import { describe, expect, test } from 'vitest'
import { createMemoryStore, createStoreFromUrl } from '../src/index.ts'
import { seededRandom } from './seeded-random.ts'

const QUEUE = 'default'
const ERROR = { message: 'no', retryable: true }

function job(given: Partial<NewJob> = {}): NewJob {
  return { queue: QUEUE, tenantId: null, name: 'work', payload: '{}', priority: 0, ...given }
}

function claim(slots: number, suspects = false) {
  return { queue: QUEUE, slots, prefetch: 0, leaseMs: 1_000, worker: 'w', suspects }
}

async function claimJobs(store: JobStore, slots: number): Promise<readonly ClaimedJob[]> {
  return (await store.claim(claim(slots))).jobs
}

describe('the memory store', () => {
  test('tenants take turns, and one that comes back has gained nothing', async () => {
    const store = createMemoryStore()
    const of = (tenantId: string, count: number): NewJob[] =>
      Array.from({ length: count }, () => job({ tenantId }))
    await store.enqueue([...of('a', 100), ...of('b', 100)])
    await claimJobs(store, 20)
    await store.enqueue(of('c', 100))
    const tenants = (await claimJobs(store, 9)).map(({ tenantId }) => tenantId)

    expect(tenants.filter((tenantId) => tenantId === 'c')).toHaveLength(3)
    expect(tenants.indexOf('c')).toBeLessThanOrEqual(2)
  })

  test('a tenant let go of for want of jobs gets its turn as before', async () => {
    const store = createMemoryStore()
    await store.enqueue([job({ tenantId: 'a' }), job({ tenantId: 'b' }), job({ tenantId: 'b' })])
    const [first] = await claimJobs(store, 1)
    await store.settle({ settlements: [complete(first!, null, { discard: true })] })
    await store.maintain({ limit: 10 })
    await store.enqueue([job({ tenantId: 'a' })])

    const order = (await claimJobs(store, 3)).map(({ tenantId }) => tenantId)
    expect(order).toEqual(['b', 'b', 'a'])
  })

  test('tenants take turns with their suspects, a paused one keeping its own', async () => {
    let now = 1_800_000_000_000
    const store = createMemoryStore({ clock: { now: () => now } })
    await store.enqueue([
      job({ tenantId: 'a', jobId: 'a-0' }),
      job({ tenantId: 'a', jobId: 'a-1' }),
      job({ tenantId: 'b', jobId: 'b-0' }),
      job({ tenantId: 'c', jobId: 'c-0' }),
    ])
    await claimJobs(store, 4)
    now += 1_001
    await store.maintain({ limit: 10 })
    await store.pause({ queue: QUEUE, tenantId: 'c' })
    const order: string[] = []
    for (let turn = 0; turn < 4; turn++) {
      const { jobs } = await store.claim(claim(5, true))
      order.push(...jobs.map(({ id }) => id))
    }
    expect(order).toEqual(['a-0', 'b-0', 'a-1'])

    await store.resume({ queue: QUEUE, tenantId: 'c' })
    const { jobs } = await store.claim(claim(5, true))
    expect(jobs.map(({ id }) => id)).toEqual(['c-0'])
  })

  test('its ids are read by parseJobId and never repeat', async () => {
    const store = createMemoryStore({ clock: { now: () => 1_800_000_000_000 } })
    const results = await store.enqueue(Array.from({ length: 600 }, () => job()))
    const ids = results.map((result) => (result.status === 'enqueued' ? result.id : ''))

    expect(new Set(ids).size).toBe(600)
    expect(ids.map((id) => parseJobId(id)?.timestamp.getTime())).toEqual(
      ids.map(() => 1_800_000_000_000),
    )
  })

  test('an id that a producer guessed is not given to another job', async () => {
    const store = createMemoryStore({ clock: { now: () => 1_800_000_000_000 } })
    const [first] = await store.enqueue([job()])
    if (first?.status !== 'enqueued') throw new Error('expected a new job')
    // The guessing job takes serial 1, so that its neighbour is the one to be guessed.
    const guess = first.id.replace(/0$/, '2')
    await store.enqueue([job({ jobId: guess, name: 'guessed' })])
    const [next] = await store.enqueue([job({ name: 'next' })])
    if (next?.status !== 'enqueued') throw new Error('expected a new job')

    expect(next.id).not.toBe(guess)
    const refs = [guess, next.id].map((id) => ({ queue: QUEUE, tenantId: null, id }))
    expect((await store.get(refs)).map((record) => record?.name)).toEqual(['guessed', 'next'])
  })

  test('a job of another tenant is not found by its id', async () => {
    const store = createMemoryStore()
    const [result] = await store.enqueue([job({ tenantId: 'a' })])
    if (result?.status !== 'enqueued') throw new Error('expected a new job')
    const ref = { queue: QUEUE, id: result.id }

    expect(
      await store.get([
        { ...ref, tenantId: 'b' },
        { ...ref, tenantId: null },
      ]),
    ).toEqual([null, null])
  })

  test.each([1, 2, 3])('counts, lists and records agree after anything (seed %i)', async (seed) => {
    const random = seededRandom(seed)
    const below = (end: number): number => Math.floor(random.next() * end)
    let now = 1_800_000_000_000
    const history = { completed: { maxAgeMs: 5_000, maxCount: 20 } }
    const store = createMemoryStore({ clock: { now: () => now }, random, history })
    const tenants = ['a', 'b', null]
    const held: ClaimedJob[] = []
    for (let step = 0; step < 600; step++) {
      const tenantId = tenants[below(3)]!
      const { jobs: some } = await store.list({ queue: QUEUE, limit: 5 })
      switch (below(9)) {
        case 0:
        case 1:
          await store.enqueue([
            job({ tenantId, priority: below(3) }),
            job({ tenantId, delayMs: below(2_000) }),
            job({ tenantId, jobId: `named-${below(50)}` }),
          ])
          break
        case 2:
        case 3:
          held.push(...(await store.claim(claim(below(6), below(4) === 0))).jobs)
          break
        case 4: {
          const settlements = held.splice(0, below(5)).map((lease, index) => {
            const discard = below(5) === 0
            if (index === 0)
              return complete(lease, null, { discard, followUps: [job({ tenantId })] })
            if (index === 1) return retry(lease, ERROR, below(500))
            return index === 2 ? release(lease, below(500)) : fail(lease, ERROR, discard)
          })
          await store.settle({ settlements })
          break
        }
        case 5:
          await store.cancel([...some, ...held.slice(0, 1)])
          break
        case 6:
          await store.retry(some)
          await store.remove(some.slice(0, 1))
          break
        case 7:
          if (below(2) === 0) await store.pause({ queue: QUEUE, tenantId })
          else for (const each of tenants) await store.resume({ queue: QUEUE, tenantId: each })
          break
        default:
          now += below(1_500)
          await store.maintain({ limit: 1 + below(20) })
      }
      if (step % 20 !== 0) continue
      for (const scope of [
        { queue: QUEUE },
        ...tenants.map((each) => ({ queue: QUEUE, tenantId: each })),
      ]) {
        const counts = await store.counts(scope)
        for (const [status, count] of Object.entries(counts)) {
          const { jobs } = await store.list({
            ...scope,
            statuses: [status as JobStatus],
            limit: 1e6,
          })
          expect(jobs, `${status} at step ${step}`).toHaveLength(count)
        }
        const { jobs } = await store.list({ ...scope, limit: 1e6 })
        const records = await store.get(jobs)
        expect(records.map((record) => ({ ...record, failures: [] }))).toEqual(jobs)
      }
    }
  })

  test('a listener that throws breaks neither the call nor the other listeners', async () => {
    const store = createMemoryStore()
    const heard: string[] = []
    store.subscribe?.(() => {
      throw new Error('deaf')
    })
    const stop = store.subscribe?.(({ queue, reason }) => heard.push(`${reason} ${queue}`))
    await store.enqueue([job(), job(), job({ queue: 'other' })])
    expect(heard).toEqual(['ready default', 'ready other'])

    stop?.()
    await store.enqueue([job()])
    expect(heard).toHaveLength(2)
  })

  test('a listener may call the store', async () => {
    const store = createMemoryStore()
    const claimed: Promise<readonly ClaimedJob[]>[] = []
    store.subscribe?.(() => claimed.push(claimJobs(store, 1)))
    await store.enqueue([job({ jobId: 'mine' })])

    expect((await Promise.all(claimed)).flat().map(({ id }) => id)).toEqual(['mine'])
  })

  test.each([-1, NaN, '5'])('a history bound of %o is refused', (maxCount) => {
    expect(() =>
      createMemoryStore({ history: { failed: { maxCount: maxCount as number } } }),
    ).toThrow(expect.objectContaining({ code: 'JOBS_INVALID_CONFIG' }))
  })

  test('a cursor that is none of its own is refused', async () => {
    const store = createMemoryStore()

    await expect(store.list({ queue: QUEUE, limit: 1, cursor: 'x y' })).rejects.toMatchObject({
      code: 'JOBS_INVALID_OPTION',
    })
  })
})

describe('createStoreFromUrl', () => {
  test.each(['memory:', 'memory://'])('opens %s', async (url) => {
    const store = createStoreFromUrl(url)

    expect(store.name).toBe('memory')
    await store.close()
  })

  test('refuses any other URL without repeating it', () => {
    const open = () => createStoreFromUrl('redis://user:secret@host')

    expect(open).toThrow(expect.objectContaining({ code: 'JOBS_INVALID_CONFIG' }))
    expect(open).not.toThrow(/secret/)
  })
})
