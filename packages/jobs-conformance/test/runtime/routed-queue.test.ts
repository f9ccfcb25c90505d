import { currentTenant, withTenant } from '@cgk/core'
import {
  createTenantStores,
  defineJob,
  functionDirectory,
  type JobQueue,
  type JobStore,
  type ListDirectory,
  listDirectory,
  type TenantStores,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { listeningStore } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let directory: ListDirectory
let main: JobStore
let big: JobStore
let stores: TenantStores
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  main = createMemoryStore({ clock: time.clock })
  big = createMemoryStore({ clock: time.clock })
  directory = listDirectory([{ id: 'small' }, { id: 'large', store: 'big' }])
  stores = createTenantStores({ directory, stores: { main, big }, defaultStore: 'main' })
  queue = process.queue({ store: stores })
})

/** The jobs of a store, as a queue on it alone has them. */
async function jobsIn(store: JobStore): Promise<string[]> {
  const jobs = await process.queue({ store }).listJobs()
  return jobs.map(({ id }) => id).toReversed()
}

describe('enqueue', () => {
  test('stores a job where its tenant lives: by the option, by the current tenant, by default', async () => {
    await queue.enqueue('job', 1, { tenantId: 'large', jobId: 'option' })
    await withTenant('large', () => queue.enqueue('job', 2, { jobId: 'current' }))
    await withTenant('large', () => queue.enqueue('job', 3, { tenantId: 'small', jobId: 'small' }))
    await queue.enqueue('job', 4, { jobId: 'none' })
    await queue.enqueue('job', 5, { tenantId: 'unheard-of', jobId: 'unknown' })
    expect(await jobsIn(big)).toEqual(['option', 'current'])
    expect(await jobsIn(main)).toEqual(['small', 'none', 'unknown'])
  })

  test('refuses what a plain queue refuses', async () => {
    await expect(queue.enqueue('job', undefined)).rejects.toMatchObject({
      code: 'JOBS_VALUE_UNDEFINED',
    })
    await expect(queue.enqueue('job', 1, { tenantId: 'No Id' })).rejects.toMatchObject({
      code: 'JOBS_INVALID_TENANT_ID',
    })
    const strict = process.queue({ store: stores, tenancy: 'required' })
    await expect(strict.enqueue('job', 1)).rejects.toMatchObject({ code: 'JOBS_TENANT_REQUIRED' })
  })

  test('stores the payload as it was when it was called', async () => {
    const payload = { n: 1 }
    const stored = [
      queue.enqueue('job', payload, { tenantId: 'large' }),
      queue.enqueueMany([{ job: 'job', payload, options: { tenantId: 'large' } }]),
    ]
    payload.n = 2
    await Promise.all(stored)
    expect((await queue.listJobs()).map((job) => job.payload)).toEqual([{ n: 1 }, { n: 1 }])
  })

  test('waits for a directory that is not known yet, and fails where it cannot be', async () => {
    let entries: () => { readonly id: string; readonly store: string }[] = () => {
      throw new Error('no database')
    }
    const late = functionDirectory(() => entries(), {
      runtime: process.runtime,
      logger: process.logger,
    })
    const lateStores = createTenantStores({
      directory: late,
      stores: { main, big },
      defaultStore: 'main',
    })
    const lateQueue = process.queue({ store: lateStores })
    await expect(lateQueue.enqueue('job', 1, { tenantId: 'large' })).rejects.toThrow('no database')
    entries = () => [{ id: 'large', store: 'big' }]
    await lateQueue.enqueue('job', 1, { tenantId: 'large', jobId: 'late' })
    expect(await jobsIn(big)).toEqual(['late'])
  })

  test('follows the directory from the next call on', async () => {
    directory.replace([{ id: 'small', store: 'big' }])
    await queue.enqueue('job', 1, { tenantId: 'small', jobId: 'moved' })
    expect(await jobsIn(big)).toEqual(['moved'])
  })

  test('goes where a middleware sends it', async () => {
    queue.use(async (draft, _context, next) => {
      draft.options.tenantId = 'large'
      await next()
    })
    await queue.enqueue('job', 1, { jobId: 'one' })
    await queue.enqueueMany([{ job: 'job', payload: 2, options: { jobId: 'many' } }])
    expect(await jobsIn(big)).toEqual(['one', 'many'])
  })

  test('of a tenant whose store is not known fails alone, and names it', async () => {
    directory.replace([{ id: 'lost', store: 'nowhere' }])
    await expect(queue.enqueue('job', 1, { tenantId: 'lost' })).rejects.toMatchObject({
      code: 'JOBS_INVALID_CONFIG',
      message:
        'there is no store "nowhere", which the directory names for tenant "lost"; there are main, big',
    })
    await queue.enqueue('job', 1, { tenantId: 'small' })
    expect(await queue.counts()).toMatchObject({ pending: 1 })
  })
})

