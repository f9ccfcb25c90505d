import { currentTenant, withTenant } from '@cgk/core'
import { defineJob, type JobHandler, type JobQueue } from '@cgk/jobs-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { schemaOf } from './standard-schema.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

describe('the tenant of a job', () => {
  test('is the current one, else the one given, else none; the one given wins', async () => {
    expect(await queue.enqueue('job', {})).not.toHaveProperty('tenantId')
    expect(await queue.enqueue('job', {}, { tenantId: 'acme' })).toMatchObject({ tenantId: 'acme' })
    await withTenant('globex', async () => {
      expect(await queue.enqueue('job', {})).toMatchObject({ tenantId: 'globex' })
      expect(await queue.enqueue('job', {}, { tenantId: 'acme' })).toMatchObject({
        tenantId: 'acme',
      })
      const many = await queue.enqueueMany([
        { job: 'job', payload: {} },
        { job: 'job', payload: {}, options: { tenantId: 'acme' } },
      ])
      expect(many.map(({ tenantId }) => tenantId)).toEqual(['globex', 'acme'])
    })
  })

  test('is the one of the call, also where an asynchronous schema resolves elsewhere', async () => {
    const resolvers: (() => void)[] = []
    const schema = schemaOf<unknown>(
      (value) =>
        new Promise((resolve) => {
          resolvers.push(() => {
            resolve({ value })
          })
        }),
    )
    const job = defineJob({ name: 'job', schema, handler: () => ({ success: true }) })
    const calls = ['acme', 'globex', null].map((id) => withTenant(id, () => queue.enqueue(job, {})))
    withTenant('initech', () => {
      for (const resolve of resolvers) resolve()
    })
    const jobs = await Promise.all(calls)
    expect(jobs.map(({ tenantId }) => tenantId)).toEqual(['acme', 'globex', undefined])
  })

  test('is the one of each call, where calls of several tenants travel together', async () => {
    const ids = ['acme', 'globex', null, 'initech']
    const jobs = await Promise.all(
      ids.map((id) => withTenant(id, () => queue.enqueue('job', { id }))),
    )
    expect(jobs.map(({ tenantId = null }) => tenantId)).toEqual(ids)
  })
})

describe('everything of a job runs for its tenant, whatever triggers it:', () => {
  interface Sight {
    readonly where: string
    readonly of: unknown
    readonly saw: string | undefined
  }

  /** A processor that notes the current tenant wherever user code runs. */
  function startNoting(sights: Sight[]): void {
    const note = (where: string, payload: unknown): void => {
      sights.push({ where, of: (payload as { of: unknown }).of, saw: currentTenant() })
    }
    const schema = schemaOf<{ of: unknown; fail?: boolean }>((value) => {
      note('schema', value)
      return { value: value as { of: unknown } }
    })
    const job = defineJob({
      name: 'job',
      schema,
      retry: {
        maxAttempts: 2,
        backoff: (_attempt, error) => {
          note('backoff', (error as Error).cause)
          return 0
        },
      },
      handler: async ({ payload }, { tenantId }) => {
        note('handler', payload)
        expect(tenantId).toBe(currentTenant())
        await Promise.resolve()
        note('handler after a wait', payload)
        if (payload.fail === true) throw new Error('no', { cause: payload })
        return { success: true }
      },
    })
    process.start({
      queue,
      // The schema is the processor's alone, so that only its sights are noted.
      jobs: [job],
      onComplete: ({ payload }) => note('onComplete', payload),
      onError: ({ payload }) => note('onError', payload),
      onFailed: async ({ payload }) => {
        await Promise.resolve()
        note('onFailed', payload)
      },
    })
  }

  function expectOwnTenants(sights: readonly Sight[], places: readonly string[]): void {
    expect([...new Set(sights.map(({ where }) => where))].toSorted()).toEqual(places.toSorted())
    for (const { where, of, saw } of sights)
      expect(`${where}: ${saw}`).toBe(`${where}: ${String(of)}`)
  }

  const PLACES = [
    'schema',
    'handler',
    'handler after a wait',
    'backoff',
    'onComplete',
    'onError',
    'onFailed',
  ]

  test('an enqueue from inside somebody’s withTenant', async () => {
    const sights: Sight[] = []
    startNoting(sights)
    await time.settle()
    await withTenant('trigger', async () => {
      for (const fail of [false, true]) {
        for (const of of ['acme', 'globex']) {
          await queue.enqueue('job', { of, fail }, { tenantId: of })
        }
        await withTenant(null, () => queue.enqueue('job', { of: undefined, fail }))
      }
      await time.settle()
    })
    expect(sights.filter(({ of }) => of === undefined).length).toBeGreaterThan(5)
    expectOwnTenants(sights, PLACES)
  })

  test('a processor that was started inside somebody’s withTenant', async () => {
    const sights: Sight[] = []
    await queue.enqueue('job', { of: undefined, fail: true })
    await queue.enqueue('job', { of: 'acme' }, { tenantId: 'acme' })
    await queue.enqueue('job', { of: undefined }, { delay: 50 })
    withTenant('trigger', () => {
      startNoting(sights)
    })
    await time.advance(1_000)
    expect(sights.filter(({ of }) => of === undefined).length).toBeGreaterThan(5)
    expectOwnTenants(sights, PLACES)
  })

  test('another tenant’s job that ends and makes room', async () => {
    const seen: (string | undefined)[] = []
    const handler: JobHandler = async () => {
      await Promise.resolve()
      seen.push(currentTenant())
      return { success: true }
    }
    const ids = ['acme', null, 'globex', null, 'acme']
    for (const tenantId of ids) {
      await queue.enqueue('job', {}, tenantId === null ? {} : { tenantId })
    }
    process.start({ queue, handlers: new Map([['job', handler]]), maxConcurrency: 1 })
    await time.settle()
    // In whichever order the store takes the tenants.
    expect(new Set(seen)).toEqual(new Set(ids.map((id) => id ?? undefined)))
    expect(seen).toHaveLength(ids.length)
  })

  test('a job enqueued by a handler or by a callback is of the job’s tenant', async () => {
    const handler: JobHandler<{ depth: number }> = async ({ payload }) => {
      if (payload.depth === 0) await queue.enqueue('job', { depth: 1 })
      return { success: true }
    }
    process.start({
      queue,
      handlers: new Map([['job', handler]]),
      onComplete: async ({ payload }) => {
        const { depth } = payload as { depth: number }
        if (depth === 1) await queue.enqueue('job', { depth: 2 })
      },
    })
    await withTenant('acme', () => queue.enqueue('job', { depth: 0 }))
    await withTenant('globex', async () => {
      await withTenant(null, () => queue.enqueue('job', { depth: 0 }))
      await time.settle()
    })
    expect(await queue.counts({ tenantId: 'acme' })).toMatchObject({ completed: 3 })
    expect(await queue.counts({ tenantId: null })).toMatchObject({ completed: 3 })
    expect(await queue.counts({ tenantId: 'globex' })).toMatchObject({ completed: 0 })
  })
})

