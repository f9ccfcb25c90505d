import { createJobQueue, type JobStore, processJobs } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { analyticsJobs, scheduleAnalytics } from '../src/analytics.ts'

const HOUR = 3_600_000

function warehouse() {
  return { aggregate: vi.fn(async (_tenantId: string, _day: number) => {}) }
}

it('goes on with the day it was at', async () => {
  const ours = warehouse()
  const jobs = analyticsJobs(ours)
  await using shop = createTestJobs({ jobs: [jobs.year] })
  ours.aggregate.mockImplementation(async (_tenantId, day) => {
    if (day === 100 && ours.aggregate.mock.calls.length === 101) throw new Error('connection lost')
  })
  const job = await shop.queue.enqueue(jobs.year, {}, { tenantId: 'acme' })
  await shop.runUntilIdle()
  expect(await shop.queue.getJob(job)).toMatchObject({
    status: 'retrying',
    progress: { done: 100, of: 365 },
  })
  await shop.advance(60_000)

  expect(await shop.queue.getJob(job)).toMatchObject({ status: 'completed' })
  expect(ours.aggregate.mock.calls.map(([, day]) => day)).toEqual([
    ...Array.from({ length: 101 }, (_, day) => day),
    ...Array.from({ length: 265 }, (_, index) => 100 + index),
  ])
})

it('goes on from its last checkpoint when the process dies', async () => {
  const done: [by: string, day: number][] = []
  const died = Promise.withResolvers<void>()
  const inDoomed = analyticsJobs({
    async aggregate(_tenantId, day) {
      if (day < 40) {
        done.push(['doomed', day])
        return
      }
      died.resolve()
      await new Promise(() => {})
    },
  })
  const inNext = analyticsJobs({
    async aggregate(_tenantId, day) {
      done.push(['next', day])
    },
  })
  await using shop = createTestJobs({ jobs: [inNext.year] })
  const job = await shop.queue.enqueue(inNext.year, {}, { tenantId: 'acme' })
  // Works by itself, in real time, as another process does.
  const { store, die } = dying(shop.queue.store)
  const queue = createJobQueue({ name: shop.queue.name, store })
  processJobs({ queue, jobs: [inDoomed.year] }).start()
  await died.promise
  die()
  await shop.advance(60_000)

  expect(await shop.queue.getJob(job)).toMatchObject({ status: 'completed', lostLeases: 1 })
  expect(done).toEqual([
    ...Array.from({ length: 40 }, (_, day) => ['doomed', day]),
    ...Array.from({ length: 365 - 28 }, (_, index) => ['next', 28 + index]),
  ])
})

/** A connection of a process that can vanish: no call arrives any more, and no answer. */
function dying(inner: JobStore): { readonly store: JobStore; readonly die: () => void } {
  let dead = false
  const store = new Proxy(inner, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== 'function') return member
      return (...args: unknown[]): unknown =>
        dead ? new Promise(() => {}) : Reflect.apply(member, target, args)
    },
  })
  return {
    store,
    die() {
      dead = true
    },
  }
}

it('has figures of every tenant each quarter of an hour', async () => {
  const ours = warehouse()
  const jobs = analyticsJobs(ours)
  await using shop = createTestJobs({ jobs: Object.values(jobs), tenants: ['acme', 'globex'] })
  await scheduleAnalytics(shop.queue, jobs)
  await shop.runUntilIdle()
  ours.aggregate.mockClear()
  await shop.advance(HOUR)

  const tenants = ours.aggregate.mock.calls.map(([tenantId]) => tenantId)
  expect(tenants.filter((tenantId) => tenantId === 'acme')).toHaveLength(4)
  expect(tenants.filter((tenantId) => tenantId === 'globex')).toHaveLength(4)
})
