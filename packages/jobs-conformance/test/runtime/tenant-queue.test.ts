import { withTenant } from '@cgk/core'
import type {
  Job,
  JobOptions,
  JobQueue,
  JobStore,
  ScheduleSpec,
  TenantAddress,
  TenantGroupMember,
  TenantQueue,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { listeningStore } from './store-with.ts'

let time: ManualTime
let memory: JobStore
let process: SimulatedProcess
let queue: JobQueue
let acme: TenantQueue
let globex: TenantQueue

beforeEach(() => {
  time = new ManualTime()
  memory = createMemoryStore({ clock: time.clock })
  process = new SimulatedProcess(time, memory)
  queue = process.queue()
  acme = queue.forTenant('acme')
  globex = queue.forTenant('globex')
})

/** Everything of globex that is not acme's business, and the same without a tenant. */
async function fillOthers(): Promise<void> {
  for (const tenantId of ['globex', null]) {
    await withTenant(tenantId, async () => {
      await queue.enqueue('job', { secret: tenantId }, { jobId: 'job-1', uniqueKey: 'key-1' })
      await queue.enqueueGroup([{ job: 'member', payload: { secret: tenantId } }], {
        groupId: 'group-1',
        onAnyFailed: 'nothing',
      })
      await queue.schedule('schedule-1', { job: 'tick', payload: {}, every: 3_600_000 })
      const failed = await queue.enqueue('failed', {}, { jobId: 'failed-1' })
      expect(failed.id).toBe('failed-1')
    })
    const scope = { tenantId }
    await queue.setLimits(scope, { concurrency: 3 })
    await queue.setLimits({ ...scope, limiter: 'shopify' }, { concurrency: 4 })
  }
  process.start({
    queue,
    handlers: new Map([
      ['failed', () => ({ success: false, error: { message: 'no', retryable: false } })],
    ]),
  })
  await time.settle()
}

/** All there is of globex and without a tenant, as an operator sees it. */
async function othersAsTheyAre(): Promise<unknown> {
  const of = (tenantId: string | null) => async () => [
    await queue.listJobs({ tenantId, limit: 1_000 }),
    await queue.schedules.list({ tenantId }),
    await queue.getGroup({ id: 'group-1', tenantId }),
    await queue.limits({ tenantId }),
    await queue.limits({ tenantId, limiter: 'shopify' }),
    await queue.limits({ tenantId, key: 'key-1' }),
  ]
  return [await of('globex')(), await of(null)(), await queue.limits({}), await queue.isPaused()]
}

async function linesOf(lines: AsyncIterable<string>): Promise<string[]> {
  const read: string[] = []
  for await (const line of lines) read.push(line)
  return read
}

const times = { job: 'tick', payload: {}, every: 3_600_000 } as const

/** Every call of a tenant's queue that takes an address, with that address. */
const BY_ADDRESS: Readonly<Record<string, (view: TenantQueue, at: TenantAddress) => unknown>> = {
  getJob: (view, at) => view.getJob(at),
  cancelJob: (view, at) => view.cancelJob(at),
  retryJob: (view, at) => view.retryJob(at),
  removeJob: (view, at) => view.removeJob(at),
  waitFor: (view, at) => view.waitFor(at),
  getGroup: (view, at) => view.getGroup(at),
  'schedules.get': (view, at) => view.schedules.get(at),
  'schedules.pause': (view, at) => view.schedules.pause(at),
  'schedules.resume': (view, at) => view.schedules.resume(at),
  'schedules.runNow': (view, at) => view.schedules.runNow(at),
  'schedules.preview': (view, at) => view.schedules.preview(at),
  'schedules.remove': (view, at) => view.schedules.remove(at),
}

/** Every call that takes a selection, a scope or options, with something more in it. */
const BY_CHOICE: Readonly<Record<string, (view: TenantQueue, more: never) => unknown>> = {
  enqueue: (view, more: object) => view.enqueue('job', {}, more),
  enqueueMany: (view, more: object) =>
    view.enqueueMany([
      { job: 'job', payload: {} },
      { job: 'job', payload: {}, options: more },
    ]),
  'enqueueGroup, its options': (view, more: object) =>
    view.enqueueGroup([], { ...more, onAnyFailed: 'nothing' }),
  'enqueueGroup, a member': (view, more: object) =>
    view.enqueueGroup([{ job: 'job', payload: {}, options: more }], { onAnyFailed: 'nothing' }),
  'enqueueGroup, a nested member': (view, more: object) =>
    view.enqueueGroup(
      [{ jobs: [{ job: 'job', payload: {}, options: more }], onAnyFailed: 'nothing' }],
      { onAnyFailed: 'nothing' },
    ),
  'enqueueGroup, onComplete': (view, more: object) =>
    view.enqueueGroup([], {
      onComplete: { job: 'job', payload: {}, options: more },
      onAnyFailed: 'complete',
    }),
  'enqueueGroup, onAnyFailed of a nested one': (view, more: object) =>
    view.enqueueGroup([{ jobs: [], onAnyFailed: { job: 'job', payload: {}, options: more } }], {
      onAnyFailed: 'nothing',
    }),
  schedule: (view, more: object) => view.schedule('own', { ...times, options: more }),
  'schedules.list': (view, more: object) => view.schedules.list(more),
  listJobs: (view, more: object) => view.listJobs(more),
  exportJobs: (view, more: object) => view.exportJobs(more),
  counts: (view, more: object) => view.counts(more),
  'counts by name': (view, more: object) => view.counts({ ...more, name: 'job' }),
  oldestAge: (view, more: object) => view.oldestAge(more),
  cancelJobs: (view, more: object) => view.cancelJobs({ ...more, name: 'job' }),
  retryJobs: (view, more: object) => view.retryJobs({ ...more, name: 'failed' }),
  removeJobs: (view, more: object) => view.removeJobs({ ...more, name: 'job' }),
  pause: (view, more: object) => view.pause(more),
  resume: (view, more: object) => view.resume(more),
  isPaused: (view, more: object) => view.isPaused(more),
  drain: (view, more: object) => view.drain(more),
  setLimits: (view, more: object) => view.setLimits(more, { concurrency: 1 }),
  limits: (view, more: object) => view.limits(more),
  listLimits: (view, more: object) => view.listLimits(more),
}

describe('what names somebody else is refused before the store is asked:', () => {
  const FOREIGN = ['globex', null, '*', 'GLOBEX', 7]

  test.each(Object.keys(BY_ADDRESS))('%s', async (call) => {
    const { store, heard } = listeningStore(memory)
    const view = new SimulatedProcess(time, store).queue().forTenant('acme')
    for (const tenantId of FOREIGN) {
      const at = { id: 'job-1', tenantId } as unknown as TenantAddress
      expect(await refusal(() => BY_ADDRESS[call]!(view, at))).toMatchObject({
        code: 'JOBS_FOREIGN_TENANT',
        retryable: false,
        message: expect.stringMatching(/^this is the queue of tenant acme, and the /) as string,
      })
    }
    expect(heard).toEqual([])
  })

  test.each(Object.keys(BY_CHOICE))('%s', async (call) => {
    const { store, heard } = listeningStore(memory)
    const view = new SimulatedProcess(time, store).queue().forTenant('acme')
    for (const tenantId of FOREIGN) {
      const error = await refusal(() => BY_CHOICE[call]!(view, { tenantId } as never))
      expect(error.code).toBe('JOBS_FOREIGN_TENANT')
      expect(error.message).not.toContain('globex')
    }
    expect(heard).toEqual([])
  })

  test('a group that contains itself is not looked at for ever', async () => {
    const jobs: TenantGroupMember[] = []
    jobs.push({ jobs, onAnyFailed: 'nothing' })
    const error = await refusal(() => acme.enqueueGroup(jobs, { onAnyFailed: 'nothing' }))
    expect(error.code).toBe('JOBS_DEPENDENCY_CYCLE')
  })

  test('every call of the queue is tried here, or takes nothing that could name one', () => {
    const methods = (value: object): string[] =>
      Object.getOwnPropertyNames(Object.getPrototypeOf(value)).filter(
        (name) => name !== 'constructor',
      )
    const tried = [...Object.keys(BY_ADDRESS), ...Object.keys(BY_CHOICE)].map(
      (name) => name.split(/[, ]/)[0]!,
    )
    expect(
      [...methods(acme), ...methods(acme.schedules).map((name) => `schedules.${name}`)].toSorted(),
    ).toEqual([...new Set([...tried, 'on'])].toSorted())
  })
})

describe('the ids of others mean nothing', () => {
  test.each(Object.keys(BY_ADDRESS))('to %s, alone, in an object or as its own', async (call) => {
    await fillOthers()
    const before = await othersAsTheyAre()
    for (const id of ['job-1', 'failed-1', 'group-1', 'schedule-1']) {
      for (const at of [id, { id }, { id, tenantId: 'acme' }] as TenantAddress[]) {
        // Also where the caller is in the other tenant.
        for (const ambient of ['globex', 'acme', null]) {
          const answer = await withTenant(ambient, async () => BY_ADDRESS[call]!(acme, at)).catch(
            (error: unknown) => error,
          )
          if (answer === null) continue
          expect(answer).toMatchObject({
            code: expect.stringMatching(/^JOBS_(SCHEDULE_)?NOT_FOUND$/) as string,
          })
          expect((answer as Error).message).not.toContain('globex')
        }
      }
    }
    expect(await othersAsTheyAre()).toEqual(before)
  })
})

describe('calls without an address', () => {
  const FILTERS = [
    { name: 'job' },
    { keyPrefix: 'key' },
    { groupId: 'group-1' },
    { scheduleId: 'schedule-1' },
    { status: ['pending', 'failed', 'completed'] as const },
  ]

  test('see nothing of others', async () => {
    await fillOthers()
    for (const ambient of ['globex', null]) {
      await withTenant(ambient, async () => {
        const none = { pending: 0, scheduled: 0, running: 0, failed: 0, completed: 0 }
        expect(await acme.listJobs()).toEqual([])
        expect(await acme.listJobs('failed')).toEqual([])
        expect(await acme.counts()).toMatchObject(none)
        expect(await acme.oldestAge()).toBeNull()
        expect(await acme.schedules.list()).toEqual([])
        expect(await acme.listLimits()).toEqual([])
        expect(await acme.limits()).toMatchObject({ applies: { weight: 1 }, leased: 0 })
        expect((await acme.limits()).applies).not.toHaveProperty('concurrency')
        expect(await linesOf(acme.exportJobs())).toEqual([])
        for (const filter of FILTERS) {
          expect(await acme.listJobs(filter)).toEqual([])
          expect(await acme.counts(filter)).toMatchObject(none)
          expect(await acme.oldestAge(filter)).toBeNull()
          expect(await linesOf(acme.exportJobs(filter))).toEqual([])
        }
      })
    }
    expect(await globex.listJobs()).toHaveLength(3)
    expect(await globex.schedules.list()).toHaveLength(1)
    expect(await globex.listLimits()).toHaveLength(2)
  })

  test('a cursor of others shows nothing of theirs', async () => {
    await fillOthers()
    const { nextCursor } = await globex.listJobs({ limit: 1 })
    expect(nextCursor).toBeDefined()
    expect(await acme.listJobs({ limit: 1, cursor: nextCursor })).toEqual([])
  })

  test('change nothing of others', async () => {
    await fillOthers()
    const before = await othersAsTheyAre()
    for (const ambient of ['globex', null]) {
      await withTenant(ambient, async () => {
        for (const filter of FILTERS) {
          const live = 'status' in filter ? { status: 'pending' as const } : filter
          expect(await acme.cancelJobs(live)).toMatchObject({ matched: 0 })
          const failed = 'status' in filter ? { status: 'failed' as const } : filter
          expect(await acme.retryJobs(failed)).toMatchObject({ matched: 0 })
          expect(await acme.removeJobs(filter, { cancelRunning: true })).toMatchObject({
            matched: 0,
          })
        }
      })
    }
    for (const ambient of ['globex', null]) {
      await withTenant(ambient, async () => {
        await acme.pause()
        await acme.pause({ limiter: 'shopify' })
        await acme.pause({ key: 'key-1' })
        await acme.drain()
        await acme.setLimits({}, { weight: 9, concurrency: 1, backlog: 70 })
        await acme.setLimits({ limiter: 'shopify' }, { concurrency: 1 })
        await acme.schedule('schedule-1', { ...times, every: 60_000 })
        await acme.enqueue('job', { mine: true }, { jobId: 'job-1', uniqueKey: 'key-1' })
        await acme.enqueueGroup([], { groupId: 'group-1', onAnyFailed: 'nothing' })
        await acme.resume()
      })
    }
    expect(await othersAsTheyAre()).toEqual(before)
    expect(await acme.isPaused()).toBe(false)
    expect(await acme.isPaused({ key: 'key-1' })).toBe(true)
    expect(await globex.isPaused({ key: 'key-1' })).toBe(false)
  })

  test('an empty filter for many jobs is refused here too', async () => {
    await acme.enqueue('job', {})
    for (const call of ['cancelJobs', 'retryJobs', 'removeJobs'] as const) {
      for (const filter of [{}, undefined, null]) {
        expect(await refusal(() => acme[call](filter as never))).toMatchObject({
          code: 'JOBS_INVALID_OPTION',
          message: expect.stringMatching(
            /^an empty filter would mean every job of tenant acme: give a status, name/,
          ) as string,
        })
      }
    }
    expect(await acme.counts()).toMatchObject({ pending: 1 })
  })
})

describe('a tenant’s own', () => {
  test('jobs, groups and schedules are its own, whoever calls', async () => {
    await withTenant('globex', async () => {
      const job = await acme.enqueue('job', { n: 1 })
      const [many] = await acme.enqueueMany([{ job: 'job', payload: { n: 2 } }])
      const group = await acme.enqueueGroup([{ job: 'job', payload: { n: 3 } }], {
        onAnyFailed: 'nothing',
      })
      const schedule = await acme.schedule('own', times)
      const run = await acme.schedules.runNow(schedule)
      for (const made of [job, many, group, group.jobs[0], schedule, run]) {
        expect(made).toMatchObject({ tenantId: 'acme' })
      }
      expect(await acme.getJob(job)).toEqual(job)
      expect(await acme.getJob(job.id)).toEqual(job)
      expect(await acme.getGroup(group)).toMatchObject({ id: group.id, total: 1 })
      expect(await acme.schedules.get('own')).toMatchObject({ id: 'own' })
      expect(await acme.schedules.list()).toHaveLength(1)
      expect(await acme.schedules.pause(schedule)).toMatchObject({ paused: true })
      expect(await acme.schedules.resume('own')).toMatchObject({ paused: false })
      expect(await acme.schedules.preview('own', 2)).toHaveLength(2)
      expect(await acme.schedules.preview({ every: 60_000 }, 2)).toHaveLength(2)
      expect(await acme.listJobs()).toHaveLength(4)
      expect(await acme.counts({ name: 'job' })).toMatchObject({ pending: 3 })
      expect(await linesOf(acme.exportJobs({ name: 'tick' }))).toHaveLength(1)
      time.pass(100)
      expect(await acme.oldestAge()).toBe(100)
      await acme.cancelJob(job)
      await acme.retryJob(job.id)
      await acme.cancelJob(job.id)
      await acme.removeJob(job)
      expect(await acme.cancelJobs({ groupId: group.id })).toMatchObject({ changed: 1 })
      expect(await acme.retryJobs({ status: 'cancelled' })).toMatchObject({ changed: 1 })
      expect(await acme.removeJobs({ name: ['job', 'tick'] })).toMatchObject({ changed: 3 })
      await acme.schedules.remove('own')
    })
    expect(await queue.listJobs()).toEqual([])
    expect(await globex.counts()).toMatchObject({ pending: 0 })
  })

  test('job of the queue itself is one of its own', async () => {
    const job = await queue.enqueue('job', {}, { tenantId: 'acme' })
    expect(await acme.getJob(job as never)).toEqual(job)
  })

  test('limits and pauses are its own', async () => {
    await withTenant('globex', async () => {
      await acme.setLimits({}, { concurrency: 2 })
      await acme.setLimits({ limiter: 'shopify' }, { concurrency: 1 })
      await acme.pause()
    })
    expect(await queue.limits({ tenantId: 'acme' })).toMatchObject({
      applies: { concurrency: 2 },
      paused: true,
    })
    expect(await acme.limits({ limiter: 'shopify' })).toMatchObject({ applies: { concurrency: 1 } })
    expect((await acme.listLimits()).map(({ scope }) => scope)).toHaveLength(2)
    expect(await queue.isPaused()).toBe(false)
    expect(await queue.isPaused({ tenantId: 'globex' })).toBe(false)
    await withTenant('globex', () => acme.resume())
    expect(await acme.isPaused()).toBe(false)
  })

  test('events are those of its jobs alone', async () => {
    const heard: unknown[] = []
    const off = acme.on('enqueued', ({ job }) => heard.push((job as Job<unknown>).tenantId))
    acme.on('completed', ({ job }) => heard.push(`completed ${(job as Job<unknown>).tenantId}`))
    await acme.enqueue('job', {})
    await globex.enqueue('job', {})
    await queue.enqueue('job', {})
    process.start({ queue, handlers: new Map([['job', () => ({ success: true })]]) })
    await time.settle()
    off()
    await acme.enqueue('job', {})
    expect(heard).toEqual(['acme', 'completed acme'])
    expect(await refusal(() => acme.on('nothing' as never, () => {}))).toMatchObject({
      code: 'JOBS_INVALID_OPTION',
    })
    expect(await refusal(() => acme.on('failed', undefined as never))).toMatchObject({
      code: 'JOBS_INVALID_OPTION',
    })
  })

  test('result can be waited for', async () => {
    process.start({
      queue,
      handlers: new Map([['job', ({ tenantId }) => ({ success: true, data: tenantId })]]),
    })
    const job = await withTenant('globex', () => acme.enqueue('job', {}))
    const result = withTenant('globex', () => acme.waitFor(job))
    await time.advance(1_000)
    expect(await result).toBe('acme')
  })

  test('queue takes jobs where tenants are required, and passes them through the middleware', async () => {
    const strict = process.queue({ tenancy: 'required' })
    const tenants: unknown[] = []
    strict.use((_draft, { tenantId }, next) => {
      tenants.push(tenantId)
      return next()
    })
    await withTenant('globex', () => strict.forTenant('acme').enqueue('job', {}))
    expect(tenants).toEqual(['acme'])
  })
})

test('forTenant refuses what is no tenant', async () => {
  for (const id of ['', '*', 'A', null, undefined]) {
    expect(await refusal(() => queue.forTenant(id as string))).toMatchObject({
      code: 'JOBS_INVALID_TENANT_ID',
    })
  }
})

describe('a queue that requires tenants refuses, without one,', () => {
  let strict: JobQueue

  beforeEach(() => {
    strict = process.queue({ tenancy: 'required' })
  })

  const member = { job: 'job', payload: {} }

  test.each<[string, () => unknown]>([
    ['groups', () => strict.enqueueGroup([member], { onAnyFailed: 'nothing' })],
    ['empty groups', () => strict.enqueueGroup([], { onAnyFailed: member })],
    ['schedules', () => strict.schedule('hourly', times as ScheduleSpec)],
  ])('%s', async (_, call) => {
    expect(await refusal(call)).toMatchObject({ code: 'JOBS_TENANT_REQUIRED' })
    expect(await strict.schedules.list()).toEqual([])
    expect(await strict.counts()).toMatchObject({ pending: 0 })
  })

  test('follow-ups of a job that came without one; the attempt fails', async () => {
    const options: JobOptions = { maxAttempts: 1 }
    const first = await queue.enqueue('first', {}, options)
    process.start({
      queue: strict,
      handlers: new Map([['first', () => ({ success: true, followUps: [member] })]]),
    })
    await time.settle()
    expect(await queue.getJob(first)).toMatchObject({
      status: 'failed',
      error: { code: 'JOBS_TENANT_REQUIRED' },
    })
    expect(await queue.counts()).toMatchObject({ pending: 0 })
  })

  test('and takes them within one', async () => {
    await withTenant('acme', async () => {
      await strict.enqueueGroup([member], { onAnyFailed: member })
      await strict.schedule('often', { ...times, every: 60_000 })
      await strict.enqueue('first', {})
    })
    process.start({
      queue: strict,
      handlers: new Map([
        ['first', () => ({ success: true, followUps: [member] })],
        ['job', () => ({ success: true })],
        ['tick', () => ({ success: true })],
      ]),
    })
    await time.advance(60_000)
    expect(await strict.counts({ tenantId: 'acme' })).toMatchObject({ completed: 4, failed: 0 })
    expect(await strict.counts({ tenantId: null })).toMatchObject({ completed: 0 })
  })
})
