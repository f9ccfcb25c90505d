import { withTenant } from '@cgk/core'
import type {
  BulkAnswer,
  BulkProgress,
  JobHandler,
  JobQueue,
  JobSelection,
  JobStore,
  RemoveOptions,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore, listeningStore } from './store-with.ts'

let time: ManualTime
let memory: JobStore
let heard: ReturnType<typeof listeningStore>
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  memory = createMemoryStore({ clock: time.clock })
  heard = listeningStore(memory)
  process = new SimulatedProcess(time, heard.store)
  queue = process.queue()
})

const fill = (
  count: number,
  tenantId: string | null = 'acme',
  options: object = {},
  name = 'job',
): Promise<unknown> =>
  withTenant(tenantId, () =>
    queue.enqueueMany(
      Array.from({ length: count }, (_, n) => ({ job: name, payload: n, options })),
    ),
  )

/** Starts a process of its own, whose jobs end `ms` after their start or when they are aborted. */
function startWorker(ms: number, config: { readonly slots?: number } = {}): SimulatedProcess {
  const worker = new SimulatedProcess(time, memory)
  const handler: JobHandler<unknown> = async (_job, { signal }) => {
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve()),
    )
    await Promise.race([time.sleep(ms), aborted])
    return { success: true }
  }
  worker.start({
    queue: worker.queue(),
    maxConcurrency: config.slots ?? 10,
    handlers: new Map([['job', handler]]),
  })
  return worker
}

const numbers = ({ matched, changed, jobs }: BulkAnswer): unknown => ({
  matched,
  changed,
  shown: jobs.length,
})

describe('a call for many jobs tells how far it is', () => {
  test('after each batch, by tenant and by filter', async () => {
    await fill(1_200)
    await fill(700, 'globex', {}, 'other')
    const told: BulkProgress[] = []
    const onProgress = (progress: BulkProgress) => void told.push(progress)
    await queue.cancelJobs({ tenantId: 'acme' }, { onProgress })
    expect(told).toEqual([
      { matched: 500, changed: 500 },
      { matched: 1_000, changed: 1_000 },
      { matched: 1_200, changed: 1_200 },
    ])
    told.length = 0
    await queue.cancelJobs({ name: 'other' }, { onProgress, preview: true })
    expect(told.at(-1)).toEqual({ matched: 700, changed: 0 })
    told.length = 0
    await queue.retryJobs({ tenantId: 'acme', status: 'cancelled' }, { onProgress })
    expect(told).toHaveLength(3)
    told.length = 0
    await queue.removeJobs({ tenantId: 'acme' }, { onProgress })
    expect(told.at(-1)).toEqual({ matched: 1_200, changed: 1_200 })
    told.length = 0
    await queue.counts({ name: 'other' }, { onProgress })
    await queue.oldestAge({ name: 'other' }, { onProgress })
    const read = [500, 700].map((matched) => ({ matched, changed: 0 }))
    expect(told).toEqual([...read, ...read])
  })

  test('and waits for who is told; what that throws ends it, and what was done stands', async () => {
    await fill(1_200)
    const enough = new Error('enough')
    const onProgress = async ({ matched }: BulkProgress) => {
      await Promise.resolve()
      if (matched === 1_000) throw enough
    }
    await expect(queue.cancelJobs({ name: 'job' }, { onProgress })).rejects.toBe(enough)
    expect(await queue.counts()).toMatchObject({ cancelled: 1_000, pending: 200 })
  })

  test('and is refused where an option is misspelt: a preview must not become the deed', async () => {
    await fill(1)
    for (const call of ['cancelJobs', 'retryJobs', 'removeJobs'] as const) {
      const options = { previw: true } as RemoveOptions
      expect(await refusal(() => queue[call]({ name: 'job' }, options))).toMatchObject({
        code: 'JOBS_INVALID_OPTION',
        message: 'this call has no option "previw"',
      })
    }
    expect(await queue.counts()).toMatchObject({ pending: 1 })
  })
})

