import { withTenant } from '@cgk/core'
import {
  EACH_TENANT,
  type JobQueue,
  JobsError,
  type JobStore,
  type QueueScope,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { listeningStore, storeWith } from './store-with.ts'

let time: ManualTime
let memory: JobStore
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  memory = createMemoryStore({ clock: time.clock })
  process = new SimulatedProcess(time, memory)
  queue = process.queue()
})

/** Starts a processor whose jobs take 100 ms, and notes the tenants of those that begin. */
function startNoting(slots = 10): string[] {
  const begun: string[] = []
  process.start({
    queue,
    maxConcurrency: slots,
    handlers: new Map([
      [
        'job',
        async ({ tenantId }) => {
          begun.push(tenantId ?? 'none')
          await time.sleep(100)
          return { success: true }
        },
      ],
    ]),
  })
  return begun
}

const fill = (count: number, tenantId: string | null, options: object = {}): Promise<unknown> =>
  withTenant(tenantId, () =>
    queue.enqueueMany(Array.from({ length: count }, () => ({ job: 'job', payload: {}, options }))),
  )

describe('setLimits', () => {
  test('holds for the tenant it names, in every process, from the next claim on', async () => {
    const other = new SimulatedProcess(time, memory).queue()
    await other.setLimits({ tenantId: 'acme' }, { concurrency: 2 })
    await fill(5, 'acme')
    await fill(3, 'globex')
    const begun = startNoting()
    await time.settle()
    expect(begun.toSorted()).toEqual(['acme', 'acme', 'globex', 'globex', 'globex'])
    await other.setLimits({ tenantId: 'acme' }, { concurrency: null })
    await time.advance(100)
    expect(begun.filter((tenant) => tenant === 'acme')).toHaveLength(5)
  })

  test('inside of a tenant means that tenant, outside of one the queue, and EACH_TENANT each', async () => {
    await withTenant('acme', () => queue.setLimits({}, { concurrency: 1 }))
    await queue.setLimits({}, { concurrency: 9 })
    await queue.setLimits({ tenantId: EACH_TENANT }, { backlog: 70 })
    await queue.setLimits({ tenantId: null }, { backlog: 7 })
    const applied = async (scope: QueueScope) => (await queue.limits(scope)).applies
    expect(await applied({})).toEqual({ concurrency: 9 })
    expect(await withTenant('acme', () => applied({}))).toEqual({
      weight: 1,
      concurrency: 1,
      backlog: 70,
    })
    expect(await applied({ tenantId: 'globex' })).toEqual({ weight: 1, backlog: 70 })
    expect(await applied({ tenantId: null })).toEqual({ weight: 1, backlog: 7 })
  })

  test('of weights shares the starts', async () => {
    await queue.setLimits({ tenantId: 'acme' }, { weight: 3 })
    await fill(40, 'acme')
    await fill(40, 'globex')
    const begun = startNoting(8)
    await time.settle()
    expect(begun.filter((tenant) => tenant === 'acme')).toHaveLength(6)
  })

  test('of a backlog refuses an enqueue beyond it whole, and names tenant, quota and count', async () => {
    await queue.setLimits({ tenantId: EACH_TENANT }, { backlog: 3 })
    await fill(2, 'acme')
    expect(await refusal(() => fill(2, 'acme'))).toMatchObject({
      code: 'JOBS_BACKLOG_FULL',
      retryable: true,
      message:
        'the backlog of tenant acme in queue default is full: 2 jobs wait, 2 more would pass its quota of 3; enqueue again once some have run',
    })
    await fill(3, 'globex')
    expect(await queue.counts({ tenantId: 'acme' })).toMatchObject({ pending: 2 })
  })

  test('with bad input is refused before the store is asked', async () => {
    const { store, heard } = listeningStore(memory)
    const listening = new SimulatedProcess(time, store).queue()
    const bad: [unknown, unknown][] = [
      [{}, { weight: 2 }],
      [{ limiter: 'shopify' }, { concurrency: 1 }],
      [{ tenantId: 'acme', key: 'a', limiter: 'b' }, { concurrency: 1 }],
      [{ tenantId: 'acme' }, { concurrency: '3' }],
      [{ tenantId: 'acme' }, { paused: true }],
      [{ tenantId: undefined }, { concurrency: 1 }],
      [undefined, { concurrency: 1 }],
    ]
    for (const [scope, limits] of bad) {
      const error = await refusal(() => listening.setLimits(scope as never, limits as never))
      expect(error).toMatchObject({ code: 'JOBS_INVALID_LIMIT', retryable: false })
    }
    for (const call of ['limits', 'pause', 'resume', 'isPaused', 'drain'] as const) {
      const error = await refusal(() => listening[call]({ key: 'a' }))
      expect(error.code).toBe('JOBS_INVALID_LIMIT')
    }
    expect(heard).toEqual([])
  })
})

