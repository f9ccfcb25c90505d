import {
  createJobQueue,
  defineJob,
  type Job,
  type JobEvent,
  type JobQueue,
  type JobStore,
} from '@cgk/jobs-core'
import { describe, expectTypeOf, test } from 'vitest'

// These claims are about the compiler: `pnpm types` is what fails when one of them is wrong. Nothing
// in the functions is run.

const queue = (): JobQueue => createJobQueue({ name: 'default', store: {} as JobStore })
const sum = defineJob({
  name: 'sum',
  handler: (job: Job<{ a: number }>) => ({ success: true, data: job.payload.a }),
})

describe('on', () => {
  test('gives the listener what its event tells, and nothing else', () => {
    const call = (): void => {
      queue().on('completed', (event) => {
        expectTypeOf(event.type).toEqualTypeOf<'completed'>()
        expectTypeOf(event.job).toEqualTypeOf<Job<unknown>>()
        expectTypeOf(event.result).toEqualTypeOf<unknown>()
        // @ts-expect-error -- a completed job has no error
        void event.error
      })
      queue().on('attemptFailed', ({ error, delayMs }) => {
        expectTypeOf(error).toEqualTypeOf<Error>()
        expectTypeOf(delayMs).toEqualTypeOf<number>()
      })
      // @ts-expect-error -- there is no such event
      queue().on('complete', () => {})
    }
    expectTypeOf(call).toBeFunction()
  })

  test('takes a listener of every event', () => {
    const told = (event: JobEvent): string =>
      event.type === 'failed' ? event.error.message : event.job.id
    const call = (): void => {
      expectTypeOf(queue().on('released', told)).toEqualTypeOf<() => void>()
    }
    expectTypeOf(call).toBeFunction()
  })
})

describe('waitFor', () => {
  test('is typed by the definition the job was enqueued with', () => {
    const call = async (): Promise<void> => {
      const job = await queue().enqueue(sum, { a: 1 })
      expectTypeOf(job).toEqualTypeOf<Job<{ a: number }, number>>()
      expectTypeOf(await queue().waitFor(job)).toEqualTypeOf<number>()
    }
    expectTypeOf(call).toBeFunction()
  })

  test('knows nothing of a job by name or id, unless it is told', () => {
    const call = async (): Promise<void> => {
      const job = await queue().enqueue('sum', { a: 1 })
      expectTypeOf(await queue().waitFor(job)).toEqualTypeOf<unknown>()
      expectTypeOf(await queue().waitFor(job.id)).toEqualTypeOf<unknown>()
      expectTypeOf(await queue().waitFor({ id: 'a', tenantId: 'b' })).toEqualTypeOf<unknown>()
      expectTypeOf(await queue().waitFor<number>(job.id)).toEqualTypeOf<number>()
    }
    expectTypeOf(call).toBeFunction()
  })
})
