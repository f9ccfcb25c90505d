import type { BulkAnswer, JobQueue, JobSelection } from '@cgk/jobs-core'
import { withTenant } from '@cgk/core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { type Fault, faultyStore, listeningStore } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

const fill = (count: number, name = 'job', into = queue): Promise<unknown> =>
  into.enqueueMany(Array.from({ length: count }, () => ({ job: name, payload: {} })))

async function failAll(name = 'job'): Promise<void> {
  const handler = () => ({ success: false as const, error: { message: 'no', retryable: false } })
  const processor = process.start({ queue, handlers: new Map([[name, handler]]) })
  await time.settle()
  await processor.stop()
}

/** A queue on a store of its own with a fault in it. */
function queueWith(fault: Fault): JobQueue {
  const inner = createMemoryStore({ clock: time.clock })
  return new SimulatedProcess(time, faultyStore(inner, fault)).queue()
}

const numbers = ({ matched, changed, jobs }: BulkAnswer): unknown => ({
  matched,
  changed,
  shown: jobs.length,
})

describe('cancelJobs', () => {
  test('cancels what a filter names, and nothing else', async () => {
    await fill(3, 'mail')
    await fill(2, 'sync')
    await queue.enqueue('mail', {}, { delay: 60_000 })
    const answer = await queue.cancelJobs({ name: 'mail' })
    expect(numbers(answer)).toEqual({ matched: 4, changed: 4, shown: 4 })
    expect(answer.jobs.every(({ name, status }) => name === 'mail' && status === 'cancelled')).toBe(
      true,
    )
    expect(await queue.counts()).toMatchObject({ pending: 2, scheduled: 0, cancelled: 4 })
  })

  test('goes through any number of jobs, 500 at a time, and shows the newest 100', async () => {
    const { store, requests } = listeningStore(createMemoryStore({ clock: time.clock }))
    queue = new SimulatedProcess(time, store).queue()
    await fill(1_200)
    const answer = await queue.cancelJobs({ name: 'job' })
    expect(numbers(answer)).toEqual({ matched: 1_200, changed: 1_200, shown: 100 })
    expect(answer.jobs.map(({ id }) => id)).toEqual(
      (await queue.listJobs({ limit: 100 })).map(({ id }) => id),
    )
    expect(requests<unknown[]>('cancel').map((refs) => refs.length)).toEqual([500, 500, 200])
  })

  test('as a preview changes nothing', async () => {
    await fill(3)
    const answer = await queue.cancelJobs({ status: 'pending' }, { preview: true })
    expect(numbers(answer)).toEqual({ matched: 3, changed: 0, shown: 3 })
    expect(answer.jobs[0]).toMatchObject({ status: 'pending' })
    expect(await queue.counts()).toMatchObject({ pending: 3, cancelled: 0 })
  })

  test('means all that has not ended, running jobs included, or what status says of it', async () => {
    await fill(4)
    await queue.dequeue(2)
    await queue.enqueue('job', {}, { delay: 60_000 })
    expect(numbers(await queue.cancelJobs({ status: 'scheduled', name: 'job' }))).toEqual({
      matched: 1,
      changed: 1,
      shown: 1,
    })
    expect(await queue.counts()).toMatchObject({ pending: 2, running: 2, cancelled: 1 })
    expect(await queue.cancelJobs({ name: 'job' })).toMatchObject({ matched: 4, changed: 4 })
  })

  test('means the current tenant, or the one it names, or all', async () => {
    for (const tenantId of ['acme', 'rawdog', undefined]) {
      const enqueue = (): Promise<unknown> => fill(2)
      await (tenantId === undefined ? enqueue() : withTenant(tenantId, enqueue))
    }
    const inAcme = await withTenant('acme', () => queue.cancelJobs({ name: 'job' }))
    expect(inAcme.jobs.map(({ tenantId }) => tenantId)).toEqual(['acme', 'acme'])
    expect(await queue.cancelJobs({ tenantId: null })).toMatchObject({ changed: 2 })
    expect(await queue.counts({ tenantId: 'rawdog' })).toMatchObject({ pending: 2 })
    expect(await queue.cancelJobs({ name: 'job' })).toMatchObject({ matched: 2, changed: 2 })
  })

  test('leaves alone what is enqueued meanwhile', async () => {
    const target: JobQueue = queueWith((operation, proceed) =>
      operation === 'cancel' ? fill(500, 'job', target).then(proceed) : undefined,
    )
    await fill(1_000, 'job', target)
    expect(await target.cancelJobs({ name: 'job' })).toMatchObject({ matched: 1_000 })
    expect(await target.counts()).toMatchObject({ cancelled: 1_000, pending: 1_000 })
  })

  test('counts what ended or went meanwhile as matched and not as changed', async () => {
    const target: JobQueue = queueWith((operation, proceed, request) => {
      if (operation !== 'cancel' || (request as unknown[]).length === 1) return undefined
      const [first, second] = request as { id: string }[]
      return target
        .removeJob(first!)
        .then(() => target.cancelJob(second!))
        .then(proceed)
    })
    await fill(4, 'job', target)
    expect(numbers(await target.cancelJobs({ name: 'job' }))).toEqual({
      matched: 4,
      changed: 2,
      shown: 3,
    })
  })

  test('that breaks off half way can be repeated', async () => {
    let calls = 0
    const target = queueWith((operation) => {
      if (operation !== 'cancel') return undefined
      calls += 1
      return calls === 2 ? Promise.reject(new Error('connection reset')) : undefined
    })
    await fill(1_200, 'job', target)
    expect(await refusal(() => target.cancelJobs({ name: 'job' }))).toMatchObject({
      code: 'JOBS_STORE_UNAVAILABLE',
      retryable: true,
    })
    expect(await target.counts()).toMatchObject({ cancelled: 500, pending: 700 })
    expect(await target.cancelJobs({ name: 'job' })).toMatchObject({ changed: 700 })
  })
})

