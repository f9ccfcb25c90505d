import {
  type AnyJobDefinition,
  type AttemptContext,
  defineJob,
  type InputOf,
  type Job,
  type JobDefinition,
  type JobHandler,
  type JobsOf,
  type ResultOf,
  snooze,
} from '@cgk/jobs-core'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expectTypeOf, test } from 'vitest'

// These claims are about the compiler: `pnpm types` is what fails when one of them is wrong.

interface Order {
  readonly orderId: string
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[]
}

const succeeding = () => ({ success: true }) as const

describe('a definition without types of its own', () => {
  const job = defineJob({
    name: 'sync-inventory',
    handler: async ({ payload }, context) => {
      expectTypeOf(payload).toEqualTypeOf<Record<string, unknown>>()
      expectTypeOf(context).toEqualTypeOf<AttemptContext>()
      // @ts-expect-error -- a value of the payload is unknown until it is checked, never any
      const productId: string = payload['productId']
      return { success: true, data: { productId } }
    },
  })

  test('has a payload of unknown values, and its name as a literal', () => {
    expectTypeOf(job.name).toEqualTypeOf<'sync-inventory'>()
    expectTypeOf<InputOf<typeof job>>().toEqualTypeOf<Record<string, unknown>>()
    expectTypeOf(job).toExtend<AnyJobDefinition>()
  })
})

describe('a definition with type arguments', () => {
  const job = defineJob<Order, { receipt: string }>({
    name: 'bill',
    handler: ({ payload }) => {
      expectTypeOf(payload).toEqualTypeOf<Order>()
      return { success: true, data: { receipt: payload.orderId } }
    },
  })

  test('takes interfaces, and carries payload and result', () => {
    expectTypeOf<InputOf<typeof job>>().toEqualTypeOf<Order>()
    expectTypeOf<ResultOf<typeof job>>().toEqualTypeOf<{ receipt: string }>()
    expectTypeOf(job.handler).toEqualTypeOf<JobHandler<Order, { receipt: string }>>()
  })

  test('loses its name as a literal, because TypeScript infers all type arguments or none', () => {
    expectTypeOf(job.name).toEqualTypeOf<string>()
    const named = defineJob<Order, unknown, 'bill'>({ name: 'bill', handler: succeeding })
    expectTypeOf(named.name).toEqualTypeOf<'bill'>()
  })

  test('holds the handler to the result', () => {
    defineJob<Order, { receipt: string }>({
      name: 'bill',
      // @ts-expect-error -- a receipt is text
      handler: () => ({ success: true, data: { receipt: 7 } }),
    })
  })
})

describe('a definition with a schema', () => {
  const schema = {} as StandardSchemaV1<{ at: string }, { at: Date }>
  const define = () =>
    defineJob({
      name: 'remind',
      schema,
      handler: ({ payload }) => {
        expectTypeOf(payload).toEqualTypeOf<{ at: Date }>()
        return { success: true, data: payload.at.getTime() }
      },
    })

  test('takes the schema’s input, hands out its output and infers the result', () => {
    type Defined = ReturnType<typeof define>
    expectTypeOf<Defined>().toEqualTypeOf<
      JobDefinition<{ at: Date }, number, { at: string }, 'remind'>
    >()
    expectTypeOf<InputOf<Defined>>().toEqualTypeOf<{ at: string }>()
    expectTypeOf<ResultOf<Defined>>().toEqualTypeOf<number>()
  })
})

describe('a definition with a guard', () => {
  const job = defineJob({
    name: 'bill',
    validate: (payload): payload is Order => typeof payload === 'object',
    handler: ({ payload }) => {
      expectTypeOf(payload).toEqualTypeOf<Order>()
      return { success: true, data: payload.lines.length }
    },
  })

  test('has the guard’s type as payload and as input', () => {
    expectTypeOf<InputOf<typeof job>>().toEqualTypeOf<Order>()
    expectTypeOf<ResultOf<typeof job>>().toEqualTypeOf<number>()
  })
})

describe('what a handler returns', () => {
  test('nothing is a compile error, synchronous or not', () => {
    // @ts-expect-error -- Jobs must return JobResult
    const sync: JobHandler = () => {}
    // @ts-expect-error -- Jobs must return JobResult
    const async: JobHandler = async () => {}
    // @ts-expect-error -- Jobs must return JobResult
    const one: JobHandler = () => 1
    // @ts-expect-error -- an error needs a message
    const bare: JobHandler = () => ({ success: false })
    // @ts-expect-error -- success and error exclude each other
    const both: JobHandler = () => ({ success: true, error: { message: 'no' } })
    const define = () => [
      // @ts-expect-error -- Jobs must return JobResult
      defineJob({ name: 'a', handler: () => {} }),
      // @ts-expect-error -- Jobs must return JobResult
      defineJob({ name: 'a', handler: async () => {} }),
    ]
    expectTypeOf([sync, async, one, bare, both, define]).toBeArray()
  })

  test('may be a success, a failure or a snooze, from one and the same handler', () => {
    const job = defineJob({
      name: 'poll',
      handler: async ({ attempts }) => {
        if (attempts === 1) return snooze(1_000)
        if (attempts === 2) {
          return { success: false, error: { message: 'no', retryAfter: new Date(0) } }
        }
        return { success: true, data: attempts }
      },
    })
    expectTypeOf(job).toExtend<AnyJobDefinition>()
  })
})

test('options that belong to one job are not a definition’s', () => {
  const define = () => [
    // @ts-expect-error -- a job's id is its own
    defineJob({ name: 'a', options: { jobId: '1' }, handler: succeeding }),
    // @ts-expect-error -- and so is its tenant
    defineJob({ name: 'a', options: { tenantId: 'acme' }, handler: succeeding }),
    // @ts-expect-error -- there is no such backoff
    defineJob({ name: 'a', retry: { backoff: 'random' }, handler: succeeding }),
  ]
  expectTypeOf(define).toBeFunction()
})

test('JobsOf maps each name to its input', () => {
  const isOrder = (payload: unknown): payload is Order => typeof payload === 'object'
  const a = defineJob({ name: 'a', validate: isOrder, handler: succeeding })
  const b = defineJob({ name: 'b', handler: succeeding })
  expectTypeOf<JobsOf<[typeof a, typeof b]>>().toEqualTypeOf<{
    a: Order
    b: Record<string, unknown>
  }>()
})

test('a job’s optional parts may be absent', () => {
  expectTypeOf<Job['tenantId']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<Job['result']>().toBeUnknown()
  expectTypeOf<Job<Order, number>['result']>().toEqualTypeOf<number | undefined>()
  expectTypeOf<Job<Order>['payload']>().toEqualTypeOf<Order>()
  expectTypeOf<Job['createdAt']>().toEqualTypeOf<Date>()
})
