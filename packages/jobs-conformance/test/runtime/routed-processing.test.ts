import { currentTenant } from '@cgk/core'
import {
  createTenantStores,
  type JobHandler,
  type JobProcessor,
  type JobQueue,
  type JobStore,
  type LimitChange,
  type ListDirectory,
  listDirectory,
  type StoredLimits,
  type TenantEntry,
  type TenantStores,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore, listeningStore, storeWith } from './store-with.ts'

/** Longer than the time from one look of a worker at its tenants to the next. */
const A_ROUND_MS = 16_000

let time: ManualTime
let process: SimulatedProcess
let directory: ListDirectory
let main: JobStore
let big: JobStore
let stores: TenantStores
let queue: JobQueue
/** The tenants of the jobs that ran, in order. */
let ran: string[]
let processor: JobProcessor

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  main = createMemoryStore({ clock: time.clock })
  big = createMemoryStore({ clock: time.clock })
  ran = []
})

const handler: JobHandler = ({ tenantId }) => {
  ran.push(tenantId ?? 'nobody')
  return { success: true }
}

/** A worker of the tenants. */
function work(
  tenants: readonly TenantEntry[],
  given: Partial<Record<string, JobStore>> = {},
): void {
  directory = listDirectory(tenants)
  stores = createTenantStores({
    directory,
    stores: { main, big, ...(given as Record<string, JobStore>) },
    defaultStore: 'main',
  })
  queue = process.queue({ store: stores })
  processor = process.start({ queue, handlers: new Map([['job', handler]]) })
}

async function enqueue(...tenants: readonly (string | null)[]): Promise<void> {
  for (const tenantId of tenants) {
    await queue.enqueue('job', {}, tenantId === null ? {} : { tenantId })
  }
}

/** What the directory says in a store, by scope. */
async function said(store: JobStore): Promise<Record<string, StoredLimits['directory']>> {
  const { limits } = await store.listLimits({ queue: 'default', limit: 1_000 })
  const entries = limits
    .filter((stored) => Object.keys(stored.directory).length > 0)
    .map(({ scope: { tenantId, limiter }, directory: limit }) => [
      limiter === undefined ? String(tenantId) : `${tenantId}/${limiter}`,
      limit,
    ])
  return Object.fromEntries(entries) as Record<string, StoredLimits['directory']>
}

describe('a worker', () => {
  test('runs the jobs of every tenant in whichever store, each inside of its tenant', async () => {
    const inside: string[] = []
    work([{ id: 'small' }, { id: 'large', store: 'big' }, { id: 'new', status: 'onboarding' }])
    processor.registerHandler('job', () => {
      inside.push(currentTenant() ?? 'nobody')
      return { success: true }
    })
    await enqueue('small', 'large', 'new', null)
    await time.advance(1_000)
    expect(inside.toSorted()).toEqual(['large', 'new', 'nobody', 'small'])
  })

  test('enqueues from a handler where the tenant of its job lives', async () => {
    work([{ id: 'large', store: 'big' }])
    processor.registerHandler('parent', async () => {
      await queue.enqueue('child', {})
      return { success: true }
    })
    await queue.enqueue('parent', {}, { tenantId: 'large' })
    await time.advance(100)
    expect((await process.queue({ store: big }).listJobs()).map(({ name }) => name)).toEqual([
      'child',
      'parent',
    ])
  })

  test('tells each store what the directory says of the tenants that live there', async () => {
    const rate = { limit: 2, period: 1_000, burst: 40 }
    work([
      { id: 'small', weight: 2, limits: { concurrency: 3, backlog: 100 } },
      { id: 'large', store: 'big', status: 'suspended', limiters: { shopify: { rate } } },
    ])
    await time.advance(100)
    expect(await said(main)).toEqual({
      small: { paused: false, weight: 2, concurrency: 3, backlog: 100 },
      null: { paused: false },
      '*': { paused: true },
    })
    expect(await said(big)).toEqual({
      large: { paused: true },
      'large/shopify': { rate: { limit: 2, periodMs: 1_000, burst: 40 } },
      null: { paused: false },
      '*': { paused: true },
    })
  })

  test('starts no job in a store before the store knows who is held', async () => {
    const listening = listeningStore(main)
    work([{ id: 'small', status: 'suspended' }], { main: listening.store })
    await enqueue('small', 'unheard-of')
    await time.advance(60_000)
    expect(ran).toEqual([])
    const order = listening.heard.map(({ operation }) => operation)
    expect(order.indexOf('claim')).toBeGreaterThan(order.lastIndexOf('setLimits'))
  })

  test('writes only what is different, in batches', async () => {
    const tenants = Array.from({ length: 450 }, (_, n) => ({ id: `t${n}` }))
    const { store, requests } = listeningStore(main)
    work(tenants, { main: store })
    await time.advance(A_ROUND_MS)
    const sizes = () => requests<readonly LimitChange[]>('setLimits').map(({ length }) => length)
    expect(sizes()).toEqual([200, 200, 52])
    directory.replace(tenants.map((tenant, n) => (n === 7 ? { ...tenant, weight: 9 } : tenant)))
    await time.advance(A_ROUND_MS)
    expect(sizes()).toEqual([200, 200, 52, 1])
    // A second worker with the same directory finds nothing to write.
    new SimulatedProcess(time, store).start({
      queue: process.queue({ store: stores }),
      handlers: new Map(),
    })
    await time.advance(A_ROUND_MS)
    expect(sizes()).toHaveLength(4)
  })
})

