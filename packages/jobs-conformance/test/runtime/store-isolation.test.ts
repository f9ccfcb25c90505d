import {
  createTenantStores,
  type JobHandler,
  type JobProcessor,
  type JobQueue,
  type JobStore,
  type ListDirectory,
  listDirectory,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { type Fault, faultyStore } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let names: readonly string[]
let inner: Map<string, JobStore>
let directory: ListDirectory
let queue: JobQueue
let processor: JobProcessor
/** Attempts in progress by tenant, and at most. */
let running: Map<string, number>
let most: number
let done: Map<string, number>

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  running = new Map()
  done = new Map()
  most = 0
})

const handler: JobHandler<number> = async ({ tenantId, payload }) => {
  const id = tenantId!
  running.set(id, (running.get(id) ?? 0) + 1)
  most = Math.max(
    most,
    [...running.values()].reduce((sum, count) => sum + count, 0),
  )
  await time.sleep(payload)
  running.set(id, running.get(id)! - 1)
  done.set(id, (done.get(id) ?? 0) + 1)
  return { success: true }
}

/** A worker of one tenant in each store, named as its store is; `faults` are those of the stores. */
function work(
  stores: readonly string[],
  { slots, faults = {} }: { readonly slots: number; readonly faults?: Record<string, Fault> },
): void {
  names = stores
  inner = new Map(names.map((name) => [name, createMemoryStore({ clock: time.clock })]))
  directory = listDirectory(names.map((id) => ({ id, store: id })))
  const tenantStores = createTenantStores({
    directory,
    stores: Object.fromEntries(
      names.map((name) => {
        const fault = faults[name]
        const store = inner.get(name)!
        return [name, fault === undefined ? store : faultyStore(store, fault)]
      }),
    ),
    defaultStore: names[0]!,
  })
  queue = process.queue({ store: tenantStores })
  processor = process.start({
    queue,
    handlers: new Map([['job', handler]]),
    maxConcurrency: slots,
  })
}

/** Jobs of a tenant, put into its store by another process. */
async function fill(tenantId: string, count: number, ms: number): Promise<void> {
  const other = process.queue({ store: inner.get(tenantId)! })
  await other.enqueueMany(
    Array.from({ length: count }, () => ({ job: 'job', payload: ms, options: { tenantId } })),
  )
}

const runningNow = () => names.map((name) => running.get(name) ?? 0)
const doneBy = (name: string) => done.get(name) ?? 0

describe('slots', () => {
  test.each([
    { slots: 6, stores: ['a', 'b'], share: 3 },
    { slots: 7, stores: ['a', 'b', 'c'], share: 2 },
    { slots: 4, stores: ['a', 'b', 'c', 'd'], share: 1 },
  ])(
    '$slots among $stores.length busy stores: each has $share or more',
    async ({ slots, stores, share }) => {
      work(stores, { slots })
      for (const name of stores) await fill(name, 500, 50)
      await time.advance(1_000)
      for (let step = 0; step < 40; step++) {
        await time.advance(25)
        for (const count of runningNow()) expect(count).toBeGreaterThanOrEqual(share)
      }
      expect(most).toBe(slots)
    },
  )

  test('of a store without work are lent, and come back as soon as attempts end', async () => {
    work(['a', 'b'], { slots: 8 })
    await fill('a', 1_000, 100)
    await time.advance(1_050)
    expect(runningNow()).toEqual([8, 0])
    await fill('b', 1_000, 100)
    await time.advance(150)
    expect(runningNow()).toEqual([4, 4])
    expect(most).toBe(8)
  })

  test('are all used when a store runs dry', async () => {
    work(['a', 'b'], { slots: 8 })
    await fill('a', 1_000, 100)
    await fill('b', 20, 100)
    await time.advance(2_000)
    expect(doneBy('b')).toBe(20)
    expect(runningNow()).toEqual([8, 0])
    // None was idle: eight attempts at a time from the beginning.
    expect(doneBy('a') + doneBy('b')).toBeGreaterThanOrEqual(8 * 19)
  })

  test('fewer than stores go round: none waits for ever', async () => {
    const stores = ['a', 'b', 'c', 'd', 'e']
    work(stores, { slots: 2 })
    for (const name of stores) await fill(name, 500, 20)
    await time.advance(5_000)
    for (const name of stores) expect(doneBy(name)).toBeGreaterThanOrEqual(60)
    expect(most).toBe(2)
  })

  test('are never more than there are, whatever comes when', async () => {
    const stores = ['a', 'b', 'c']
    work(stores, { slots: 5 })
    for (let round = 0; round < 60; round++) {
      await fill(stores[(round * 7) % 3]!, (round * 5) % 11, (round * 13) % 120)
      await time.advance((round * 29) % 90)
    }
    await time.advance(10_000)
    expect(most).toBe(5)
    expect(await queue.counts()).toMatchObject({ pending: 0, running: 0 })
  })
})

const hangs: Fault = () => new Promise(() => {})
const throws: Fault = () => {
  throw new Error('connection refused')
}