describe('removeJobs', () => {
  test('deletes what a selection names, whatever its status, 500 at a time', async () => {
    await fill(1_100)
    await fill(30, 'acme', { delay: 60_000 })
    await fill(20, 'globex')
    await queue.cancelJobs({ tenantId: 'globex' })
    const answer = await queue.removeJobs({ tenantId: 'acme' })
    expect(numbers(answer)).toEqual({ matched: 1_130, changed: 1_130, shown: 100 })
    const batches = heard.requests<unknown[]>('remove').map((refs) => refs.length)
    expect(batches).toEqual([500, 500, 130])
    expect(await queue.counts({ tenantId: 'acme' })).toMatchObject({ pending: 0, scheduled: 0 })
    expect(await queue.removeJobs({ status: 'cancelled' })).toMatchObject({ changed: 20 })
  })

  test('as a preview deletes nothing', async () => {
    await fill(3)
    const answer = await queue.removeJobs({ name: 'job' }, { preview: true, cancelRunning: true })
    expect(numbers(answer)).toEqual({ matched: 3, changed: 0, shown: 3 })
    expect(await queue.counts()).toMatchObject({ pending: 3 })
  })

  test('leaves what a worker holds, and says so', async () => {
    await fill(3)
    await queue.dequeue(1)
    expect(numbers(await queue.removeJobs({ name: 'job' }))).toEqual({
      matched: 3,
      changed: 2,
      shown: 3,
    })
    expect(await queue.counts()).toMatchObject({ running: 1, pending: 0 })
  })

  test('with cancelRunning cancels that first, and deletes it when its worker has let go', async () => {
    startWorker(60_000)
    await fill(4)
    await time.settle()
    expect(await queue.counts()).toMatchObject({ running: 4 })
    const cancelled: string[] = []
    queue.on('cancelled', ({ job }) => void cancelled.push(job.id))
    const told: BulkProgress[] = []
    const onProgress = (progress: BulkProgress) => void told.push(progress)
    const call = queue.removeJobs({ tenantId: 'acme' }, { cancelRunning: true, onProgress })
    await time.advance(2_000)
    expect(numbers(await call)).toEqual({ matched: 4, changed: 4, shown: 4 })
    expect(told).toEqual([
      { matched: 4, changed: 0 },
      { matched: 4, changed: 4 },
    ])
    expect(cancelled).toHaveLength(4)
    expect(await queue.listJobs()).toHaveLength(0)
  })

  test('with cancelRunning cancels also what began after it was listed', async () => {
    await fill(1)
    let began = false
    const store = faultyStore(memory, (operation, proceed) => {
      if (operation !== 'remove' || began) return undefined
      began = true
      return queue.dequeue(1, { leaseMs: 60_000 }).then(proceed)
    })
    const own = new SimulatedProcess(time, store).queue()
    const call = own.removeJobs({ name: 'job' }, { cancelRunning: true })
    await time.advance(11_000)
    expect(await call).toMatchObject({ matched: 1, changed: 0 })
    expect(await queue.counts()).toMatchObject({ running: 0, cancelled: 1 })
  })

  test('with cancelRunning gives up after 10 s on what its worker does not let go of', async () => {
    await fill(2)
    await queue.dequeue(1, { leaseMs: 60_000 })
    const call = queue.removeJobs({ name: 'job' }, { cancelRunning: true })
    let answered = false
    void call.then(() => (answered = true))
    await time.advance(9_500)
    expect(answered).toBe(false)
    await time.advance(1_000)
    expect(await call).toMatchObject({ matched: 2, changed: 1 })
    expect(await queue.counts()).toMatchObject({ cancelled: 1 })
  })

  test('takes back the lease of a worker that is no more, to delete its job', async () => {
    const worker = startWorker(60_000)
    await fill(1)
    await time.settle()
    worker.die()
    const call = queue.removeJobs({ name: 'job' }, { cancelRunning: true })
    await time.advance(5_000)
    expect(await call).toMatchObject({ changed: 1 })
  })
})

test.each(['cancelJobs', 'retryJobs', 'removeJobs'] as const)(
  '%s of an empty filter, or of one with an undefined property, is refused',
  async (call) => {
    await fill(1)
    for (const filter of [{}, undefined, null, { tenantId: undefined }, { name: undefined }]) {
      const error = await refusal(() => queue[call](filter as JobSelection))
      expect(error.code).toBe('JOBS_INVALID_OPTION')
    }
    expect(await queue.counts()).toMatchObject({ pending: 1 })
  },
)