describe('limits', () => {
  test('tells what applies, who said it and how it stands', async () => {
    const scope = { tenantId: 'acme', limiter: 'shopify' }
    await memory.setLimits([
      {
        scope: { queue: 'default', ...scope },
        source: 'directory',
        limits: { concurrency: 5, breaker: { failures: 2, cooldownMs: 500 } },
      },
    ])
    await queue.setLimits(scope, { concurrency: 2, rate: { limit: 1, period: 1_000, burst: 2 } })
    await fill(3, 'acme', { limiter: 'shopify' })
    startNoting()
    await time.settle()
    expect(await queue.limits(scope)).toEqual({
      scope,
      operator: { concurrency: 2, rate: { limit: 1, period: 1_000, burst: 2 } },
      directory: { concurrency: 5, breaker: { failures: 2, cooldown: 500 } },
      applies: {
        concurrency: 2,
        rate: { limit: 1, period: 1_000, burst: 2 },
        breaker: { failures: 2, cooldown: 500 },
      },
      paused: false,
      leased: 2,
      opensInMs: 1_000,
      breaker: 'closed',
    })
  })

  test('of a scope about which nothing was said are none', async () => {
    expect(await queue.limits({})).toEqual({
      scope: {},
      operator: {},
      directory: {},
      applies: {},
      paused: false,
      leased: 0,
      opensInMs: 0,
    })
  })

  test('that apply are not those lifted by none, and null takes back what was said', async () => {
    await queue.setLimits({ tenantId: EACH_TENANT }, { concurrency: 3 })
    await queue.setLimits({ tenantId: 'acme' }, { concurrency: 'none' })
    expect(await queue.limits({ tenantId: 'acme' })).toMatchObject({
      operator: { concurrency: 'none' },
      applies: { weight: 1 },
    })
    await queue.setLimits({ tenantId: 'acme' }, { concurrency: null })
    expect((await queue.limits({ tenantId: 'acme' })).applies).toMatchObject({ concurrency: 3 })
  })
})

describe('listLimits', () => {
  test('pages through the scopes about which something is said, of all tenants or of one', async () => {
    await queue.setLimits({}, { concurrency: 9 })
    await queue.setLimits({ tenantId: 'acme' }, { weight: 2 })
    await queue.setLimits({ tenantId: 'acme', key: 'k' }, { concurrency: 1 })
    await queue.pause({ tenantId: 'globex' })
    const first = await queue.listLimits({ limit: 3 })
    const second = await queue.listLimits({ limit: 3, cursor: first.nextCursor })
    expect(second).not.toHaveProperty('nextCursor')
    const all = [...first, ...second]
    expect(all).toHaveLength(4)
    expect(all).toContainEqual({
      scope: { tenantId: 'globex' },
      operator: { paused: true },
      directory: {},
    })
    const ofAcme = await withTenant('acme', () => queue.listLimits())
    expect(ofAcme.map(({ scope }) => scope)).toEqual(
      expect.arrayContaining([{ tenantId: 'acme' }, { tenantId: 'acme', key: 'k' }]),
    )
    expect(ofAcme).toHaveLength(2)
    expect(await refusal(() => queue.listLimits({ limit: 0 }))).toMatchObject({
      code: 'JOBS_INVALID_OPTION',
    })
  })
})

describe('pause', () => {
  test('of a tenant stops that tenant alone, and resume lifts exactly that', async () => {
    await fill(1, 'acme')
    await fill(1, 'globex')
    await queue.pause({ tenantId: 'acme' })
    expect(await queue.isPaused({ tenantId: 'acme' })).toBe(true)
    expect(await queue.isPaused({ tenantId: 'globex' })).toBe(false)
    expect(await queue.isPaused()).toBe(false)
    const begun = startNoting()
    await time.advance(1_000)
    expect(begun).toEqual(['globex'])
    await queue.resume()
    await time.advance(1_000)
    expect(begun).toEqual(['globex'])
    await queue.resume({ tenantId: 'acme' })
    await time.advance(1_000)
    expect(begun).toEqual(['globex', 'acme'])
  })

  test('without a scope means the whole queue, also inside of a tenant; an empty scope means that', async () => {
    await withTenant('acme', () => queue.pause())
    expect(await queue.isPaused()).toBe(true)
    expect(await queue.isPaused({ tenantId: 'acme' })).toBe(false)
    await withTenant('acme', () => queue.resume())
    expect(await queue.isPaused()).toBe(false)

    await withTenant('acme', () => queue.pause({}))
    expect(await queue.isPaused()).toBe(false)
    expect(await queue.isPaused({ tenantId: 'acme' })).toBe(true)
    expect(await withTenant('acme', () => queue.isPaused({}))).toBe(true)
  })

  test('of a limiter or a key leaves the tenant’s other jobs alone', async () => {
    await fill(1, 'acme', { limiter: 'shopify' })
    await fill(1, 'acme', { orderingKey: 'order-1' })
    await fill(1, 'acme')
    await fill(1, 'globex', { limiter: 'shopify' })
    await queue.pause({ tenantId: EACH_TENANT, limiter: 'shopify' })
    await queue.pause({ tenantId: 'acme', key: 'order-1' })
    const begun = startNoting()
    await time.advance(1_000)
    expect(begun).toEqual(['acme'])
    await queue.resume({ tenantId: EACH_TENANT, limiter: 'shopify' })
    await time.advance(1_000)
    expect(begun.toSorted()).toEqual(['acme', 'acme', 'globex'])
  })
})

test('a store without limits refuses a drain, and is not left paused by it', async () => {
  const unsupported = new JobsError('JOBS_UNSUPPORTED', 'this store has no limits')
  const store = storeWith(memory, { getLimits: () => Promise.reject(unsupported) })
  const plain = new SimulatedProcess(time, store).queue()
  expect(await refusal(() => plain.drain({ tenantId: 'acme' }))).toBe(unsupported)
  expect(await queue.isPaused({ tenantId: 'acme' })).toBe(false)
})