describe('many jobs at once', () => {
  const of = (tenantId: string) => ({ job: 'job', payload: {}, options: { tenantId } })

  test('of tenants of one store are stored in one call', async () => {
    const { store, requests } = listeningStore(main)
    const one = createTenantStores({
      directory,
      stores: { main: store, big },
      defaultStore: 'main',
    })
    const jobs = await process.queue({ store: one }).enqueueMany([of('small'), of('unheard-of')])
    expect(jobs.map(({ tenantId }) => tenantId)).toEqual(['small', 'unheard-of'])
    expect(requests('enqueue')).toHaveLength(1)
  })

  test('of tenants of different stores are refused, and none is stored', async () => {
    await expect(queue.enqueueMany([of('small'), of('small'), of('large')])).rejects.toMatchObject({
      code: 'JOBS_INVALID_OPTION',
      message: expect.stringMatching(
        /^job 0 of the batch \(tenant "small"\) and job 2 \(tenant "large"\) live in different stores/,
      ),
    })
    expect(await queue.counts()).toMatchObject({ pending: 0 })
  })

  test('that are none are stored at once', async () => {
    expect(await queue.enqueueMany([])).toEqual([])
  })

  test('as a group live where their tenant does, and are found there', async () => {
    const group = await queue.enqueueGroup([{ job: 'job', payload: 1 }], {
      tenantId: 'large',
      onAnyFailed: 'nothing',
    })
    expect(await jobsIn(big)).toEqual([group.jobs[0]!.id])
    expect(await queue.getGroup(group)).toMatchObject({ id: group.id, tenantId: 'large', total: 1 })
    await expect(
      queue.enqueueGroup([of('large')], { tenantId: 'small', onAnyFailed: 'nothing' }),
    ).rejects.toMatchObject({ code: 'JOBS_INVALID_OPTION' })
  })

  test('as a group pass the middleware', async () => {
    queue.use(async (draft, _context, next) => {
      draft.options.priority = 7
      await next()
    })
    const group = await queue.enqueueGroup([{ job: 'job', payload: 1 }], {
      tenantId: 'large',
      onAnyFailed: 'nothing',
    })
    expect(group.jobs[0]).toMatchObject({ priority: 7 })
  })
})

describe('calls by id', () => {
  test('act in the store of the tenant, and in no other', async () => {
    const address = { id: 'same', tenantId: 'large' }
    await queue.enqueue('job', 'large', { tenantId: 'large', jobId: 'same' })
    await queue.enqueue('job', 'none', { jobId: 'same' })
    expect(await queue.getJob(address)).toMatchObject({ payload: 'large' })
    expect(await withTenant('large', () => queue.getJob('same'))).toMatchObject({
      payload: 'large',
    })
    expect(await queue.getJob('same')).toMatchObject({ payload: 'none' })
    await queue.cancelJob(address)
    await queue.retryJob(address)
    await queue.removeJob(address)
    expect(await queue.getJob(address)).toBeNull()
    expect(await queue.getJob('same')).toMatchObject({ status: 'pending' })
    await expect(queue.cancelJob(address)).rejects.toMatchObject({ code: 'JOBS_NOT_FOUND' })
  })

  test('find a job of a tenant that has moved where it was before', async () => {
    const job = await queue.enqueue('job', 1, { tenantId: 'small' })
    directory.replace([{ id: 'small', store: 'big' }])
    expect(await queue.getJob(job)).toMatchObject({ id: job.id })
    expect(await queue.counts({ tenantId: 'small' })).toMatchObject({ pending: 1 })
    const waiting = expect(queue.waitFor(job)).rejects.toMatchObject({ code: 'JOBS_CANCELLED' })
    expect(await queue.cancelJob(job)).toMatchObject({ status: 'cancelled' })
    await time.advance(2_000)
    await waiting
    expect(await queue.retryJob(job)).toMatchObject({ status: 'pending' })
    await queue.removeJob(job)
    await expect(queue.waitFor(job)).rejects.toMatchObject({ code: 'JOBS_NOT_FOUND' })
  })
})