describe('exportJobs', () => {
  async function exported(selection?: JobSelection): Promise<unknown[]> {
    const jobs: unknown[] = []
    for await (const line of queue.exportJobs(selection)) {
      expect(line.endsWith('\n')).toBe(true)
      expect(line.slice(0, -1)).not.toContain('\n')
      jobs.push(JSON.parse(line))
    }
    return jobs
  }

  test('gives each job of the selection on one line, as getJob shows it, newest first', async () => {
    const { id } = await queue.enqueue(
      'job',
      { text: 'two\nlines', deep: [{ a: null }] },
      { tenantId: 'acme', metadata: { by: 'import' }, headers: { trace: '1' } },
    )
    process.start({
      queue,
      handlers: new Map([
        [
          'job',
          ((_job, { log, progress }) => {
            log('reading')
            progress(5)
            return { success: false, error: { message: 'no', retryable: false } }
          }) satisfies JobHandler<unknown>,
        ],
      ]),
    })
    await time.settle()
    await fill(2, 'globex', { delay: 60_000 })
    const all = await exported()
    expect(all).toHaveLength(3)
    const job = await queue.getJob({ id, tenantId: 'acme' })
    expect(await exported({ tenantId: 'acme' })).toEqual([JSON.parse(JSON.stringify(job))])
    expect(all.at(-1)).toMatchObject({ id, log: ['reading'], failures: [{ attempt: 1 }] })
  })

  test('reads a page at a time, as it is read, and stops where the reader does', async () => {
    await fill(450)
    const lines = queue.exportJobs({ tenantId: 'acme' })[Symbol.asyncIterator]()
    expect(heard.requests('list')).toHaveLength(0)
    for (let n = 0; n < 100; n++) await lines.next()
    expect(heard.requests<{ limit: number }>('list').map(({ limit }) => limit)).toEqual([100])
    await lines.next()
    expect(heard.requests('list')).toHaveLength(2)
    await lines.return?.()
    expect((await lines.next()).done).toBe(true)
    expect(heard.requests('list')).toHaveLength(2)
  })

  test('means the tenant in which it was called, wherever it is read', async () => {
    await fill(1, 'acme')
    await fill(2, 'globex')
    const lines = withTenant('acme', () => queue.exportJobs())
    const ids: unknown[] = []
    await withTenant('globex', async () => {
      for await (const line of lines) ids.push((JSON.parse(line) as { tenantId: string }).tenantId)
    })
    expect(ids).toEqual(['acme'])
  })

  test('leaves out what goes and what comes meanwhile', async () => {
    await fill(150)
    const [last] = await queue.listJobs({ limit: 1 })
    const lines: string[] = []
    for await (const line of queue.exportJobs({ name: 'job' })) {
      lines.push(line)
      if (lines.length > 1) continue
      const page = await queue.listJobs({ limit: 120 })
      await queue.removeJob(page[119]!)
      await fill(5)
    }
    expect(lines).toHaveLength(149)
    expect(JSON.parse(lines[0]!)).toMatchObject({ id: last!.id })
  })

  test('with a filter that is wrong, or undefined by accident, is refused at once', () => {
    for (const filter of [{ tenantId: undefined }, { nmae: 'job' }, { status: 'done' }]) {
      expect(() => queue.exportJobs(filter as never)).toThrow(
        expect.objectContaining({ code: 'JOBS_INVALID_OPTION' }),
      )
    }
  })
})