test('a store that keeps no limits is not processed, because nobody could be held in it', async () => {
  const capabilities = { ...big.capabilities, limits: false }
  work([{ id: 'small' }, { id: 'large', store: 'big' }], { big: storeWith(big, { capabilities }) })
  await enqueue('small', 'large')
  await time.advance(10_000)
  expect(ran).toEqual(['small'])
  expect(process.log.at(-1)!.fields).toMatchObject({ error: { code: 'JOBS_UNSUPPORTED' } })
})

describe('a suspended tenant', () => {
  test('waits, and runs once the directory says that it is active, without a restart', async () => {
    work([{ id: 'small', status: 'suspended' }, { id: 'other' }])
    await enqueue('small', 'other')
    await time.advance(60_000)
    expect(ran).toEqual(['other'])
    directory.replace([{ id: 'small' }, { id: 'other' }])
    await time.advance(1_000)
    expect(ran).toEqual(['other', 'small'])
  })

  test('begins no job any more once the directory says so', async () => {
    work([{ id: 'small' }])
    await enqueue('small')
    await time.advance(100)
    directory.replace([{ id: 'small', status: 'suspended' }])
    await time.advance(100)
    await enqueue('small')
    await time.advance(60_000)
    expect(ran).toEqual(['small'])
  })

  test('that an operator had paused stays so when it is active again', async () => {
    work([{ id: 'small', status: 'suspended' }])
    await enqueue('small')
    await main.pause({ queue: 'default', tenantId: 'small' })
    directory.replace([{ id: 'small' }])
    await time.advance(60_000)
    expect(ran).toEqual([])
    await main.resume({ queue: 'default', tenantId: 'small' })
    await time.advance(2_000)
    expect(ran).toEqual(['small'])
  })
})

