import { createJobQueue, defineJob, type JobStore } from '@cgk/jobs-core'
import { test } from 'vitest'

// These claims are about the compiler: `pnpm types` is what fails when one of them is wrong. Nothing
// in the functions is run.

const bill = defineJob({
  name: 'bill',
  validate: (payload): payload is { orderId: string } => typeof payload === 'object',
  handler: () => ({ success: true }),
})
const untyped = () => createJobQueue({ name: 'default', store: {} as JobStore })
const typed = () => createJobQueue({ name: 'default', store: {} as JobStore, jobs: [bill] })

test('a schedule’s payload is that of its job', () => {
  const calls = async () => {
    const payload = { orderId: 'a' }
    await untyped().schedule('id', { job: bill, payload, cron: '* * * * *', timezone: 'UTC' })
    await untyped().schedule('id', { job: 'any', payload: 5, every: 1_000 })
    await typed().schedule('id', { job: 'bill', payload, every: 1_000, options: { priority: 1 } })
    // @ts-expect-error -- the payload is wrong
    await typed().schedule('id', { job: 'bill', payload: { orderId: 5 }, every: 1_000 })
    // @ts-expect-error -- there is no such job
    await typed().schedule('id', { job: 'bil', payload, every: 1_000 })
    // @ts-expect-error -- one or the other
    await untyped().schedule('id', { job: bill, payload, every: 1_000, cron: '* * * * *' })
    // @ts-expect-error -- neither
    await untyped().schedule('id', { job: bill, payload })
    // @ts-expect-error -- each tick makes a job of its own
    await untyped().schedule('id', { job: bill, payload, every: 1_000, options: { jobId: 'a' } })
    // @ts-expect-error -- an interval has no time zone
    await untyped().schedule('id', { job: bill, payload, every: 1_000, timezone: 'UTC' })
  }
  void calls
})