describe('over all tenants', () => {
  beforeEach(async () => {
    for (const tenantId of ['small', 'large']) {
      for (const n of [1, 2, 3])
        await queue.enqueue('job', n, { tenantId, jobId: `${tenantId}-${n}` })
    }
  })

  test.each([1, 2, 3, 4, 6, 100])(
    'pages of %i list each job once, store by store',
    async (limit) => {
      const ids: string[] = []
      let cursor: string | undefined
      do {
        const page = await queue.listJobs({ limit, cursor })
        expect(page.length).toBeLessThanOrEqual(limit)
        ids.push(...page.map(({ id }) => id))
        cursor = page.nextCursor
      } while (cursor !== undefined)
      expect(ids).toEqual(['small-3', 'small-2', 'small-1', 'large-3', 'large-2', 'large-1'])
    },
  )

  test('the list narrows to a tenant, and a cursor that is none is refused', async () => {
    expect(await queue.listJobs({ tenantId: 'large' })).toHaveLength(3)
    expect(await withTenant('small', () => queue.listJobs('pending'))).toHaveLength(3)
    for (const cursor of ['nonsense', '["elsewhere"]', '{}']) {
      await expect(queue.listJobs({ cursor })).rejects.toMatchObject({
        code: 'JOBS_INVALID_OPTION',
      })
    }
  })

  test('counts are sums', async () => {
    expect(await queue.counts()).toEqual({
      pending: 6,
      scheduled: 0,
      running: 0,
      retrying: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
    })
    expect(await queue.counts({ tenantId: 'large' })).toMatchObject({ pending: 3 })
  })

  test('jobs are cancelled and retried in all stores, or in that of a tenant', async () => {
    expect(await queue.cancelJobs({ tenantId: 'large' })).toMatchObject({ matched: 3, changed: 3 })
    expect(await queue.cancelJobs({ name: 'job' })).toMatchObject({ matched: 3, changed: 3 })
    const { jobs, ...answer } = await queue.retryJobs({ status: 'cancelled' })
    expect(answer).toEqual({ matched: 6, changed: 6 })
    expect(jobs).toHaveLength(6)
  })

  test('a pause is one of every store, and so is its end', async () => {
    await queue.pause()
    expect(await queue.isPaused()).toBe(true)
    expect(await queue.dequeue()).toEqual([])
    await queue.resume()
    expect(await queue.isPaused()).toBe(false)
    expect(await queue.dequeue(6)).toHaveLength(6)
  })
})