describe('a job of a tenant that the directory does not know', () => {
  test('is held, visible and reported less and less often, and runs once the tenant is known', async () => {
    work([{ id: 'small' }])
    const stranger = { job: 'job', payload: {}, options: { tenantId: 'stranger' } }
    await queue.enqueueMany([stranger, stranger])
    await enqueue('small')
    await time.advance(A_ROUND_MS)
    expect(ran).toEqual(['small'])
    const { tenants } = await main.listTenants({ queue: 'default', limit: 10 })
    expect(tenants).toMatchObject([{ tenantId: 'stranger', waiting: 2, paused: true }])
    const line = {
      level: 'warn',
      message: 'jobs of tenants that the directory does not know are held',
      fields: { queue: 'default', store: 'main', tenants: ['stranger'], count: 1, waiting: 2 },
    }
    expect(process.log).toEqual([line])
    await time.advance(10 * 60_000)
    expect(process.log).toEqual([line, line, line, line])
    directory.replace([{ id: 'small' }, { id: 'stranger' }])
    await time.advance(1_000)
    expect(ran).toEqual(['small', 'stranger', 'stranger'])
  })

  test('runs also when the tenant is then given another store, where it has come to be', async () => {
    work([])
    await enqueue('stranger')
    await time.advance(A_ROUND_MS)
    directory.replace([{ id: 'stranger', store: 'big' }])
    await time.advance(1_000)
    expect(ran).toEqual(['stranger'])
  })

  test('is that of a tenant which has left the directory, and its limits are taken back', async () => {
    work([{ id: 'small', weight: 3, limiters: { api: { concurrency: 1 } } }])
    await time.advance(100)
    directory.replace([])
    await time.advance(100)
    await enqueue('small')
    await time.advance(A_ROUND_MS)
    expect(ran).toEqual([])
    expect(Object.keys(await said(main)).toSorted()).toEqual(['*', 'null'])
  })
})

describe('a tenant that moves', () => {
  test('drains from where it was, with its limits, which are taken back when nothing is left', async () => {
    work([{ id: 'small', weight: 4 }])
    await queue.enqueue('job', {}, { tenantId: 'small', delay: 60_000 })
    await time.advance(100)
    directory.replace([{ id: 'small', weight: 5, store: 'big' }])
    await enqueue('small')
    await time.advance(A_ROUND_MS)
    expect(ran).toEqual(['small'])
    expect(await said(main)).toMatchObject({ small: { paused: false, weight: 5 } })
    expect(await said(big)).toMatchObject({ small: { paused: false, weight: 5 } })
    await time.advance(60_000 + A_ROUND_MS)
    expect(ran).toEqual(['small', 'small'])
    expect(Object.keys(await said(main))).not.toContain('small')
    expect(Object.keys(await said(big))).toContain('small')
  })

  test('while it is suspended is held in both', async () => {
    work([{ id: 'small', status: 'suspended' }])
    await enqueue('small')
    directory.replace([{ id: 'small', status: 'suspended', store: 'big' }])
    await enqueue('small')
    await time.advance(60_000)
    expect(ran).toEqual([])
    directory.replace([{ id: 'small', store: 'big' }])
    await time.advance(1_000)
    expect(ran).toEqual(['small', 'small'])
  })

  test('takes along what an operator said about it, before a job of it starts', async () => {
    work([{ id: 'small' }])
    await time.advance(100)
    await queue.pause({ tenantId: 'small' })
    await queue.setLimits({ tenantId: 'small' }, { concurrency: 3 })
    await queue.setLimits({ tenantId: 'small', limiter: 'api' }, { concurrency: 1 })
    directory.replace([{ id: 'small', store: 'big' }])
    await enqueue('small')
    await time.advance(60_000)
    expect(ran).toEqual([])
    expect(await queue.limits({ tenantId: 'small' })).toMatchObject({
      paused: true,
      applies: { concurrency: 3 },
    })
    expect(await queue.limits({ tenantId: 'small', limiter: 'api' })).toMatchObject({
      applies: { concurrency: 1 },
    })
    await queue.resume({ tenantId: 'small' })
    await queue.setLimits({ tenantId: 'small' }, { concurrency: null })
    await time.advance(2_000)
    expect(ran).toEqual(['small'])
    // What is said there since is not undone by what was said before the move.
    await process.queue({ store: big }).setLimits({ tenantId: 'small' }, { concurrency: 7 })
    directory.replace([{ id: 'small', store: 'big', weight: 2 }])
    await time.advance(A_ROUND_MS)
    expect(await queue.limits({ tenantId: 'small' })).toMatchObject({ applies: { concurrency: 7 } })
    await process.queue({ store: big }).setLimits({ tenantId: 'small' }, { concurrency: null })
    // And back, where what was taken back meanwhile is said no more.
    directory.replace([{ id: 'small' }])
    await time.advance(A_ROUND_MS)
    expect((await queue.limits({ tenantId: 'small' })).applies).not.toHaveProperty('concurrency')
  })

  test('from a store that is gone runs all the same', async () => {
    let isGone = false
    const gone = faultyStore(big, () =>
      isGone ? Promise.reject(new Error('no such host')) : undefined,
    )
    work([{ id: 'small', store: 'big' }], { big: gone })
    await time.advance(100)
    isGone = true
    directory.replace([{ id: 'small' }])
    await enqueue('small')
    await time.advance(1_000)
    expect(ran).toEqual(['small'])
    expect(process.messages).toContain(
      'what operators said about a tenant did not move along with it',
    )
  })

  test('takes its schedules along, and each of their ticks makes one job', async () => {
    work([{ id: 'small' }])
    await queue.schedule('paced', {
      job: 'job',
      payload: {},
      every: 10_000,
      options: { tenantId: 'small' },
    })
    await queue.schedule('resting', {
      job: 'job',
      payload: {},
      every: 10_000,
      options: { tenantId: 'small' },
    })
    await queue.schedules.pause({ id: 'resting', tenantId: 'small' })
    await time.advance(35_000)
    expect(ran).toHaveLength(3)
    directory.replace([{ id: 'small', store: 'big' }])
    await time.advance(60_000)
    expect(ran).toHaveLength(9)
    expect(await process.queue({ store: main }).schedules.list()).toEqual([])
    expect(await process.queue({ store: big }).schedules.list({ tenantId: 'small' })).toMatchObject(
      [
        { id: 'paced', paused: false },
        { id: 'resting', paused: true },
      ],
    )
  })

  test('takes along a schedule whose move was cut off in the middle', async () => {
    let cutOff = true
    const cut = storeWith(big, {
      putSchedule: (...args) =>
        cutOff ? Promise.reject(new Error('connection reset')) : big.putSchedule(...args),
    })
    work([{ id: 'small' }], { big: cut })
    await queue.schedule('paced', {
      job: 'job',
      payload: {},
      every: 10_000,
      options: { tenantId: 'small' },
    })
    await time.advance(1_000)
    directory.replace([{ id: 'small', store: 'big' }])
    await time.advance(24_500)
    // On its way it fires nowhere.
    expect(ran).toEqual([])
    expect(await process.queue({ store: big }).schedules.list()).toEqual([])
    cutOff = false
    // Where it has arrived it makes up for what it missed, once.
    await time.advance(3_000)
    expect(ran).toHaveLength(1)
    await time.advance(10_000)
    expect(ran).toHaveLength(2)
    expect(await process.queue({ store: main }).schedules.list()).toEqual([])
    expect(await process.queue({ store: big }).schedules.list()).toMatchObject([{ paused: false }])
  })
})