describe('retryJobs', () => {
  test('begins a new generation of what failed', async () => {
    await fill(3)
    await failAll()
    await fill(2, 'other')
    const answer = await queue.retryJobs({ name: 'job' })
    expect(numbers(answer)).toEqual({ matched: 3, changed: 3, shown: 3 })
    expect(answer.jobs[0]).toMatchObject({ status: 'pending', generation: 2, attempts: 0 })
    expect(await queue.counts()).toMatchObject({ pending: 5, failed: 0 })
  })

  test('leaves cancelled jobs so, unless status names them', async () => {
    await fill(2)
    await failAll()
    await queue.cancelJob(await queue.enqueue('job', {}))
    expect(await queue.retryJobs({ name: 'job' }, { preview: true })).toMatchObject({ matched: 2 })
    const both = await queue.retryJobs({ status: ['failed', 'cancelled'] })
    expect(numbers(both)).toEqual({ matched: 3, changed: 3, shown: 3 })
  })
})

describe('a filter', () => {
  const both = ['cancelJobs', 'retryJobs'] as const

  async function expectRefused(filter: unknown, code: string, says: RegExp): Promise<void> {
    await fill(1)
    for (const action of both) {
      const error = await refusal(() => queue[action](filter as JobSelection))
      expect(error.code).toBe(code)
      expect(error.message).toMatch(says)
    }
    expect(await queue.counts()).toMatchObject({ pending: 1 })
  }

  test.each([undefined, null, {}])('%j would mean everything and is refused', async (filter) => {
    await expectRefused(
      filter,
      'JOBS_INVALID_OPTION',
      /^an empty filter would mean every job: give a status, name, keyPrefix, groupId, scheduleId or tenantId$/,
    )
  })

  test.each<[string, unknown, RegExp]>([
    [
      'a property that is undefined',
      { name: 'job', tenantId: undefined },
      /^tenantId of the filter is undefined; leave it out to mean any$/,
    ],
    ['an unknown property', { nmae: 'job' }, /^there is no filter "nmae"$/],
    ['a page', { name: 'job', limit: 5 }, /^there is no filter "limit"$/],
    ['an unknown status', { status: 'done' }, /^there is no status "done"/],
    [
      'a status nothing can be done about',
      { status: 'completed' },
      /^(cancel|retry) changes no job/,
    ],
  ])('with %s is refused', async (_name, filter, says) => {
    await expectRefused(filter, 'JOBS_INVALID_OPTION', says)
  })

  test.each<[string, unknown, string]>([
    ['keyPrefix', '', 'JOBS_INVALID_KEY'],
    ['keyPrefix', '\ud83d', 'JOBS_INVALID_KEY'],
    ['groupId', 'a\0', 'JOBS_INVALID_JOB_ID'],
    ['scheduleId', 7, 'JOBS_INVALID_JOB_ID'],
    ['tenantId', 'a:b', 'JOBS_INVALID_TENANT_ID'],
  ])('with the %s %j is refused, in lists too', async (property, value, code) => {
    await expectRefused({ [property]: value }, code, new RegExp(`^${property} `))
    const error = await refusal(() => queue.listJobs({ [property]: value }))
    expect(error.code).toBe(code)
  })

  test('of a list with an unknown property is refused', async () => {
    expect(await refusal(() => queue.listJobs({ nmae: 'job' } as object))).toMatchObject({
      code: 'JOBS_INVALID_OPTION',
      message: 'there is no filter "nmae"',
    })
  })
})
