import {
  createJobQueue,
  defineJob,
  EACH_TENANT,
  type Job,
  type JobOptions,
  jobRequest,
  type JobStore,
  type TenantJob,
  type TenantQueue,
} from '@cgk/jobs-core'
import { describe, expectTypeOf, test } from 'vitest'

// These claims are about the compiler: `pnpm types` is what fails when one of them is wrong. Nothing
// in the functions is run.

interface Order {
  readonly orderId: string
}

const bill = defineJob({
  name: 'bill',
  options: { limiter: 'stripe' },
  validate: (payload): payload is Order => typeof payload === 'object',
  handler: () => ({ success: true, data: 7 }),
})

const queue = () => createJobQueue({ name: 'default', store: {} as JobStore, jobs: [bill] })
const view = () => queue().forTenant('acme')

declare const foreign: Job<unknown>
declare const options: JobOptions
declare const tenantId: string

describe('the queue of a tenant', () => {
  test('knows the jobs and their types as the queue does', () => {
    const call = async () => {
      expectTypeOf(view()).toEqualTypeOf<TenantQueue<{ bill: Order }>>()
      const order: Order = { orderId: 'a' }
      const job = await view().enqueue(bill, order, { priority: 5, limiter: 'a' })
      expectTypeOf(job).toEqualTypeOf<TenantJob<Order, number>>()
      expectTypeOf(await view().waitFor(job)).toEqualTypeOf<number>()
      await view().enqueue('bill', order)
      // @ts-expect-error -- orderId is text
      await view().enqueue('bill', { orderId: 7 })
      // @ts-expect-error -- there is no such job
      await view().enqueue('bil', order)
    }
    expectTypeOf(call).toBeFunction()
  })

  test('takes what it returned', () => {
    const call = async () => {
      const job = await view().enqueue('bill', { orderId: 'a' })
      await view().cancelJob(job)
      await view().getJob(job.id)
      const [listed] = await view().listJobs('failed')
      await view().retryJob(listed!)
      const group = await view().enqueueGroup(
        [
          jobRequest(bill, { orderId: 'a' }),
          jobRequest(bill, { orderId: 'a' }, { priority: 5 }),
          { jobs: [{ job: bill, payload: {} }], onAnyFailed: 'nothing' },
        ],
        { onComplete: jobRequest(bill, { orderId: 'a' }), onAnyFailed: 'complete' },
      )
      await view().getGroup(group)
      await view().removeJob(group.groups[0]!.jobs[0]!)
      const schedule = await view().schedule('daily', {
        job: bill,
        payload: { orderId: 'a' },
        cron: '0 3 * * *',
        options: { priority: 5 },
      })
      await view().schedules.pause(schedule)
      await view().cancelJob((await view().schedules.runNow('daily')).id)
      const { scope } = await view().limits({ limiter: 'stripe' })
      await view().setLimits(scope, { concurrency: 5 })
      view().on('failed', ({ job: failed, error }) => {
        expectTypeOf(error).toEqualTypeOf<Error>()
        return view().retryJob(failed)
      })
    }
    expectTypeOf(call).toBeFunction()
  })

  test('does not take what names a tenant', () => {
    const call = async () => {
      const payload = { orderId: 'a' }
      // @ts-expect-error -- an option
      await view().enqueue('bill', payload, { tenantId: 'globex' })
      // @ts-expect-error -- options that may have one
      await view().enqueue('bill', payload, options)
      // @ts-expect-error -- an option of one of many
      await view().enqueueMany([{ job: 'bill', payload, options: { tenantId } }])
      // @ts-expect-error -- a request that may have one
      await view().enqueueMany([jobRequest(bill, payload, options)])
      // @ts-expect-error -- the option of a group
      await view().enqueueGroup([], { tenantId, onAnyFailed: 'nothing' })
      const member = { job: 'bill', payload, options: { tenantId } }
      // @ts-expect-error -- a member
      await view().enqueueGroup([member], { onAnyFailed: 'nothing' })
      // @ts-expect-error -- a member of a nested group
      await view().enqueueGroup([{ jobs: [member], onAnyFailed: 'nothing' }], {
        onAnyFailed: 'nothing',
      })
      // @ts-expect-error -- what comes afterwards
      await view().enqueueGroup([], { onAnyFailed: member })
      // @ts-expect-error -- an address
      await view().getJob({ id: 'a', tenantId })
      // @ts-expect-error -- none is not the tenant either
      await view().getJob({ id: 'a', tenantId: null })
      // @ts-expect-error -- a job of whomever
      await view().cancelJob(foreign)
      // @ts-expect-error -- a job of whomever
      await view().waitFor(foreign)
      // @ts-expect-error -- a filter
      await view().listJobs({ tenantId })
      // @ts-expect-error -- a filter
      await view().counts({ tenantId })
      // @ts-expect-error -- a filter
      await view().cancelJobs({ name: 'bill', tenantId })
      // @ts-expect-error -- a filter
      view().exportJobs({ tenantId })
      // @ts-expect-error -- a scope
      await view().pause({ tenantId })
      // @ts-expect-error -- a scope
      await view().setLimits({ tenantId: EACH_TENANT }, { concurrency: 5 })
      // @ts-expect-error -- a filter
      await view().listLimits({ tenantId })
      // @ts-expect-error -- an address
      await view().schedules.get({ id: 'daily', tenantId })
      // @ts-expect-error -- a filter
      await view().schedules.list({ tenantId })
      const times = { job: bill, payload, every: 60_000 } as const
      // @ts-expect-error -- an option of a schedule's jobs
      await view().schedule('daily', { ...times, options: { tenantId } })
      // @ts-expect-error -- a tenant schedules for itself alone
      await view().schedule('daily', { ...times, forEach: 'tenant' })
    }
    expectTypeOf(call).toBeFunction()
  })

  test('has no call that means more than the tenant', () => {
    type Calls = keyof TenantQueue
    expectTypeOf<
      Extract<Calls, 'dequeue' | 'acknowledge' | 'tenants' | 'forTenant' | 'use' | 'store'>
    >().toBeNever()
  })
})

test('limits and scopes have what there is, and no more', () => {
  const call = async () => {
    await queue().setLimits({ tenantId: 'acme' }, { weight: 5, concurrency: 'none', backlog: null })
    await queue().setLimits(
      { tenantId: EACH_TENANT, limiter: 'shopify' },
      { rate: { limit: 2, period: 1_000 }, breaker: { failures: 5, cooldown: 30_000 } },
    )
    await queue().pause()
    await queue().pause({ tenantId: null, key: 'order-1' })
    // @ts-expect-error -- pauses have calls of their own
    await queue().setLimits({}, { paused: true })
    // @ts-expect-error -- there is no such limit
    await queue().setLimits({}, { concurency: 5 })
    // @ts-expect-error -- a number is a number
    await queue().setLimits({}, { concurrency: '5' })
    // @ts-expect-error -- per what
    await queue().setLimits({}, { rate: { limit: 2 } })
    // @ts-expect-error -- a weight may be taken back, and not lifted
    await queue().setLimits({}, { weight: 'none' })
    // @ts-expect-error -- a variable without a tenant would mean the whole queue
    await queue().pause({ tenantId: foreign.tenantId })
  }
  expectTypeOf(call).toBeFunction()
})