describe('schedules for each tenant', () => {
  test('make in each store the jobs of its active tenants, at the same instants', async () => {
    work([
      { id: 'small' },
      { id: 'new', status: 'onboarding' },
      { id: 'away', status: 'suspended' },
      { id: 'large', store: 'big' },
    ])
    await queue.schedule('all', { job: 'job', payload: {}, every: 10_000, forEach: 'tenant' })
    await time.advance(20_500)
    expect(ran.toSorted()).toEqual(['large', 'large', 'small', 'small'])
    expect(await queue.counts()).toMatchObject({ completed: 4, pending: 0 })
  })

  test('come to a store that was not needed before, and their changes to one that was down', async () => {
    let down = false
    const shaky = storeWith(big, {
      putSchedule: (...args) =>
        down ? Promise.reject(new Error('connection reset')) : big.putSchedule(...args),
    })
    work([{ id: 'small' }], { big: shaky })
    await queue.schedule('all', { job: 'job', payload: {}, every: 10_000, forEach: 'tenant' })
    directory.replace([{ id: 'small' }, { id: 'large', store: 'big' }])
    await time.advance(10_500)
    expect(ran.toSorted()).toEqual(['large', 'small'])
    down = true
    await queue.schedules.pause('all')
    down = false
    await time.advance(A_ROUND_MS)
    expect(await process.queue({ store: big }).schedules.get('all')).toMatchObject({ paused: true })
  })
})