describe.each<[string, Fault]>([
  ['hangs', hangs],
  ['throws', throws],
])('a store that %s', (_, fault) => {
  test('from the start keeps no slot and no job from the others', async () => {
    work(['well', 'ill'], { slots: 4, faults: { ill: fault } })
    await fill('well', 5_000, 100)
    await time.advance(1_100)
    expect(runningNow()).toEqual([4, 0])
    await time.advance(30_000)
    expect(runningNow()).toEqual([4, 0])
    expect(processor.status().stores).toMatchObject({
      well: { state: 'running', running: 4 },
      ill: { state: 'idle', lastClaimAgoMs: null },
    })
  })

  test('from the start is the default one: the others start all the same', async () => {
    work(['ill', 'well'], { slots: 4, faults: { ill: fault } })
    await fill('well', 5_000, 100)
    await time.advance(10_000)
    expect(runningNow()).toEqual([0, 4])
  })

  test('later on keeps no slot for longer than a prompt answer takes', async () => {
    let isIll = false
    work(['well', 'ill'], {
      slots: 4,
      faults: { ill: (...args) => (isIll ? fault(...args) : undefined) },
    })
    for (const name of names) await fill(name, 5_000, 50)
    await time.advance(1_000)
    expect(runningNow()).toEqual([2, 2])
    isIll = true
    await time.advance(500)
    const before = doneBy('well')
    await time.advance(20_000)
    // Four at a time, 50 ms each; what the store's failing calls cost is a hundredth of it.
    expect(doneBy('well') - before).toBeGreaterThanOrEqual(0.99 * ((20_000 / 50) * 4))
    isIll = false
    await time.advance(10_000)
    expect(runningNow()).toEqual([2, 2])
  })

  test('fails the calls that are about its own tenants alone', async () => {
    work(['well', 'ill'], { slots: 4, faults: { ill: fault } })
    const job = await queue.enqueue('job', 1, { tenantId: 'well' })
    expect(await queue.getJob(job)).toMatchObject({ id: job.id })
    expect(await queue.counts({ tenantId: 'well' })).toMatchObject({ cancelled: 0 })
    expect(await queue.listJobs({ tenantId: 'well' })).toHaveLength(1)
    const failing = expect(queue.enqueue('job', 1, { tenantId: 'ill' })).rejects.toMatchObject({
      retryable: true,
    })
    const unknown = expect(queue.counts()).rejects.toMatchObject({ retryable: true })
    await time.advance(6_000)
    await failing
    await unknown
  })

  test('is stopped with the others, in time', async () => {
    let isIll = false
    work(['well', 'ill'], {
      slots: 4,
      faults: { ill: (...args) => (isIll ? fault(...args) : undefined) },
    })
    for (const name of names) await fill(name, 100, 50)
    await time.advance(1_000)
    isIll = true
    let stopped = false
    void processor.stop({ gracePeriod: 1_000 }).then(() => (stopped = true))
    await time.advance(10_000)
    expect(stopped).toBe(true)
    const well = process.queue({ store: inner.get('well')! })
    expect(await well.counts()).toMatchObject({ running: 0 })
  })

  test('runs its jobs once it is well, and then knows who is held', async () => {
    let isIll = true
    work(['well', 'ill'], {
      slots: 4,
      faults: { ill: (...args) => (isIll ? fault(...args) : undefined) },
    })
    await fill('ill', 10, 10)
    const other = process.queue({ store: inner.get('ill')! })
    await other.enqueue('job', 10, { tenantId: 'stranger' })
    await time.advance(10_000)
    isIll = false
    await time.advance(15_000)
    expect(doneBy('ill')).toBe(10)
    expect(await other.counts({ tenantId: 'stranger' })).toMatchObject({ pending: 1 })
  })
})

test.each([
  { ms: 50, least: 25 },
  { ms: 1_000, least: 8 },
])(
  'a slow store, with jobs of $ms ms, has a slot at any time, and keeps one idle at most',
  async ({ ms, least }) => {
    const slow: Fault = async (_operation, proceed) => {
      await time.sleep(300)
      return proceed()
    }
    work(['quick', 'slow'], { slots: 4, faults: { slow } })
    for (const name of names) await fill(name, 2_000, ms)
    await time.advance(10_000)
    const [quick, lazy] = [doneBy('quick'), doneBy('slow')]
    await time.advance(10_000)
    // A job takes a claim of 300 ms, and as long as it runs.
    expect(doneBy('slow') - lazy).toBeGreaterThanOrEqual(least)
    const all = doneBy('quick') + doneBy('slow') - quick - lazy
    expect(all).toBeGreaterThanOrEqual(0.98 * (10_000 / ms) * 3)
  },
)

test('a store that forgot what it was told is told again', async () => {
  work(['first', 'second'], { slots: 4 })
  await time.advance(1_000)
  // As a store does that was emptied: every tenant would run.
  const { limits } = await inner.get('second')!.listLimits({ queue: 'default', limit: 100 })
  await inner.get('second')!.setLimits(
    limits.map(({ scope }) => ({
      scope,
      source: 'directory' as const,
      limits: { paused: null },
    })),
  )
  await time.advance(16_000)
  await process.queue({ store: inner.get('second')! }).enqueue('job', 1, { tenantId: 'stranger' })
  await time.advance(16_000)
  expect(doneBy('stranger')).toBe(0)
})

test('a store that was away is told anew, whatever it still knows', async () => {
  let isAway = false
  const away: Fault = () => (isAway ? Promise.reject(new Error('restarting')) : undefined)
  work(['first', 'second'], { slots: 4, faults: { second: away } })
  directory.replace([{ id: 'second', store: 'second', status: 'suspended' }])
  await time.advance(1_000)
  isAway = true
  await time.advance(20_000)
  // As a store does that is brought back from before.
  const second = inner.get('second')!
  const scope = { queue: 'default', tenantId: 'second' }
  await second.setLimits([{ scope, source: 'directory', limits: { paused: false } }])
  isAway = false
  await time.advance(16_000)
  await fill('second', 1, 1)
  await time.advance(16_000)
  expect(doneBy('second')).toBe(0)
})