describe('a queue that requires tenants', () => {
  beforeEach(() => {
    queue = process.queue({ tenancy: 'required' })
  })

  test('refuses a job without one and stores nothing', async () => {
    const error = await refusal(() => queue.enqueue('job', {}))
    expect(error).toMatchObject({
      code: 'JOBS_TENANT_REQUIRED',
      message:
        'queue default takes no job without a tenant: pass tenantId, or call inside withTenant',
    })
    const many = await refusal(() =>
      queue.enqueueMany([
        { job: 'job', payload: 1, options: { tenantId: 'acme' } },
        { job: 'job', payload: 2 },
      ]),
    )
    expect(many.code).toBe('JOBS_TENANT_REQUIRED')
    expect(many.message).toMatch(/^job 1 of the batch: /)
    expect(await queue.counts()).toMatchObject({ pending: 0 })
  })

  test('takes one that has it, from the call or from the context', async () => {
    await queue.enqueue('job', {}, { tenantId: 'acme' })
    await withTenant('acme', () => queue.enqueue('job', {}))
    expect(await queue.counts({ tenantId: 'acme' })).toMatchObject({ pending: 2 })
  })

  test('refuses also where an asynchronous schema lies between', async () => {
    const schema = schemaOf<unknown>(async (value) => ({ value }))
    const job = defineJob({ name: 'job', schema, handler: () => ({ success: true }) })
    expect((await refusal(() => queue.enqueue(job, {}))).code).toBe('JOBS_TENANT_REQUIRED')
  })
})

describe('tenants cannot see or touch each other’s jobs', () => {
  test('by id: every call finds nothing and changes nothing', async () => {
    const job = await queue.enqueue('job', { secret: 1 }, { tenantId: 'acme', jobId: 'order-1' })
    for (const tenantId of ['globex', null]) {
      await withTenant(tenantId, async () => {
        expect(await queue.getJob('order-1')).toBeNull()
        for (const call of [
          () => queue.cancelJob('order-1'),
          () => queue.retryJob('order-1'),
          () => queue.removeJob('order-1'),
        ]) {
          const error = await refusal(call)
          expect(error.code).toBe('JOBS_NOT_FOUND')
          expect(error.message).not.toContain('acme')
        }
      })
    }
    expect(await queue.getJob(job)).toEqual(job)
  })

  test('the same jobId in two tenants is two jobs', async () => {
    const acme = await queue.enqueue('job', 1, { tenantId: 'acme', jobId: 'order-1' })
    const globex = await queue.enqueue('job', 2, { tenantId: 'globex', jobId: 'order-1' })
    expect([acme.payload, globex.payload]).toEqual([1, 2])
    await withTenant('acme', () => queue.cancelJob('order-1'))
    expect(await queue.getJob(acme)).toMatchObject({ status: 'cancelled' })
    expect(await queue.getJob(globex)).toMatchObject({ status: 'pending' })
  })

  test('in lists and counts: inside a tenant only its own, outside all or the chosen', async () => {
    for (const tenantId of ['acme', 'acme', 'globex']) await queue.enqueue('job', {}, { tenantId })
    await queue.enqueue('job', {})
    const pendingOf = async (filter?: { tenantId: string | null }): Promise<number[]> => [
      (await queue.counts(filter)).pending,
      (await queue.listJobs(filter)).length,
    ]
    expect(await pendingOf()).toEqual([4, 4])
    expect(await pendingOf({ tenantId: 'acme' })).toEqual([2, 2])
    expect(await pendingOf({ tenantId: null })).toEqual([1, 1])
    await withTenant('globex', async () => {
      expect(await pendingOf()).toEqual([1, 1])
      expect((await queue.listJobs())[0]).toMatchObject({ tenantId: 'globex' })
    })
  })
})