test('a pause of the queue reaches a store that is needed later, before a job of it starts', async () => {
  work([{ id: 'small' }])
  const url = 'memory:later'
  directory = listDirectory([{ id: 'large', store: url }])
  const later = createMemoryStore({ clock: time.clock })
  const other = createTenantStores({ directory, stores: { main }, open: () => later })
  await process.queue({ store: main }).pause()
  queue = process.queue({ store: other })
  await enqueue('large')
  process.start({ queue, handlers: new Map([['job', handler]]) })
  await time.advance(60_000)
  expect(await process.queue({ store: later }).isPaused()).toBe(true)
  expect(ran).toEqual([])
  await queue.resume()
  await time.advance(2_000)
  expect(ran).toEqual(['large'])
})

test('what an operator says about each tenant reaches a store that is needed later', async () => {
  work([{ id: 'small' }])
  await queue.setLimits({ tenantId: '*' }, { concurrency: 2 })
  await time.advance(100)
  directory = listDirectory([{ id: 'large', store: 'memory:later' }])
  const later = createMemoryStore({ clock: time.clock })
  const other = createTenantStores({ directory, stores: { main }, open: () => later })
  queue = process.queue({ store: other })
  process.start({ queue, handlers: new Map([['job', handler]]) })
  await time.advance(1_000)
  expect(await queue.limits({ tenantId: 'large' })).toMatchObject({ applies: { concurrency: 2 } })
  await queue.setLimits({ tenantId: '*' }, { concurrency: null })
  expect((await queue.limits({ tenantId: 'large' })).applies).not.toHaveProperty('concurrency')
})

test('a store that missed the end of a pause is resumed', async () => {
  await process.queue({ store: big }).pause()
  work([{ id: 'large', store: 'big' }])
  await enqueue('large')
  await time.advance(2_000)
  expect(ran).toEqual(['large'])
})

test('a store that is named is served although no tenant needs it, as long as it has jobs', async () => {
  const before = process.queue({ store: big })
  await before.enqueue('job', {}, { tenantId: 'small', delay: 5_000 })
  work([{ id: 'small' }])
  await time.advance(30_000)
  expect(ran).toEqual(['small'])
  expect(Object.keys(processor.status().stores!)).toEqual(['main'])
})