describe('limits and loads', () => {
  test('of a tenant are in its store; those of the queue and of each tenant in all, and shown once', async () => {
    await queue.setLimits({ tenantId: 'large' }, { concurrency: 1 })
    await queue.setLimits({}, { concurrency: 5 })
    await queue.setLimits({ tenantId: '*' }, { weight: 2 })
    expect((await queue.listLimits()).map(({ scope }) => scope)).toEqual(
      expect.arrayContaining([{}, { tenantId: '*' }, { tenantId: 'large' }]),
    )
    expect(await queue.listLimits()).toHaveLength(3)
    expect(await queue.listLimits({ tenantId: 'large' })).toHaveLength(1)
    expect(await process.queue({ store: main }).listLimits({ tenantId: 'large' })).toHaveLength(0)
    for (const tenantId of ['small', 'large']) await queue.enqueue('job', 1, { tenantId })
    await queue.dequeue(10)
    expect(await queue.limits({})).toMatchObject({ leased: 2, applies: { concurrency: 5 } })
    expect(await queue.limits({ tenantId: 'large' })).toMatchObject({ leased: 1 })
  })

  test('a pause of a tenant is one of its store, and a drain waits for it alone', async () => {
    for (const tenantId of ['small', 'large']) await queue.enqueue('job', 1, { tenantId })
    const taken = await queue.dequeue(10)
    const told: number[] = []
    const drained = queue.drain(
      { tenantId: 'large' },
      { onProgress: ({ leased }) => told.push(leased) },
    )
    await time.advance(100)
    expect(told.at(-1)).toBe(1)
    await queue.acknowledge(
      taken.find(({ tenantId }) => tenantId === 'large')!,
      'completed',
    )
    await time.advance(2_000)
    await drained
    expect(await queue.isPaused({ tenantId: 'large' })).toBe(true)
    expect(await queue.isPaused({ tenantId: 'small' })).toBe(false)
    expect(await queue.isPaused()).toBe(false)
    await queue.resume({ tenantId: 'large' })
    expect(await queue.isPaused({ tenantId: 'large' })).toBe(false)
  })

  test('a drain of the queue waits for every store', async () => {
    for (const tenantId of ['small', 'large']) await queue.enqueue('job', 1, { tenantId })
    const taken = await queue.dequeue(10)
    let isDrained = false
    const drained = queue.drain().then(() => (isDrained = true))
    for (const job of taken) {
      await time.advance(2_000)
      expect(isDrained).toBe(false)
      await queue.acknowledge(job, 'completed')
    }
    await time.advance(2_000)
    await drained
    expect(await process.queue({ store: big }).isPaused()).toBe(true)
  })

  test('tenants, ages, exports and removals span the stores, and progress adds up', async () => {
    for (const tenantId of ['small', 'large']) {
      await queue.enqueue('job', 1, { tenantId })
      await time.advance(1_000)
    }
    expect(await queue.tenants()).toMatchObject([
      { tenantId: 'small', waiting: 1 },
      { tenantId: 'large', waiting: 1 },
    ])
    expect(await queue.tenants({ tenantId: 'large' })).toHaveLength(1)
    expect(await queue.oldestAge()).toBe(2_000)
    expect(await queue.oldestAge({ tenantId: 'large' })).toBe(1_000)
    expect(await queue.oldestAge({ tenantId: 'nobody' })).toBeNull()
    const lines: string[] = []
    for await (const line of queue.exportJobs()) lines.push(line)
    expect(lines.map((line) => (JSON.parse(line) as { tenantId: string }).tenantId)).toEqual([
      'small',
      'large',
    ])
    const told: unknown[] = []
    const onProgress = (progress: unknown) => told.push(progress)
    await queue.counts({ name: 'job' }, { onProgress })
    expect(told.at(-1)).toEqual({ matched: 2, changed: 0 })
    await queue.removeJobs({ name: 'job' }, { onProgress })
    expect(told.at(-1)).toEqual({ matched: 2, changed: 2 })
    expect(await queue.listJobs()).toEqual([])
  })
})

test('the queue of a tenant is that of its store, and of nobody else', async () => {
  await queue.enqueue('job', 1, { tenantId: 'small', jobId: 'same' })
  const large = queue.forTenant('large')
  await large.enqueue('job', 2, { jobId: 'same' })
  expect(await jobsIn(big)).toEqual(['same'])
  expect(await large.listJobs()).toHaveLength(1)
  expect(await large.getJob('same')).toMatchObject({ payload: 2 })
  await large.removeJobs({ status: 'pending' })
  expect(await queue.counts()).toMatchObject({ pending: 1 })
})

describe('by hand', () => {
  test('jobs are taken from the stores in turn, and each is ended where it was taken', async () => {
    for (const tenantId of ['small', 'large']) {
      for (const n of [1, 2]) await queue.enqueue('job', n, { tenantId })
    }
    const taken = [...(await queue.dequeue(1)), ...(await queue.dequeue(1))]
    expect(taken.map(({ tenantId }) => tenantId)).toEqual(['small', 'large'])
    for (const job of taken) await queue.acknowledge(job, 'completed')
    expect(await queue.counts()).toMatchObject({ completed: 2, pending: 2 })
    await expect(queue.acknowledge(taken[0]!, 'completed')).rejects.toMatchObject({
      code: 'JOBS_LEASE_LOST',
    })
    expect(await queue.dequeue(10)).toHaveLength(2)
  })

  test('an id that several tenants have needs the job itself', async () => {
    for (const tenantId of ['small', 'large'])
      await queue.enqueue('job', 1, { tenantId, jobId: 'same' })
    const taken = await queue.dequeue()
    await expect(queue.acknowledge('same', 'completed')).rejects.toThrow('pass the job itself')
    for (const job of taken) await queue.acknowledge(job, 'completed')
    expect(await queue.counts()).toMatchObject({ completed: 2 })
  })
})

