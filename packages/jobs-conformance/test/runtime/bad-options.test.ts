import {
  createJobQueue,
  defineJob,
  type JobListFilter,
  type JobOptions,
  type JobQueue,
  type JobRequest,
  type JobsError,
  type JobsErrorCode,
  type JobStore,
  processJobs,
  type ProcessorConfig,
} from '@cgk/jobs-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'

const HUGE = 'x'.repeat(10_000_000)
const succeed = () => ({ success: true as const })
const SAME_NAME = [1, 2].map(() => defineJob({ name: 'sync', handler: succeed }))

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

async function expectNothingStored(): Promise<void> {
  const counts = Object.values(await queue.counts())
  expect(counts).toEqual(counts.map(() => 0))
}

interface BadOption {
  readonly name: string
  readonly options: unknown
  readonly code?: JobsErrorCode
  readonly says: RegExp
}

const DURATION = String.raw`must be a number of milliseconds from 0 to 8599999999999999`

const BAD_OPTIONS: readonly BadOption[] = [
  { name: 'options null', options: null, says: /^options must be an object, not of type null$/ },
  { name: 'options a number', options: 60_000, says: /^options must be an object/ },
  { name: 'an unknown option', options: { dealy: 5 }, says: /^there is no job option "dealy"$/ },
  { name: 'delay −1', options: { delay: -1 }, says: new RegExp(`^delay ${DURATION}, not -1$`) },
  {
    name: 'delay NaN',
    options: { delay: Number.NaN },
    says: new RegExp(`^delay ${DURATION}, not NaN$`),
  },
  {
    name: 'delay ∞',
    options: { delay: Infinity },
    says: new RegExp(`^delay ${DURATION}, not Inf`),
  },
  {
    name: 'delay as text',
    options: { delay: '5' },
    says: new RegExp(`^delay ${DURATION}, not "5"$`),
  },
  {
    name: 'delay null',
    options: { delay: null },
    says: new RegExp(`^delay ${DURATION}, not of type`),
  },
  { name: 'delay past the last instant', options: { delay: 8.6e15 }, says: /^delay must be/ },
  {
    name: 'scheduledAt an invalid Date',
    options: { scheduledAt: new Date('soon') },
    says: /^scheduledAt must be a valid Date, not Invalid Date$/,
  },
  {
    name: 'scheduledAt in the year 275761',
    options: { scheduledAt: new Date('+275761-01-01T00:00:00Z') },
    says: /^scheduledAt must be a valid Date/,
  },
  {
    name: 'scheduledAt as milliseconds',
    options: { scheduledAt: 1_767_603_600_000 },
    says: /^scheduledAt must be a valid Date/,
  },
  {
    name: 'delay beside scheduledAt',
    options: { delay: 1, scheduledAt: new Date(0) },
    says: /^give delay or scheduledAt, not both$/,
  },
  {
    name: 'no attempts',
    options: { maxAttempts: 0 },
    says: /^maxAttempts must be a whole number from 1 to 1000000, not 0$/,
  },
  {
    name: 'one and a half attempts',
    options: { maxAttempts: 1.5 },
    says: /^maxAttempts must be a whole number from 1 to 1000000, not 1.5$/,
  },
  {
    name: 'attempts as text',
    options: { maxAttempts: '3' },
    says: /^maxAttempts must be a whole number from 1 to 1000000, not "3"$/,
  },
  { name: 'attempts ∞', options: { maxAttempts: Infinity }, says: /^maxAttempts must be a whole/ },
  {
    name: 'priority beyond 16 bits',
    options: { priority: 32_768 },
    says: /^priority must be a whole number from -32768 to 32767, not 32768$/,
  },
  { name: 'priority NaN', options: { priority: Number.NaN }, says: /^priority must be a whole/ },
  { name: 'priority 0.5', options: { priority: 0.5 }, says: /^priority must be a whole/ },
  { name: 'retryDelay −1', options: { retryDelay: -1 }, says: /^retryDelay must be a number of/ },
  {
    name: 'timeout 0',
    options: { timeout: 0 },
    says: /^timeout must be a number of milliseconds from 1 to/,
  },
  { name: 'timeout NaN', options: { timeout: Number.NaN }, says: /^timeout must be a number of/ },
  { name: 'metadata null', options: { metadata: null }, says: /^metadata must be an object/ },
  {
    name: 'metadata a list',
    options: { metadata: ['hunter2'] },
    says: /^metadata must be an object/,
  },
  {
    name: 'metadata text, which is not shown',
    options: { metadata: 'hunter2' },
    says: /^metadata must be an object, not of type string$/,
  },
  ...['a:b', '*', '', 'Rawdog', 'a{b}', "o'brien", 'a$$b', 'a\nb', HUGE].map((tenantId) => ({
    name: `tenant ${JSON.stringify(tenantId.slice(0, 10))}`,
    options: { tenantId },
    code: 'JOBS_INVALID_TENANT_ID' as const,
    says: /^tenantId .* is not a tenant id: 1 to 64 characters of/s,
  })),
  {
    name: 'tenant null',
    options: { tenantId: null },
    code: 'JOBS_INVALID_TENANT_ID',
    says: /^tenantId a value of type null is not a tenant id/,
  },
  ...['', 'a\nb', 'a\0b', '\ud83d', 'x'.repeat(201), HUGE].map((jobId) => ({
    name: `job id ${JSON.stringify(jobId.slice(0, 10))} of ${jobId.length}`,
    options: { jobId },
    code: 'JOBS_INVALID_JOB_ID' as const,
    says: /^job id .* is not allowed: 1 to 200 characters/s,
  })),
  {
    name: 'job id a number',
    options: { jobId: 7 },
    code: 'JOBS_INVALID_JOB_ID',
    says: /^job id of type number is not allowed/,
  },
]