describe('a store opened for tenants', () => {
  const url = 'memory:tenant'
  let opened: JobStore[]
  let closed: JobStore[]

  function workWith(tenants: readonly TenantEntry[]): void {
    opened = []
    closed = []
    directory = listDirectory(tenants)
    stores = createTenantStores({
      directory,
      stores: { main },
      open() {
        const store = createMemoryStore({ clock: time.clock })
        const own: JobStore = storeWith(store, {
          close() {
            closed.push(own)
            return store.close()
          },
        })
        opened.push(own)
        return own
      },
    })
    queue = process.queue({ store: stores })
    processor = process.start({ queue, handlers: new Map([['job', handler]]) })
  }

  test('is opened when a tenant comes to need it, and once for all of them', async () => {
    workWith([{ id: 'small' }])
    await time.advance(1_000)
    expect(opened).toHaveLength(0)
    directory.replace([
      { id: 'one', store: url },
      { id: 'two', store: url },
    ])
    await enqueue('one', 'two')
    await time.advance(1_000)
    expect(opened).toHaveLength(1)
    expect(ran.toSorted()).toEqual(['one', 'two'])
  })

  test('is drained and closed when no tenant needs it any more, once no job is left in it', async () => {
    workWith([{ id: 'one', store: url }])
    await time.advance(100)
    await queue.enqueue('job', {}, { tenantId: 'one', delay: 60_000 })
    directory.replace([{ id: 'one' }])
    await time.advance(30_000)
    expect(closed).toEqual([])
    await time.advance(60_000)
    expect(ran).toEqual(['one'])
    expect(closed).toEqual(opened)
    expect(Object.keys(processor.status().stores!)).toEqual(['main'])
    // And anew.
    directory.replace([{ id: 'one', store: url }])
    await enqueue('one')
    await time.advance(1_000)
    expect(ran).toEqual(['one', 'one'])
    expect(opened).toHaveLength(2)
  })

  test('that cannot be opened is tried again, and the others run meanwhile', async () => {
    let refuses = true
    directory = listDirectory([{ id: 'small' }, { id: 'large', store: url }])
    stores = createTenantStores({
      directory,
      stores: { main },
      open() {
        if (refuses) throw new Error('no driver')
        return big
      },
    })
    queue = process.queue({ store: stores })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await enqueue('small')
    await expect(enqueue('large')).rejects.toThrow('no driver')
    await time.advance(1_000)
    expect(ran).toEqual(['small'])
    expect(process.messages).toContainEqual(
      expect.stringMatching(/^telling the directory's tenants .*store memory#.* failed/),
    )
    refuses = false
    await enqueue('large')
    await time.advance(3_000)
    expect(ran).toEqual(['small', 'large'])
  })
})

test('status sums the stores, and has each by its name', async () => {
  work([{ id: 'small' }, { id: 'large', store: 'big' }])
  processor.registerHandler('job', () => new Promise(() => {}))
  expect(processor.status()).toEqual({
    state: 'running',
    running: 0,
    prefetched: 0,
    lastClaimAgoMs: null,
    stores: {},
  })
  await enqueue('small', 'large', 'large')
  await time.advance(100)
  const { stores: each, ...sum } = processor.status()
  expect(sum).toMatchObject({ state: 'running', running: 3, prefetched: 0 })
  expect(each).toMatchObject({
    main: { state: 'running', running: 1 },
    big: { state: 'running', running: 2 },
  })
})

test('stop drains every store and lets no change of the directory begin anything', async () => {
  work([{ id: 'small' }, { id: 'large', store: 'big' }])
  const held = Promise.withResolvers<void>()
  processor.registerHandler('job', async () => {
    await held.promise
    return { success: true }
  })
  await enqueue('small', 'large')
  await time.advance(100)
  const stopped = processor.stop()
  directory.replace([{ id: 'small', store: 'big' }])
  await time.advance(100)
  expect(processor.status().state).toBe('stopping')
  held.resolve()
  await time.advance(100)
  await stopped
  expect(processor.status()).toMatchObject({ state: 'stopped', running: 0 })
  expect(await queue.counts()).toMatchObject({ completed: 2 })
  await time.advance(60_000)
  expect(time.foregroundTimers).toBe(0)
  expect(() => processor.start()).toThrow('was stopped; make a new one')
})

test('middleware wraps the handlers of every store, also of one that comes later', async () => {
  const passed: string[] = []
  work([{ id: 'small' }])
  processor.use(async (job, _context, next) => {
    passed.push(job.tenantId!)
    return next()
  })
  await enqueue('small')
  await time.advance(100)
  directory.replace([{ id: 'large', store: 'big' }])
  await enqueue('large')
  await time.advance(1_000)
  expect(passed).toEqual(['small', 'large'])
})

test('no job starts until the tenants are known', async () => {
  const known = Promise.withResolvers<void>()
  const inner = listDirectory([{ id: 'small' }])
  let isKnown = false
  directory = {
    ...inner,
    current: () => (isKnown ? inner.current() : null),
    ready: async () => {
      await known.promise
      if (!isKnown) throw new Error('no database')
      return inner.ready()
    },
  }
  stores = createTenantStores({ directory, stores: { main } })
  queue = process.queue({ store: stores })
  await process.queue({ store: main }).enqueue('job', {}, { tenantId: 'small' })
  process.start({ queue, handlers: new Map([['job', handler]]) })
  await time.advance(10_000)
  known.resolve()
  await time.advance(10_000)
  expect(ran).toEqual([])
  expect(process.messages).toContain('no job can start until the tenants are known')
  isKnown = true
  await time.advance(3_000)
  expect(ran).toEqual(['small'])
})