test('listeners hear of every store, also of one that is opened later', async () => {
  const heard: string[] = []
  const off = queue.on('enqueued', ({ job }) => heard.push(`${job.tenantId} ${currentTenant()}`))
  await queue.enqueue('job', 1, { tenantId: 'small' })
  await queue.enqueue('job', 1, { tenantId: 'large' })
  off()
  await queue.enqueue('job', 1, { tenantId: 'large' })
  expect(heard).toEqual(['small small', 'large large'])
  expect(() => queue.on('nonsense' as 'failed', () => {})).toThrow('there is no event')
})

describe('schedules', () => {
  const spec = { job: 'job', payload: {}, every: 60_000 }

  test('of a tenant are in its store alone', async () => {
    await queue.schedule('mine', { ...spec, options: { tenantId: 'large' } })
    expect(await process.queue({ store: big }).schedules.list()).toHaveLength(1)
    expect(await process.queue({ store: main }).schedules.list()).toHaveLength(0)
    const address = { id: 'mine', tenantId: 'large' }
    expect(await queue.schedules.pause(address)).toMatchObject({ paused: true })
    expect(await queue.schedules.resume(address)).toMatchObject({ paused: false })
    expect(await queue.schedules.runNow(address)).toMatchObject({ tenantId: 'large' })
    expect(await queue.schedules.preview(address, 2)).toHaveLength(2)
    expect(await queue.schedules.preview({ every: 1_000 }, 3)).toHaveLength(3)
    await queue.schedules.remove(address)
    expect(await queue.schedules.get(address)).toBeNull()
    await expect(queue.schedules.pause(address)).rejects.toMatchObject({
      code: 'JOBS_SCHEDULE_NOT_FOUND',
    })
  })

  test('for each tenant are in every store, and one to who looks', async () => {
    await queue.schedule('all', { ...spec, forEach: 'tenant' })
    await queue.schedule('mine', { ...spec, options: { tenantId: 'large' } })
    expect((await queue.schedules.list()).map(({ id }) => id)).toEqual(['all', 'mine'])
    for (const store of [main, big]) {
      expect(await process.queue({ store }).schedules.get('all')).toMatchObject({ paused: false })
    }
    await queue.schedules.pause('all')
    expect(await process.queue({ store: big }).schedules.get('all')).toMatchObject({ paused: true })
    await queue.schedules.remove('all')
    expect(await process.queue({ store: big }).schedules.get('all')).toBeNull()
    expect(await queue.schedules.list()).toHaveLength(1)
  })

  test('for each tenant run out of turn make the jobs of every store', async () => {
    await queue.schedule('all', { ...spec, forEach: 'tenant' })
    await queue.schedules.runNow('all')
    const jobs = await queue.listJobs()
    expect(jobs.map(({ tenantId }) => tenantId)).toEqual(['small', 'large'])
    directory.replace([])
    await expect(queue.schedules.runNow('all')).rejects.toThrow('tenants are none')
  })
})

test('a queue on the stores of a directory takes no list of tenants', () => {
  expect(() => process.queue({ store: stores, tenants: ['small'] })).toThrow(
    "queue default has the tenants of its store's directory",
  )
})

test('definitions type and check the jobs of a queue on many stores as of one', async () => {
  const job = defineJob({
    name: 'strict',
    validate: (payload): payload is { readonly n: number } =>
      typeof payload === 'object' && payload !== null && 'n' in payload,
    handler: () => ({ success: true as const }),
  })
  const strict = process.queue({ store: stores, jobs: [job] as never })
  await expect(strict.enqueue('strict', {})).rejects.toMatchObject({ code: 'JOBS_INVALID_PAYLOAD' })
})