describe.each(BAD_OPTIONS)(
  '$name is refused',
  ({ options, code = 'JOBS_INVALID_OPTION', says }) => {
    const given = options as JobOptions

    test('at enqueue, and nothing is stored', async () => {
      const error = await refusal(() => queue.enqueue('job', {}, given))
      expect(error).toMatchObject({ code, retryable: false })
      expect(error.message).toMatch(says)
      expect(error.message.length).toBeLessThan(300)
      await expectNothingStored()
    })

    test('in a batch, with the index, and nothing is stored', async () => {
      const jobs = [
        { job: 'job', payload: {} },
        { job: 'job', payload: {}, options: given },
      ]
      const error = await refusal(() => queue.enqueueMany(jobs))
      expect(error.code).toBe(code)
      expect(error.message).toMatch(/^job 1 of the batch: /)
      expect(error.message.slice('job 1 of the batch: '.length)).toMatch(says)
      await expectNothingStored()
    })

    test('in a definition', async () => {
      const error = await refusal(() =>
        defineJob({ name: 'job', options: given, handler: () => ({ success: true }) }),
      )
      expect(error.code).toBe(code)
      expect(error.message).toMatch(says)
    })
  },
)

test.each<[string, unknown, RegExp]>([
  ['a tenant beside its options', { job: 'job', payload: {}, tenantId: 'rawdog' }, /"tenantId"/],
  ['a name in place of its job', { name: 'job', payload: {} }, /"name"/],
  ['a list in its place', ['job', {}], /"0"/],
])('a job of a list with %s is refused, wherever the list is', async (_name, given, property) => {
  const job = given as JobRequest
  const errors = [
    await refusal(() => queue.enqueueMany([job])),
    await refusal(() => queue.enqueueGroup([job], { onAnyFailed: 'nothing' })),
    await refusal(() => queue.enqueueGroup([], { onComplete: job, onAnyFailed: 'nothing' })),
  ]
  await expectNothingStored()
  const parent = await queue.enqueue('parent', {}, { maxAttempts: 1 })
  const parents = new Map([['parent', () => ({ success: true as const, followUps: [job] })]])
  process.start({ queue, handlers: parents })
  await time.settle()
  errors.push((await queue.getJob(parent))!.error as unknown as JobsError)
  queue.use((_draft, _context, next) => next())
  errors.push(await refusal(() => queue.enqueueMany([job])))
  for (const { code, message } of errors) {
    expect(code).toBe('JOBS_INVALID_OPTION')
    expect(message).toMatch(property)
    expect(message).toMatch(/: a job to be made has job, payload and options, and no "/)
  }
})

test.each(['', 'a\nb', 'a\0', '\ud83d', 'x'.repeat(201), HUGE, 7, undefined, null, {}])(
  'job name no. %$ that is not allowed is refused everywhere',
  async (name) => {
    const handler = () => ({ success: true as const })
    for (const call of [
      () => queue.enqueue(name as string, {}),
      () => queue.enqueueMany([{ job: name as string, payload: {} }]),
      () => defineJob({ name: name as string, handler }),
      () => processJobs({ queue, handlers: new Map([[name as string, handler]]) }),
      () => processJobs({ queue }).registerHandler(name as string, handler),
      () => processJobs({ queue, jobs: [{ name: name as string, handler }] }),
    ]) {
      const error = await refusal(call)
      expect(error.code).toBe('JOBS_INVALID_JOB_NAME')
      expect(error.message).toMatch(/job name .* is not allowed: 1 to 200 characters/s)
      expect(error.message.length).toBeLessThan(300)
    }
    await expectNothingStored()
  },
)

test.each([
  '',
  'a{b}',
  'a b',
  'a:b',
  'a/b',
  '.a',
  '-a',
  'é',
  'a\0',
  'x'.repeat(200),
  HUGE,
  7,
  undefined,
  null,
])('queue name no. %$ that is not allowed is refused', async (name) => {
  const error = await refusal(() => process.queue({ name: name as string }))
  expect(error.code).toBe('JOBS_INVALID_QUEUE_NAME')
  expect(error.message).toMatch(
    /^queue name .* is not allowed: 1 to 100 characters of A-Z, a-z, 0-9/s,
  )
  expect(error.message.length).toBeLessThan(300)
})

test.each(['a', 'A-Z.0_9', '0', 'x'.repeat(100)])('queue name %j is allowed', (name) => {
  expect(process.queue({ name }).name).toBe(name)
})

test.each<[string, Record<string, unknown>, RegExp]>([
  ['no store', { store: undefined }, /^queue default needs a store/],
  ['a store that is none', { store: {} }, /^queue default needs a store/],
  ['an unknown tenancy', { tenancy: 'maybe' }, /^tenancy must be 'optional' or 'required'$/],
  ['jobs that are no list', { jobs: {} }, /^jobs must be a list of definitions$/],
  ['two jobs of one name', { jobs: SAME_NAME }, /^two definitions in jobs are named "sync"$/],
  ['an unknown setting', { job: SAME_NAME }, /^a queue has no setting "job"; there are name, /],
  ['a limit of 0', { sizes: { depth: 0 } }, /^sizes\.depth must be a whole number from 1, not 0$/],
])('a queue with %s is refused', async (_name, config, says) => {
  const error = await refusal(() =>
    createJobQueue({ name: 'default', store: process.store, ...config } as {
      name: string
      store: JobStore
    }),
  )
  expect(error.code).toBe('JOBS_INVALID_CONFIG')
  expect(error.message).toMatch(says)
})

test.each<[keyof ProcessorConfig, unknown, string]>([
  ['maxConcurrency', 0, 'from 1 to 10000, not 0'],
  ['maxConcurrency', Infinity, 'from 1 to 10000, not Infinity'],
  ['maxConcurrency', 1.5, 'from 1 to 10000, not 1.5'],
  ['maxConcurrency', '5', 'from 1 to 10000, not 5'],
  ['maxConcurrency', -1, 'from 1 to 10000, not -1'],
  ['pollInterval', 0, 'from 10 to 3600000, not 0'],
  ['pollInterval', Number.NaN, 'from 10 to 3600000, not NaN'],
  // Renewed every third of it: a shorter lease could not be renewed three times in time.
  ['leaseMs', 999, 'from 1000 to 2147483647, not 999'],
  ['leaseMs', Infinity, 'from 1000 to 2147483647, not Infinity'],
  ['gracePeriod', -1, 'from 0 to 2147483647, not -1'],
  ['timeoutGrace', Number.NaN, 'from 0 to 2147483647, not NaN'],
])('a processor with %s %s is refused', async (option, value, says) => {
  const error = await refusal(() => processJobs({ queue, [option]: value }))
  expect(error).toMatchObject({
    code: 'JOBS_INVALID_CONFIG',
    message: `${option} must be a whole number ${says}`,
  })
})

test.each<[string, Record<string, unknown>, string]>([
  ['jobs that are no list', { jobs: SAME_NAME[0] }, 'jobs must be a list of definitions'],
  ['two jobs of one name', { jobs: SAME_NAME }, 'two definitions in jobs are named "sync"'],
  [
    'handlers that are no Map',
    { handlers: { sync: succeed } },
    'handlers must be a Map by job name',
  ],
  [
    "the worker's name of a setting",
    { concurrency: 5 },
    'a processor has no setting "concurrency"; there are queue, handlers, jobs, maxConcurrency, pollInterval, leaseMs, gracePeriod, timeoutGrace, onError, onFailed, onComplete, logger',
  ],
])('a processor with %s is refused', async (_name, config, message) => {
  const error = await refusal(() => processJobs({ queue, ...config }))
  expect(error).toMatchObject({ code: 'JOBS_INVALID_CONFIG', message })
})

test('a definition may be listed twice', () => {
  const [job] = SAME_NAME
  expect(processJobs({ queue, jobs: [job!, job!] }).status().state).toBe('idle')
})

test('a processor takes the settings of its queue object where it says nothing itself', async () => {
  const bad = process.queue({ maxConcurrency: 0 })
  expect((await refusal(() => processJobs({ queue: bad }))).message).toMatch(/^maxConcurrency/)
  expect(processJobs({ queue: bad, maxConcurrency: 1 }).status().state).toBe('idle')
})

test.each([undefined, null, {}, 'default'])(
  'a processor of %j, which is no queue, is refused',
  async (bad) => {
    expect(await refusal(() => processJobs({ queue: bad as unknown as JobQueue }))).toMatchObject({
      code: 'JOBS_INVALID_CONFIG',
      message: 'queue must be what createJobQueue returned',
    })
  },
)

test.each([undefined, null, 'handler', {}])(
  'a handler that is %j is refused by name',
  async (bad) => {
    const handler = bad as unknown as () => { success: true }
    for (const call of [
      () => defineJob({ name: 'sync', handler }),
      () => processJobs({ queue, handlers: new Map([['sync', handler]]) }),
      () => processJobs({ queue }).registerJob({ name: 'sync', handler }),
    ]) {
      expect(await refusal(call)).toMatchObject({
        code: 'JOBS_INVALID_OPTION',
        message: 'handler of "sync" must be a function',
      })
    }
  },
)

test.each<[string, Record<string, unknown>, RegExp]>([
  ['maxAttempts 0', { maxAttempts: 0 }, /^retry\.maxAttempts must be a whole number from 1 to/],
  ['maxAttempts 1.5', { maxAttempts: 1.5 }, /^retry\.maxAttempts .* not 1\.5$/],
  ['maxAttempts "3"', { maxAttempts: '3' }, /^retry\.maxAttempts .* not "3"$/],
  ['initialDelay −1', { initialDelay: -1 }, /^retry\.initialDelay must be a number of milli/],
  ['maxDelay NaN', { maxDelay: Number.NaN }, /^retry\.maxDelay must be a number of milliseconds/],
  ['jitter 1.1', { jitter: 1.1 }, /^retry\.jitter must be a number from 0 to 1$/],
  ['jitter NaN', { jitter: Number.NaN }, /^retry\.jitter must be a number from 0 to 1$/],
  ['an unknown backoff', { backoff: 'random' }, /^retry\.backoff must be 'fixed', 'linear', /],
  ['an unknown option', { attempts: 3 }, /^there is no retry option "attempts"$/],
])('a definition whose retry has %s is refused', async (_name, retry, says) => {
  const error = await refusal(() =>
    defineJob({ name: 'job', retry, handler: () => ({ success: true }) }),
  )
  expect(error.code).toBe('JOBS_INVALID_OPTION')
  expect(error.message).toMatch(says)
})

test('a definition with a property that there is not is refused', async () => {
  const misplaced = { name: 'job', handler: succeed, maxAttempts: 3 }
  expect(await refusal(() => defineJob(misplaced))).toMatchObject({
    code: 'JOBS_INVALID_OPTION',
    message: 'the definition of job "job" has no "maxAttempts"; presets go into its options',
  })
  expect(
    defineJob({ ...defineJob({ name: 'job', handler: succeed, discard: true }) }).discard,
  ).toBe(true)
})

test('a definition whose schema is no Standard Schema, or whose guard is no function, is refused', async () => {
  const handler = () => ({ success: true as const })
  expect(
    await refusal(() => defineJob({ name: 'job', schema: { parse: () => 1 } as never, handler })),
  ).toMatchObject({
    code: 'JOBS_INVALID_OPTION',
    message: expect.stringMatching(/^schema of "job" is not/) as string,
  })
  expect(
    await refusal(() => defineJob({ name: 'job', validate: true as never, handler })),
  ).toMatchObject({
    code: 'JOBS_INVALID_OPTION',
    message: 'validate of "job" must be a function',
  })
})

describe('addresses and pages', () => {
  test.each(['', 'x'.repeat(201), 'a\0', 7, null, undefined, {}])(
    'an id %j is refused',
    async (id) => {
      for (const call of [
        () => queue.getJob(id as string),
        () => queue.cancelJob(id as string),
        () => queue.retryJob(id as string),
        () => queue.removeJob(id as string),
        () => queue.acknowledge(id as string, 'completed'),
      ]) {
        expect((await refusal(call)).code).toBe('JOBS_INVALID_JOB_ID')
      }
    },
  )

  test('a tenant that is none is refused in an address and in a filter', async () => {
    for (const call of [
      () => queue.getJob({ id: 'a', tenantId: 'a:b' }),
      () => queue.cancelJob({ id: 'a', tenantId: '*' }),
      () => queue.listJobs({ tenantId: 'a:b' }),
      () => queue.counts({ tenantId: '*' }),
    ]) {
      expect((await refusal(call)).code).toBe('JOBS_INVALID_TENANT_ID')
    }
  })

  test.each([0, -1, 1.5, Number.NaN, 1_001, '10'])(
    'a page or a take of %s is refused',
    async (limit) => {
      for (const call of [
        () => queue.listJobs({ limit: limit as number }),
        () => queue.dequeue(limit as number),
      ]) {
        expect(await refusal(call)).toMatchObject({
          code: 'JOBS_INVALID_OPTION',
          message: expect.stringMatching(/^limit must be a whole number from 1 to 1000/) as string,
        })
      }
    },
  )

  test('an unknown status, a foreign cursor and an outcome that is none are refused', async () => {
    for (const call of [
      () => queue.listJobs('done' as 'completed'),
      () => queue.listJobs({ cursor: '../../etc' }),
      () => queue.acknowledge('a', 'done' as 'completed'),
      () => queue.dequeue(1, { leaseMs: 999 }),
    ]) {
      expect((await refusal(call)).code).toBe('JOBS_INVALID_OPTION')
    }
  })

  test.each<[unknown, string]>([
    [{ name: 7 }, 'name of a filter must be a string or an array of strings, not of type number'],
    [{ name: ['a', null] }, 'name of a filter must be a string or an array of strings, not of ty'],
    [{ status: 7 }, 'status of a filter must be a string or an array of strings, not of type numb'],
    [{ status: ['running', {}] }, 'status of a filter must be a string or an array of strings, '],
    [{ status: {} }, 'status of a filter must be a string or an array of strings, not of type obj'],
    [{ tenant: 'acme' }, 'there is no filter "tenant"'],
    [{ cursor: 7 }, 'cursor must be a string, not of type number'],
    [null, 'a filter must be an object, not of type null'],
    [7, 'a filter must be an object, not of type number'],
  ])('the filter %j is refused', async (filter, message) => {
    const error = await refusal(() => queue.listJobs(filter as JobListFilter))
    expect(error).toMatchObject({ code: 'JOBS_INVALID_OPTION' })
    expect(error.message).toContain(message)
  })
})

describe('the same id with another payload', () => {
  test('is a conflict for its caller, says what differs and stores nothing', async () => {
    await queue.enqueue('job', { secret: 'hunter2' }, { jobId: 'order-1' })
    const byPayload = await refusal(() =>
      queue.enqueue('job', { secret: 'hunter3' }, { jobId: 'order-1' }),
    )
    expect(byPayload).toMatchObject({
      code: 'JOBS_ID_CONFLICT',
      message: 'job id order-1 belongs to another job of queue default: its payload differs',
    })
    const byName = await refusal(() =>
      queue.enqueue('other', { secret: 'hunter2' }, { jobId: 'order-1' }),
    )
    expect(byName.message).toMatch(/: its name is job$/)
    expect((await queue.counts()).pending).toBe(1)
    expect((await queue.getJob('order-1'))!.payload).toEqual({ secret: 'hunter2' })
  })
})
