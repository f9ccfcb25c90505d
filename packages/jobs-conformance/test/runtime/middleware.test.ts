import { currentTenant, withTenant } from '@cgk/core'
import {
  defineJob,
  type HandlerMiddleware,
  type Job,
  type JobHandler,
  type JobProcessor,
  type JobQueue,
  type NewJob,
  PermanentError,
  processJobs,
  snooze,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { type HeardCall, listeningStore } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue
let heard: readonly HeardCall[]

beforeEach(() => {
  time = new ManualTime()
  const listening = listeningStore(createMemoryStore({ clock: time.clock }))
  heard = listening.heard
  process = new SimulatedProcess(time, listening.store)
  queue = process.queue()
})

/** A processor of one handler for jobs named `job`, within the middleware; not started. */
function processorOf(
  handler: JobHandler,
  ...middleware: readonly HandlerMiddleware[]
): JobProcessor {
  const processor = processJobs({
    queue,
    logger: process.logger,
    handlers: new Map([['job', handler]]),
  })
  for (const each of middleware) processor.use(each)
  return processor
}

/** Runs one job to the end of its first attempt. */
async function runOne(handler: JobHandler, ...middleware: readonly HandlerMiddleware[]) {
  const { id } = await queue.enqueue('job', {}, { maxAttempts: 2, retryDelay: 60_000 })
  processorOf(handler, ...middleware).start()
  await time.advance(1)
  return (await queue.getJob(id))!
}

const succeed: JobHandler = () => ({ success: true, data: 'done' })

describe('handler middleware', () => {
  test('runs around the handler, the first added outermost', async () => {
    const seen: string[] = []
    const layer =
      (name: string): HandlerMiddleware =>
      async (_job, _context, next) => {
        seen.push(`${name} in`)
        const result = await next()
        seen.push(`${name} out`)
        return result
      }
    const handler: JobHandler = () => {
      seen.push('handler')
      return { success: true, data: 'done' }
    }
    const job = await runOne(handler, layer('a'), layer('b'))
    expect(seen).toEqual(['a in', 'b in', 'handler', 'b out', 'a out'])
    expect(job).toMatchObject({ status: 'completed', result: 'done' })
  })

  test('gets the job, the context and what the handler returned', async () => {
    const seen: unknown[] = []
    await runOne(succeed, async (job, context, next) => {
      seen.push(job.name, context.attempt, context.signal.aborted)
      const result = await next()
      seen.push(result)
      return result
    })
    expect(seen).toEqual(['job', 1, false, { success: true, data: 'done' }])
  })

  test('gives the handler the same context', async () => {
    let outer: unknown
    const job = await runOne(
      (_job, context) => ({ success: true, data: context === outer }),
      (_job, context, next) => {
        outer = context
        return next()
      },
    )
    expect(job.result).toBe(true)
  })

  test('decides what becomes of the attempt', async () => {
    const other = await runOne(succeed, async (_job, _context, next) => {
      await next()
      return { success: true, data: 'other' }
    })
    expect(other).toMatchObject({ status: 'completed', result: 'other' })
  })

  test('need not call the handler at all', async () => {
    let ran = false
    const job = await runOne(
      () => {
        ran = true
        return { success: true }
      },
      () => snooze(5_000),
    )
    expect(ran).toBe(false)
    expect(job).toMatchObject({ status: 'scheduled', attempts: 0, releases: 1 })
  })

  test.each<[string, HandlerMiddleware]>([
    [
      'throws',
      () => {
        throw new PermanentError('not today')
      },
    ],
    ['rejects', () => Promise.reject(new PermanentError('not today'))],
    [
      'throws after the handler succeeded',
      async (_job, _context, next) => {
        await next()
        throw new PermanentError('not today')
      },
    ],
  ])('that %s fails the attempt', async (_how, middleware) => {
    const job = await runOne(succeed, middleware)
    expect(job).toMatchObject({ status: 'failed', error: { message: 'not today' } })
  })

  test('hears what the handler threw, and may make a success of it', async () => {
    const job = await runOne(
      () => {
        throw new Error('broken')
      },
      async (_job, _context, next) => {
        try {
          return await next()
        } catch (error) {
          return { success: true, data: (error as Error).message }
        }
      },
    )
    expect(job).toMatchObject({ status: 'completed', result: 'broken' })
  })

  test('that returns nothing fails the attempt, as a handler would', async () => {
    const forgetful = async (...[, , next]: Parameters<HandlerMiddleware>): Promise<void> => {
      await next()
    }
    const job = await runOne(succeed, forgetful as unknown as HandlerMiddleware)
    expect(job).toMatchObject({ status: 'retrying', error: { code: 'JOBS_INVALID_RESULT' } })
  })

  test('that calls next twice is refused, and the handler runs once', async () => {
    let runs = 0
    const job = await runOne(
      () => {
        runs += 1
        return { success: true }
      },
      async (_job, _context, next) => {
        await next()
        return next()
      },
    )
    expect(runs).toBe(1)
    expect(job).toMatchObject({
      status: 'retrying',
      error: { code: 'JOBS_INVALID_RESULT', message: expect.stringContaining('twice') as string },
    })
  })

  test('that waits neither for next nor for its failure ends its attempt and nothing else', async () => {
    const job = await runOne(
      () => {
        throw new Error('nobody hears this')
      },
      (_job, _context, next) => {
        void next()
        void next()
        return { success: true }
      },
    )
    // An unhandled rejection would fail the run of these tests.
    expect(job.status).toBe('completed')
  })

  test('gets the payload as the schema made it, and none that it refused', async () => {
    const seen: unknown[] = []
    const job = defineJob({
      name: 'checked',
      validate: (payload): payload is { ok: true } => (payload as { ok?: unknown }).ok === true,
      handler: () => ({ success: true }),
    })
    const processor = processJobs({ queue, jobs: [job], logger: process.logger })
    processor.use(({ payload }, _context, next) => {
      seen.push(payload)
      return next()
    })
    processor.start()
    await queue.enqueue('checked', { ok: true })
    await queue.enqueue('checked', { ok: false })
    await time.advance(1)
    expect(seen).toEqual([{ ok: true }])
    expect(await queue.counts()).toMatchObject({ completed: 1, failed: 1 })
  })

  test('is not reached by a job whose name nobody knows', async () => {
    let reached = 0
    const processor = processJobs({ queue, logger: process.logger })
    processor.use((_job, _context, next) => {
      reached += 1
      return next()
    })
    processor.start()
    await queue.enqueue('unknown', {})
    await time.advance(1)
    expect(await queue.counts()).toMatchObject({ scheduled: 1 })
    expect(reached).toBe(0)
  })

  test('added while the processor runs is for the attempts that begin afterwards', async () => {
    const seen: unknown[] = []
    const gate = Promise.withResolvers<void>()
    const processor = processorOf(async () => {
      await gate.promise
      return { success: true }
    })
    processor.start()
    await queue.enqueue('job', {})
    await time.settle()
    processor.use(({ payload }, _context, next) => {
      seen.push(payload)
      return next()
    })
    await queue.enqueue('job', { late: true })
    gate.resolve()
    await time.advance(1)
    expect(seen).toEqual([{ late: true }])
    expect(await queue.counts()).toMatchObject({ completed: 2 })
  })

  test('runs in the tenant of the job', async () => {
    const tenants: unknown[] = []
    processorOf(succeed, (_job, _context, next) => {
      tenants.push(currentTenant())
      return next()
    }).start()
    await queue.enqueue('job', {}, { tenantId: 'acme' })
    await queue.enqueue('job', {})
    await time.advance(1)
    expect(tenants).toEqual(['acme', undefined])
  })

  test('that outlasts the attempt no longer reaches the handler', async () => {
    let ran = false
    const reasons: unknown[] = []
    const { id } = await queue.enqueue('job', {}, { timeout: 100, maxAttempts: 1 })
    processorOf(
      () => {
        ran = true
        return { success: true }
      },
      async (_job, _context, next) => {
        await time.sleep(500)
        return next().catch((error: unknown) => {
          reasons.push((error as { code?: unknown }).code)
          throw error
        })
      },
    ).start()
    await time.advance(2_000)
    expect(ran).toBe(false)
    expect(reasons).toEqual(['JOBS_ATTEMPT_TIMED_OUT'])
    expect((await queue.getJob(id))!.error).toMatchObject({ code: 'JOBS_ATTEMPT_TIMED_OUT' })
  })

  test('must be a function', async () => {
    const processor = processorOf(succeed)
    const error = await refusal(() => {
      processor.use('metrics' as unknown as HandlerMiddleware)
    })
    expect(error.code).toBe('JOBS_INVALID_CONFIG')
  })
})

/** What went to the store, call by call. */
function stored(): readonly (readonly NewJob[])[] {
  return heard
    .filter(({ operation }) => operation === 'enqueue')
    .map(({ request }) => request as readonly NewJob[])
}

describe('enqueue middleware', () => {
  test('changes payload, options and headers before they are checked', async () => {
    queue.use(async (draft, _context, next) => {
      draft.payload = { wrapped: draft.payload }
      draft.options.priority = 7
      draft.options.headers['request-id'] = 'r-1'
      await next()
    })
    const job = await queue.enqueue('job', new Date(0), { headers: { own: 'yes' } }).catch(String)
    expect(job).toContain('JobsError')
    queue.use(async (draft, _context, next) => {
      draft.payload = { day: 'monday' }
      await next()
    })
    expect(await queue.enqueue('job', new Date(0), { headers: { own: 'yes' } })).toMatchObject({
      payload: { day: 'monday' },
      priority: 7,
      headers: { own: 'yes', 'request-id': 'r-1' },
    })
  })

  test('runs the first added outermost, and hears of the stored job', async () => {
    const seen: unknown[] = []
    for (const name of ['a', 'b']) {
      queue.use(async (draft, { queue: queueName, tenantId }, next) => {
        seen.push(`${name} in ${draft.name} ${queueName} ${String(tenantId)}`)
        const job = await next()
        seen.push(`${name} out ${(await queue.getJob(job!))!.id === job!.id}`)
      })
    }
    await withTenant('acme', () => queue.enqueue('job', {}))
    expect(seen).toEqual([
      'a in job default acme',
      'b in job default acme',
      'b out true',
      'a out true',
    ])
  })

  test('leaves what the caller gave as it was', async () => {
    const options = { headers: { own: 'yes' }, priority: 1 }
    queue.use((draft, _context, next) => {
      draft.options.headers['own'] = 'no'
      draft.options.priority = 2
      return next()
    })
    await queue.enqueue('job', {}, options)
    expect(options).toEqual({ headers: { own: 'yes' }, priority: 1 })
  })

  test('lets a batch through in one call to the store, each job by itself', async () => {
    const waits = [30, 10, 20]
    queue.use(async (draft, _context, next) => {
      const { index } = draft.payload as { index: number }
      await time.sleep(waits[index]!)
      draft.options.headers['index'] = String(index)
      const job = await next()
      expect((job!.payload as { index: number }).index).toBe(index)
    })
    const call = queue.enqueueMany([0, 1, 2].map((index) => ({ job: 'job', payload: { index } })))
    await time.advance(29)
    expect(stored()).toEqual([])
    await time.advance(1)
    const jobs = await call
    expect(jobs.map(({ headers }) => headers)).toEqual([
      { index: '0' },
      { index: '1' },
      { index: '2' },
    ])
    expect(stored().map((batch) => batch.length)).toEqual([3])
  })

  test('that throws refuses the whole batch, and every other one hears why', async () => {
    const reasons: unknown[] = []
    queue.use(async (draft, _context, next) => {
      const { index } = draft.payload as { index: number }
      if (index === 1) throw new Error('not this one')
      await next().catch((error: unknown) => reasons.push(error))
    })
    const jobs = [0, 1, 2].map((index) => ({ job: 'job', payload: { index } }))
    await expect(queue.enqueueMany(jobs)).rejects.toThrow('not this one')
    expect(reasons.map(String)).toEqual(['Error: not this one', 'Error: not this one'])
    expect(stored()).toEqual([])
  })

  test('that throws while it waits for the others refuses the batch all the same', async () => {
    queue.use(async (draft, _context, next) => {
      if ((draft.payload as { index: number }).index === 0) {
        void next()
        throw new Error('changed my mind')
      }
      await time.sleep(10)
      await next()
    })
    const jobs = [0, 1].map((index) => ({ job: 'job', payload: { index } }))
    const call = expect(queue.enqueueMany(jobs)).rejects.toThrow('changed my mind')
    await time.advance(10)
    await call
    expect(stored()).toEqual([])
  })

  test('that hides what one inside of it did wrong does not leave the call waiting', async () => {
    queue.use(async (_draft, _context, next) => {
      await next().catch(() => {})
    })
    queue.use(() => {})
    const error = await refusal(() => queue.enqueue('job', {}))
    expect(error.code).toBe('JOBS_INVALID_RESULT')
  })

  test('that ends without next refuses its job, and says so', async () => {
    queue.use(() => {})
    const error = await refusal(() => queue.enqueue('job', {}))
    expect(error).toMatchObject({
      code: 'JOBS_INVALID_RESULT',
      message: expect.stringContaining('without next()') as string,
    })
    expect(stored()).toEqual([])
  })

  test('that calls next twice hears so, and the job is stored once', async () => {
    const codes: unknown[] = []
    queue.use(async (_draft, _context, next) => {
      await next()
      await next().catch((error: unknown) => codes.push((error as { code?: unknown }).code))
    })
    await queue.enqueue('job', {})
    expect(codes).toEqual(['JOBS_INVALID_RESULT'])
    expect(stored()).toHaveLength(1)
  })

  test('that hides a refusal hides it from nobody else', async () => {
    queue.use(async (_draft, _context, next) => {
      await next().catch(() => {})
    })
    const error = await refusal(() => queue.enqueue('', {}))
    expect(error.code).toBe('JOBS_INVALID_JOB_NAME')
  })

  test('that does not wait for next delays nothing: the call ends when the job is stored', async () => {
    queue.use((_draft, _context, next) => {
      void next()
      void next()
    })
    const { id } = await queue.enqueue('job', {})
    // The refusal of the second one is unhandled, and must not end the process.
    expect(await queue.getJob(id)).not.toBeNull()
    await refusal(() => queue.enqueue('', {}))
  })

  test('moves no job into the tenant that it is itself in', async () => {
    queue.use((_draft, _context, next) => withTenant('other', () => next()))
    const job = await withTenant('acme', () => queue.enqueue('job', {}))
    expect(job.tenantId).toBe('acme')
    expect((await queue.enqueueMany([{ job: 'job', payload: {} }]))[0]).not.toHaveProperty(
      'tenantId',
    )
  })

  test('passes bad options on to the check', async () => {
    queue.use((_draft, _context, next) => next())
    for (const options of [
      { headers: 'none' },
      { headers: null },
      { headers: ['a'] },
      { unknown: 1 },
      { delay: -1 },
    ]) {
      const error = await refusal(() => queue.enqueue('job', {}, options as never))
      expect(error.code, JSON.stringify(options)).toBe('JOBS_INVALID_OPTION')
    }
    await refusal(() => queue.enqueue(undefined as unknown as string, {}))
    const inBatch = await refusal(() => queue.enqueueMany([{ job: 'job', payload: {} }, null!]))
    expect(inBatch.message).toContain('job 1 of the batch')
    expect(stored()).toEqual([])
  })

  test('stores no headers where there are none', async () => {
    queue.use((_draft, _context, next) => next())
    await queue.enqueue('job', {})
    expect(stored()[0]![0]).not.toHaveProperty('headers')
  })

  test('is of its queue object, and not passed by follow-ups', async () => {
    const seen: string[] = []
    queue.use((draft, _context, next) => {
      seen.push(draft.name)
      return next()
    })
    process.start({
      queue,
      handlers: new Map<string, JobHandler>([
        ['first', () => ({ success: true, followUps: [{ job: 'second', payload: {} }] })],
        ['second', succeed],
      ]),
    })
    await queue.enqueue('first', {})
    await process.queue().enqueue('second', {})
    await time.advance(1)
    expect(seen).toEqual(['first'])
    expect(await queue.counts()).toMatchObject({ completed: 3 })
  })

  test('is passed by an empty batch unnoticed', async () => {
    queue.use(() => {
      throw new Error('there is nothing to pass')
    })
    expect(await queue.enqueueMany([])).toEqual([])
  })

  test('is passed by the members of a group, and not by its callback', async () => {
    const jobs: (string | undefined)[] = []
    queue.use(async (draft, _context, next) => {
      draft.options.headers['by'] = draft.name
      jobs.push((await next())?.id)
    })
    const member = (job: string) => ({ job, payload: {} })
    const options = {
      groupId: 'group',
      onComplete: member('after'),
      onAnyFailed: 'nothing',
    } as const
    const nested = { jobs: [member('b')], onAnyFailed: 'nothing' } as const
    const group = await queue.enqueueGroup([member('a'), nested, member('c')], options)
    expect(group.jobs.map(({ headers }) => headers)).toEqual([{ by: 'a' }, { by: 'c' }])
    expect(group.groups[0]!.jobs.map(({ headers }) => headers)).toEqual([{ by: 'b' }])
    const ids = [...group.jobs, ...group.groups[0]!.jobs].map(({ id }) => id)
    expect(new Set(jobs)).toEqual(new Set(ids))
    jobs.length = 0
    const again = await queue.enqueueGroup([member('a'), nested, member('c')], options)
    expect(again.duplicate).toBe(true)
    expect(jobs).toEqual([undefined, undefined, undefined])
  })

  test('must be a function', async () => {
    const error = await refusal(() => {
      queue.use(undefined as never)
    })
    expect(error.code).toBe('JOBS_INVALID_CONFIG')
  })

  test('knows the definition’s name, and keeps its checks', async () => {
    const definition = defineJob({
      name: 'defined',
      validate: (payload): payload is { ok: boolean } => (payload as { ok?: unknown }).ok === true,
      handler: () => ({ success: true }),
    })
    const names: string[] = []
    queue.use((draft, _context, next) => {
      names.push(draft.name)
      draft.payload = { ok: false }
      return next()
    })
    const error = await refusal((): Promise<Job<{ ok: boolean }>> =>
      queue.enqueue(definition, { ok: true }),
    )
    expect(error.code).toBe('JOBS_INVALID_PAYLOAD')
    expect(names).toEqual(['defined'])
  })
})
