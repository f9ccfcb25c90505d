import {
  defineJob,
  type JobHandler,
  type JobQueue,
  jobRequest,
  JobsError,
  type JobRequest,
  type JobStore,
  type Settlement,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

function following(...followUps: JobRequest[]): JobHandler {
  return () => ({ success: true, followUps })
}

test('follow-ups exist once the outcome is recorded, in the same queue and tenant', async () => {
  const receipt = defineJob<{ orderId: string }>({
    name: 'send-receipt',
    options: { priority: 3 },
    handler: () => ({ success: true }),
  })
  const { id } = await queue.enqueue('order', {}, { tenantId: 'acme' })
  const handler = following(
    jobRequest(receipt, { orderId: 'a' }, { delay: 60_000, jobId: 'receipt-a' }),
    { job: 'index', payload: { orderId: 'a' } },
  )
  process.start({ queue, handlers: new Map([['order', handler]]) })
  await time.settle()
  expect(await queue.getJob({ id, tenantId: 'acme' })).toMatchObject({ status: 'completed' })
  expect(await queue.listJobs({ name: 'send-receipt' })).toMatchObject([
    {
      id: 'receipt-a',
      tenantId: 'acme',
      queue: 'default',
      status: 'scheduled',
      priority: 3,
      payload: { orderId: 'a' },
    },
  ])
  expect(await queue.listJobs({ name: 'index' })).toMatchObject([{ tenantId: 'acme' }])
})

test('follow-ups of a job without a tenant have none, whoever triggers it', async () => {
  await queue.enqueue('order', {})
  process.start({ queue, handlers: new Map([['order', following({ job: 'index', payload: 1 })]]) })
  await time.settle()
  expect((await queue.listJobs({ name: 'index' }))[0]).not.toHaveProperty('tenantId')
})

test('follow-ups exist in no part where the lease was lost before the outcome was recorded', async () => {
  const inner = createMemoryStore({ clock: time.clock })
  const doomed = new SimulatedProcess(time, inner)
  const doomedQueue = doomed.queue()
  const gate = Promise.withResolvers<void>()
  const { id } = await doomedQueue.enqueue('order', {})
  const handler: JobHandler = async () => {
    await gate.promise
    return { success: true, followUps: [{ job: 'index', payload: 1 }] }
  }
  doomed.start({ queue: doomedQueue, handlers: new Map([['order', handler]]) })
  await time.settle()
  // The process stands still for longer than its lease; meanwhile another takes the job.
  time.pass(3_001)
  const other = new SimulatedProcess(time, inner)
  const otherQueue = other.queue()
  const [taken] = await otherQueue.dequeue()
  expect(taken!.id).toBe(id)
  gate.resolve()
  await time.settle()
  expect(await otherQueue.listJobs({ name: 'index' })).toEqual([])
  await otherQueue.acknowledge(taken!, 'completed')
  expect(await otherQueue.counts()).toMatchObject({ completed: 1, pending: 0 })
})

test('follow-ups are stored once where the reply to the outcome is lost and it is sent again', async () => {
  let losses = 3
  const lossy: JobStore = faultyStore(
    createMemoryStore({ clock: time.clock }),
    (operation, proceed, request) => {
      const { settlements = [] } = request as { settlements?: readonly Settlement[] }
      if (operation !== 'settle' || settlements.length === 0 || losses === 0) return undefined
      losses -= 1
      return proceed().then(() => Promise.reject(new Error('connection reset')))
    },
  )
  process = new SimulatedProcess(time, lossy)
  queue = process.queue()
  await queue.enqueue('order', {})
  const completions: string[] = []
  process.start({
    queue,
    handlers: new Map([['order', following({ job: 'index', payload: 1 })]]),
    onComplete: ({ name }) => completions.push(name),
  })
  await time.advance(2_000)
  expect(losses).toBe(0)
  expect(await queue.listJobs({ name: 'index' })).toHaveLength(1)
  expect(completions).toEqual(['order'])
})

describe('follow-ups that cannot be made fail the attempt, and nothing is stored of any', () => {
  const schema = defineJob({
    name: 'strict',
    validate: (payload): payload is { n: number } => (payload as { n?: unknown }).n === 1,
    handler: () => ({ success: true }),
  })
  test.each<[string, JobRequest, string, RegExp]>([
    [
      'another tenant',
      { job: 'index', payload: 1, options: { tenantId: 'globex' } },
      'JOBS_INVALID_OPTION',
      /names another tenant/,
    ],
    ['nothing', null as unknown as JobRequest, 'JOBS_INVALID_JOB_NAME', /job name of type undef/],
    ['a bad payload', { job: 'index', payload: 1n }, 'JOBS_VALUE_BIGINT', /payload is a BigInt/],
    ['a bad name', { job: '', payload: 1 }, 'JOBS_INVALID_JOB_NAME', /job name "" is not allowed/],
    [
      'a payload its definition refuses',
      { job: schema, payload: { n: 2 } },
      'JOBS_INVALID_PAYLOAD',
      /validate answered false/,
    ],
    [
      'an unknown option',
      { job: 'index', payload: 1, options: { dealy: 1 } as never },
      'JOBS_INVALID_OPTION',
      /there is no job option "dealy"/,
    ],
  ])('%s', async (_name, bad, code, message) => {
    const good: JobRequest = { job: 'index', payload: 1 }
    const { id } = await queue.enqueue('order', {}, { tenantId: 'acme', maxAttempts: 1 })
    process.start({ queue, handlers: new Map([['order', following(good, bad)]]) })
    await time.settle()
    const job = await queue.getJob({ id, tenantId: 'acme' })
    expect(job).toMatchObject({ status: 'failed', error: { code } })
    expect(job!.error!.message).toMatch(message)
    expect(job!.error!.message).toMatch(/^followUps\[1\]: /)
    expect(await queue.counts()).toMatchObject({ failed: 1, pending: 0, completed: 0 })
  })
})

test('a thousand follow-ups are made, and one more refused', async () => {
  const followUps = Array.from({ length: 1_001 }, (): JobRequest => ({ job: 'index', payload: 1 }))
  await queue.enqueue('many', {})
  const { id } = await queue.enqueue('too-many', {}, { maxAttempts: 1 })
  process.start({
    queue,
    handlers: new Map([
      ['many', following(...followUps.slice(1))],
      ['too-many', following(...followUps)],
    ]),
  })
  await time.settle()
  expect(await queue.getJob(id)).toMatchObject({
    status: 'failed',
    error: {
      code: 'JOBS_INVALID_RESULT',
      message: expect.stringContaining('at most 1000 followUps, not 1001') as string,
    },
  })
  expect(await queue.listJobs({ name: 'index', limit: 1_000 })).toHaveLength(1_000)
  expect((await queue.counts()).completed).toBe(1)
})

test('naming the job’s own tenant is allowed', async () => {
  await queue.enqueue('order', {}, { tenantId: 'acme' })
  const handler = following({ job: 'index', payload: 1, options: { tenantId: 'acme' } })
  process.start({ queue, handlers: new Map([['order', handler]]) })
  await time.settle()
  expect(await queue.listJobs({ name: 'index', tenantId: 'acme' })).toHaveLength(1)
})

test('a follow-up whose jobId is there already is not made twice', async () => {
  const request: JobRequest = { job: 'index', payload: 1, options: { jobId: 'index-1' } }
  await queue.enqueue('order', {})
  await queue.enqueue('order', {})
  process.start({ queue, handlers: new Map([['order', following(request)]]) })
  await time.settle()
  expect(await queue.listJobs({ name: 'order', status: 'completed' })).toHaveLength(2)
  expect(await queue.listJobs({ name: 'index' })).toHaveLength(1)
})

test('a follow-up whose jobId belongs to another job fails the attempt', async () => {
  await queue.enqueue('index', 'another', { jobId: 'index-1' })
  const { id } = await queue.enqueue('order', {}, { maxAttempts: 1 })
  const request: JobRequest = { job: 'index', payload: 1, options: { jobId: 'index-1' } }
  process.start({ queue, handlers: new Map([['order', following(request)]]) })
  await time.settle()
  expect((await queue.getJob(id))!.error).toMatchObject({ code: 'JOBS_ID_CONFLICT' })
  expect(await queue.getJob('index-1')).toMatchObject({ payload: 'another' })
})

test('a follow-up that the store refuses costs its job the attempt’s record and harms no other', async () => {
  const refused = new JobsError('JOBS_UNSUPPORTED', 'no such feature')
  const store = faultyStore(
    createMemoryStore({ clock: time.clock }),
    (operation, _proceed, request) => {
      const { settlements = [] } = request as { settlements?: readonly Settlement[] }
      return operation === 'settle' && settlements.some(({ followUps }) => followUps.length > 0)
        ? Promise.reject(refused)
        : undefined
    },
  )
  process = new SimulatedProcess(time, store)
  queue = process.queue()
  const bad = await queue.enqueue('bad', {})
  const good = await Promise.all(Array.from({ length: 4 }, () => queue.enqueue('good', {})))
  process.start({
    queue,
    handlers: new Map([
      ['bad', following({ job: 'index', payload: 1 })],
      ['good', (() => ({ success: true })) as JobHandler],
    ]),
  })
  await time.advance(100)
  for (const job of good) {
    expect(await queue.getJob(job)).toMatchObject({ status: 'completed', attempts: 1 })
  }
  expect(await queue.getJob(bad)).toMatchObject({ status: 'running' })
  expect(process.messages).toContain('the store refused a settlement; its lease will end by itself')
})
