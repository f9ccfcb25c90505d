import { defineJob, type JobHandler } from '@cgk/jobs-core'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { createTestJobs } from '../../src/testing/index.ts'

const succeed: JobHandler<never> = () => ({ success: true })

interface Order {
  orderId: string
  lines: { sku: string; count: number }[]
}

const order = defineJob<Order, { total: number }, 'order'>({
  name: 'order',
  handler: async () => ({ success: true, data: { total: 1 } }),
})

const one: Order = { orderId: '1', lines: [{ sku: 'x', count: 2 }] }
const two: Order = { orderId: '2', lines: [] }

/** What a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  return promise.then(
    () => {
      throw new Error('it did not reject')
    },
    (error: unknown) => error as Error & Record<string, unknown>,
  )
}

describe('expectEnqueued', () => {
  it('finds a job by its definition or name, and part of its payload', async () => {
    await using jobs = createTestJobs({ jobs: [order] })
    const first = await jobs.queue.enqueue(order, one)
    const second = await jobs.queue.enqueue('order', two)
    expect((await jobs.expectEnqueued(order)).id).toBe(first.id)
    expect((await jobs.expectEnqueued('order', { orderId: '2' })).id).toBe(second.id)
    expect((await jobs.expectEnqueued(order, { lines: [{ count: 2 }] })).id).toBe(first.id)
    const matched = await jobs.expectEnqueued(order, {
      orderId: expect.stringMatching('2') as string,
    })
    expect(matched.id).toBe(second.id)
  })

  it('knows the types', async () => {
    await using jobs = createTestJobs({ jobs: [order] })
    await jobs.queue.enqueue(order, one)
    const byDefinition = await jobs.expectEnqueued(order)
    expectTypeOf(byDefinition.payload).toEqualTypeOf<Order>()
    expectTypeOf(byDefinition.result).toEqualTypeOf<{ total: number } | undefined>()
    const byName = await jobs.expectEnqueued('order')
    expectTypeOf(byName.payload).toEqualTypeOf<Order>()
    const [any] = await jobs.enqueued()
    expectTypeOf(any!.payload).toEqualTypeOf<unknown>()
    // @ts-expect-error -- a number is not part of an order
    await jobs.expectNotEnqueued(order, { orderId: 2 })
    // @ts-expect-error -- nor is this
    await jobs.expectNotEnqueued('order', { other: 2 })
  })

  it('finds jobs in whatever status, whoever made them, and those that are not kept', async () => {
    const discarded = defineJob({ name: 'discarded', handler: succeed, discard: true })
    const parent = defineJob({
      name: 'parent',
      handler: () => ({
        success: true,
        followUps: [
          { job: discarded, payload: { from: 'parent' } },
          { job: 'later', payload: {}, options: { delay: 1_000 } },
        ],
      }),
    })
    await using jobs = createTestJobs()
    jobs.processor.registerJob(parent)
    jobs.processor.registerJob(discarded)
    const cancelled = await jobs.queue.enqueue('cancelled', {})
    await jobs.queue.cancelJob(cancelled)
    const removed = await jobs.queue.enqueue('removed', {})
    await jobs.queue.removeJob(removed)
    await jobs.queue.enqueue(parent, {})
    await jobs.runUntilIdle()
    expect(await jobs.queue.getJob((await jobs.expectEnqueued('discarded')).id)).toBeNull()
    const found = await jobs.enqueued()
    expect(found.map(({ name, status }) => `${name}: ${status}`).toSorted()).toEqual([
      'cancelled: cancelled',
      'discarded: completed',
      'later: scheduled',
      'parent: completed',
      'removed: pending',
    ])
  })

  it('does not find what a unique key refused', async () => {
    await using jobs = createTestJobs({ jobs: [order] })
    await jobs.queue.enqueue(order, one, { uniqueKey: 'k' })
    await jobs.queue.enqueue(order, two, { uniqueKey: 'k' })
    expect(await jobs.enqueued(order)).toHaveLength(1)
    await jobs.expectNotEnqueued(order, { orderId: '2' })
  })

  it('tells tenants apart where asked to', async () => {
    await using jobs = createTestJobs({ jobs: [order] })
    await jobs.queue.enqueue(order, one, { tenantId: 'acme' })
    await jobs.queue.enqueue(order, two)
    expect((await jobs.expectEnqueued(order, {}, { tenantId: 'acme' })).tenantId).toBe('acme')
    expect((await jobs.expectEnqueued(order, {}, { tenantId: null })).payload).toEqual(two)
    await jobs.expectNotEnqueued(order, one, { tenantId: null })
    await jobs.expectNotEnqueued(order, undefined, { tenantId: 'globex' })
    expect(await jobs.enqueued()).toHaveLength(2)
    expect(await jobs.enqueued(undefined, { tenantId: 'acme' })).toHaveLength(1)
  })

  it('says what there is where it finds nothing', async () => {
    await using jobs = createTestJobs({ handlers: new Map() })
    const none = await errorOf(jobs.expectEnqueued(order, { orderId: '1' }))
    expect(none).toMatchObject({
      name: 'AssertionError',
      message: 'expected a job "order" with {"orderId":"1"} to be enqueued; no job was enqueued',
      expected: { name: 'order', payload: { orderId: '1' } },
      actual: [],
    })
    await jobs.queue.enqueue(order, two, { tenantId: 'acme' })
    await jobs.queue.enqueue('other', { text: 'x'.repeat(300) })
    const some = await errorOf(jobs.expectEnqueued(order, one, { tenantId: null }))
    expect(some.message.split('\n')).toEqual([
      'expected a job "order" of no tenant with {"orderId":"1","lines":[{"sku":"x","count":2}]} to be enqueued; there is:',
      '  order of acme (pending): {"orderId":"2","lines":[]}',
      `  other (pending): {"text":"${'x'.repeat(191)}…`,
    ])
    expect(some['expected']).toEqual({ name: 'order', payload: one, tenantId: null })
    expect(some['actual']).toMatchObject([{ name: 'order', tenantId: 'acme' }, { name: 'other' }])
  })

  it('says so of many', async () => {
    await using jobs = createTestJobs()
    for (let n = 0; n < 23; n++) await jobs.queue.enqueue('many', { n })
    const { message } = await errorOf(jobs.expectEnqueued('one'))
    expect(message.split('\n')).toHaveLength(22)
    expect(message).toMatch(/and 3 more$/)
  })

  it('looks through more than a page, in the order in which jobs were made', async () => {
    await using jobs = createTestJobs({ handlers: new Map([['n', succeed]]) })
    const payloads = Array.from({ length: 2_100 }, (_, n) => ({ n }))
    await jobs.queue.enqueueMany(payloads.map((payload) => ({ job: 'n', payload })))
    await jobs.runUntilIdle()
    expect((await jobs.enqueued('n')).map(({ payload }) => payload)).toEqual(payloads)
  })
})

describe('expectNotEnqueued', () => {
  it('says what there is that should not be', async () => {
    await using jobs = createTestJobs({ jobs: [order] })
    await jobs.queue.enqueue(order, one)
    await jobs.queue.enqueue(order, two)
    await jobs.expectNotEnqueued('other')
    await jobs.expectNotEnqueued(order, { orderId: '3' })
    expect(await errorOf(jobs.expectNotEnqueued(order, { orderId: '2' }))).toMatchObject({
      name: 'AssertionError',
      message:
        'expected a job "order" with {"orderId":"2"} not to be enqueued; there is:\n  order (pending): {"orderId":"2","lines":[]}',
      expected: [],
      actual: [{ name: 'order', payload: two }],
    })
  })
})