describe('drain', () => {
  test('pauses the tenant and resolves when no worker holds a job of it', async () => {
    startWorker(1_000)
    await fill(20)
    await fill(5, 'globex')
    await time.settle()
    const told: number[] = []
    let drained = false
    const call = queue
      .drain({ tenantId: 'acme' }, { onProgress: ({ leased }) => void told.push(leased) })
      .then(() => (drained = true))
    await time.advance(999)
    expect(drained).toBe(false)
    await time.advance(1_000)
    await call
    expect(told[0]).toBeGreaterThan(0)
    expect(told.at(-1)).toBe(0)
    expect(await queue.isPaused({ tenantId: 'acme' })).toBe(true)
    await time.advance(10_000)
    expect(await queue.counts({ tenantId: 'globex' })).toMatchObject({ completed: 5 })
    const { completed, pending } = await queue.counts({ tenantId: 'acme' })
    expect(completed).toBeGreaterThan(0)
    expect(completed + pending).toBe(20)
    await queue.resume({ tenantId: 'acme' })
    await time.advance(10_000)
    expect(await queue.counts({ tenantId: 'acme' })).toMatchObject({ completed: 20 })
  })

  test('without a scope drains the whole queue, also inside of a tenant', async () => {
    startWorker(1_000)
    await fill(3)
    await fill(3, 'globex')
    await time.settle()
    const call = withTenant('acme', () => queue.drain())
    await time.advance(2_000)
    await call
    expect(await queue.isPaused()).toBe(true)
    expect(await queue.counts()).toMatchObject({ completed: 6 })
  })

  test('waits for cancelled jobs that a worker has not let go of, and for lost workers', async () => {
    const worker = startWorker(60_000)
    const [job] = (await fill(2)) as { id: string }[]
    await time.settle()
    worker.die()
    await queue.cancelJob({ id: job!.id, tenantId: 'acme' })
    let drained = false
    const call = queue.drain({ tenantId: 'acme' }).then(() => (drained = true))
    await time.advance(1_500)
    expect(drained).toBe(false)
    await time.advance(3_500)
    await call
    expect(await queue.counts()).toMatchObject({ pending: 1, cancelled: 1 })
  })

  test('gives up after its timeout or at its signal, and the pause stays', async () => {
    startWorker(60_000)
    await fill(2)
    await time.settle()
    const timed = refusal(() => queue.drain({ tenantId: 'acme' }, { timeout: 5_000 }))
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    const aborted = expect(
      queue.drain({ tenantId: 'acme' }, { signal: controller.signal }),
    ).rejects.toBe(reason)
    await time.advance(2_000)
    controller.abort(reason)
    await aborted
    await time.advance(3_000)
    expect(await timed).toMatchObject({
      code: 'JOBS_WAIT_TIMEOUT',
      retryable: true,
      message:
        'tenant acme in queue default was not drained after 5000 ms: workers hold 2 of its jobs; it stays paused, and can be drained again',
    })
    expect(await queue.isPaused({ tenantId: 'acme' })).toBe(true)
    await expect(queue.drain({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await queue.isPaused()).toBe(false)
  })

  test('leaves no timer behind, however it ends', async () => {
    await queue.drain({ tenantId: 'acme' }, { timeout: 5_000 })
    expect(time.foregroundTimers).toBe(0)
    await fill(1)
    await queue.resume({ tenantId: 'acme' })
    await queue.dequeue(1)
    const call = refusal(() => queue.drain({ tenantId: 'acme' }, { timeout: 500 }))
    await time.advance(500)
    await call
    expect(time.foregroundTimers).toBe(0)
  })

  test('of each tenant, or with a bad timeout, is refused and pauses nothing', async () => {
    expect(await refusal(() => queue.drain({ tenantId: '*' }))).toMatchObject({
      code: 'JOBS_INVALID_LIMIT',
    })
    expect(await refusal(() => queue.drain({}, { timeout: -1 }))).toMatchObject({
      code: 'JOBS_INVALID_OPTION',
    })
    expect(await queue.isPaused()).toBe(false)
    expect(await queue.isPaused({ tenantId: '*' })).toBe(false)
  })
})

describe('counts', () => {
  test('by tenant is one question, by anything else it goes through the jobs', async () => {
    await fill(700)
    await fill(3, 'acme', { delay: 60_000 }, 'other')
    await fill(2, 'globex')
    await queue.dequeue(1)
    expect(await queue.counts({ tenantId: 'globex' })).toMatchObject({ pending: 2 })
    expect(heard.requests('list')).toHaveLength(0)
    expect(await queue.counts({ name: 'job' })).toEqual({
      pending: 701,
      scheduled: 0,
      running: 1,
      retrying: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
    })
    expect(heard.requests<{ limit: number }>('list').map(({ limit }) => limit)).toEqual([500, 500])
    expect(await queue.counts({ name: 'other', tenantId: 'acme' })).toMatchObject({ scheduled: 3 })
    expect(await queue.counts({ tenantId: 'acme', status: 'running' })).toMatchObject({
      pending: 0,
    })
    expect(await withTenant('globex', () => queue.counts({ name: 'other' }))).toMatchObject({
      scheduled: 0,
    })
  })
})

describe('oldestAge', () => {
  beforeEach(async () => {
    await fill(1, 'acme', { delay: 1_000 })
    time.pass(500)
    await fill(1, 'globex', {}, 'other')
    time.pass(2_500)
    await fill(2, 'globex')
  })

  test('tells how long the job has waited that has been due longest, of the queue or a tenant', async () => {
    expect(await queue.oldestAge()).toBe(2_500)
    expect(await queue.oldestAge({ tenantId: 'acme' })).toBe(2_000)
    expect(await withTenant('acme', () => queue.oldestAge())).toBe(2_000)
    expect(await queue.oldestAge({ tenantId: null })).toBeNull()
    expect(await queue.oldestAge({ tenantId: 'nobody' })).toBeNull()
    expect(heard.requests('list')).toHaveLength(0)
  })

  test('of a filter is that of its jobs', async () => {
    expect(await queue.oldestAge({ name: 'job', tenantId: 'globex' })).toBe(0)
    expect(await queue.oldestAge({ name: 'other' })).toBe(2_500)
    expect(await queue.oldestAge({ name: 'none' })).toBeNull()
    expect(await queue.oldestAge({ status: 'scheduled' })).toBeNull()
    expect(await queue.oldestAge({ status: ['pending', 'failed'] })).toBe(2_500)
    const fail = (): never => {
      throw new Error('no')
    }
    await queue.enqueue('retried', {}, { retryDelay: 60_000 })
    process.start({ queue, handlers: new Map([['retried', fail]]) })
    await time.settle()
    expect(await queue.counts({ name: 'retried' })).toMatchObject({ retrying: 1 })
    expect(await queue.oldestAge({ name: 'retried' })).toBeNull()
  })
})

describe('tenants', () => {
  beforeEach(async () => {
    await fill(1, null)
    await fill(2, 'acme')
    await fill(1, 'acme', { delay: 60_000 })
    await fill(1, 'globex', { delay: 60_000 })
    await queue.pause({ tenantId: 'globex' })
    time.pass(1_500)
    await queue.dequeue(2)
  })

  const all = [
    { waiting: 0, leased: 1, paused: false },
    { tenantId: 'acme', waiting: 2, leased: 1, oldestAgeMs: 1_500, paused: false },
    { tenantId: 'globex', waiting: 1, leased: 0, paused: true },
  ]

  test('tells of each that has jobs that wait or are held, page by page', async () => {
    expect(await queue.tenants()).toEqual(all)
    const first = await queue.tenants({ limit: 2 })
    const second = await queue.tenants({ limit: 2, cursor: first.nextCursor })
    expect([...first, ...second]).toEqual(all)
    expect(second).not.toHaveProperty('nextCursor')
    await queue.removeJobs({ tenantId: 'globex' })
    expect(await queue.tenants()).toEqual(all.slice(0, 2))
  })

  test('inside of a tenant, or with one, tells of that tenant alone', async () => {
    expect(await withTenant('acme', () => queue.tenants())).toEqual([all[1]])
    expect(await queue.tenants({ tenantId: null })).toEqual([all[0]])
    expect(await queue.tenants({ tenantId: 'nobody' })).toEqual([])
  })

  test('finds one among thousands with one question', async () => {
    const ids = Array.from({ length: 2_500 }, (_, n) => `t${10_000 + n}`)
    await queue.enqueueMany(
      ids.map((tenantId) => ({ job: 'job', payload: {}, options: { tenantId } })),
    )
    const pages = async (tenantId: string): Promise<unknown> => {
      const before = heard.requests('listTenants').length
      const found = await queue.tenants({ tenantId })
      return [found[0]?.waiting, heard.requests('listTenants').length - before]
    }
    expect(await pages('t10000')).toEqual([1, 1])
    expect(await pages('t12499')).toEqual([1, 1])
    expect(await pages('nobody')).toEqual([undefined, 1])
    expect(await queue.oldestAge({ tenantId: 't12499' })).toBe(0)
  })
})
