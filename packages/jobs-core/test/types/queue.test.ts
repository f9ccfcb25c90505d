import {
  createJobQueue,
  defineJob,
  type Job,
  type JobQueue,
  jobRequest,
  type JobStore,
  processJobs,
} from '@cgk/jobs-core'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expectTypeOf, test } from 'vitest'

// These claims are about the compiler: `pnpm types` is what fails when one of them is wrong. Nothing
// in the functions is run.

interface Order {
  readonly orderId: string
}

const bill = defineJob({
  name: 'bill',
  validate: (payload): payload is Order => typeof payload === 'object',
  handler: () => ({ success: true }),
})
const sync = defineJob({ name: 'sync', handler: () => ({ success: true }) })
const remind = (schema: StandardSchemaV1<{ at: string }, { at: Date }>) =>
  defineJob({ name: 'remind', schema, handler: () => ({ success: true }) })

const store = {} as JobStore
const untyped = (): JobQueue => createJobQueue({ name: 'default', store })
const typed = () => createJobQueue({ name: 'default', store, jobs: [bill, sync] })

describe('enqueue by definition', () => {
  test('takes the definition’s input and returns a job that carries it', () => {
    const call = async (reminder: ReturnType<typeof remind>) => {
      const job = await untyped().enqueue(bill, { orderId: 'a' })
      expectTypeOf(job.payload).toExtend<Order>()
      await untyped().enqueue(reminder, { at: '2026-01-05' })
      const order: Order = { orderId: 'a' }
      expectTypeOf(await untyped().enqueue(bill, order)).toEqualTypeOf<Job<Order>>()
      // @ts-expect-error -- the input is text, the Date is the handler's
      await untyped().enqueue(reminder, { at: new Date(0) })
      // @ts-expect-error -- orderId is text
      await untyped().enqueue(bill, { orderId: 7 })
      // @ts-expect-error -- orderId is missing
      await untyped().enqueue(bill, {})
      // @ts-expect-error -- there is no such option
      await untyped().enqueue(bill, { orderId: 'a' }, { dealy: 5 })
    }
    expectTypeOf(call).toBeFunction()
  })
})

describe('enqueue by name', () => {
  test('on a queue that knows no definitions takes any name and any payload', () => {
    const call = async () => {
      const order: Order = { orderId: 'a' }
      const job = await untyped().enqueue('whatever', order)
      expectTypeOf(job).toEqualTypeOf<Job<Order>>()
      await untyped().enqueue('whatever', 7)
      await untyped().enqueue('whatever', null, { tenantId: 'acme' })
    }
    expectTypeOf(call).toBeFunction()
  })

  test('on a queue with definitions takes their names and inputs alone', () => {
    const call = async () => {
      const order: Order = { orderId: 'a' }
      expectTypeOf(await typed().enqueue('bill', order)).toEqualTypeOf<Job<Order>>()
      await typed().enqueue('sync', { anything: 1 })
      await typed().enqueue(bill, order)
      // @ts-expect-error -- orderId is text
      await typed().enqueue('bill', { orderId: 7 })
      // @ts-expect-error -- there is no such job
      await typed().enqueue('bil', { orderId: 'a' })
    }
    expectTypeOf(call).toBeFunction()
  })
})

test('jobRequest holds the payload to the definition', () => {
  const call = async () => {
    await untyped().enqueueMany([jobRequest(bill, { orderId: 'a' }), { job: 'any', payload: 1 }])
    // @ts-expect-error -- orderId is text
    jobRequest(bill, { orderId: 7 })
  }
  expectTypeOf(call).toBeFunction()
})

describe('processJobs', () => {
  test('takes a queue of any type', () => {
    const call = () => {
      processJobs({ queue: untyped() })
      processJobs({ queue: typed(), jobs: [bill, sync] })
      processJobs({ queue: createJobQueue<[typeof bill]>({ name: 'default', store }) })
    }
    expectTypeOf(call).toBeFunction()
  })

  test('takes handlers of several payloads in a plain Map', () => {
    const call = () => {
      const handlers = new Map()
      handlers.set('bill', bill.handler)
      handlers.set('sync', sync.handler)
      processJobs({ queue: untyped(), handlers })
      // A Map that infers its type from what it is given does as well.
      processJobs({ queue: untyped(), handlers: new Map([['bill', bill.handler]]) })
      // @ts-expect-error -- a handler must return a JobResult
      processJobs({ queue: untyped(), handlers: new Map([['bill', () => {}]]) })
    }
    expectTypeOf(call).toBeFunction()
  })

  test('tells callbacks the job, the error and the result', () => {
    const call = () => {
      processJobs({
        queue: untyped(),
        onError: (job, error) => {
          expectTypeOf(job).toEqualTypeOf<Job<unknown>>()
          expectTypeOf(error).toEqualTypeOf<Error>()
        },
        onComplete: (_job, result) => {
          expectTypeOf(result).toBeUnknown()
        },
      })
    }
    expectTypeOf(call).toBeFunction()
  })
})
