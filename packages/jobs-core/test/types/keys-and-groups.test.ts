import {
  createJobQueue,
  defineJob,
  type EnqueuedGroup,
  type Job,
  type JobGroup,
  jobRequest,
  type JobStore,
} from '@cgk/jobs-core'
import { expectTypeOf, test } from 'vitest'

// These claims are about the compiler: `pnpm types` is what fails when one of them is wrong. Nothing
// in the functions is run.

const queue = () => createJobQueue({ name: 'default', store: {} as JobStore })

const sync = defineJob({
  name: 'sync',
  concurrencyLimit: 3,
  handler: () => ({ success: true }),
})

test('a unique key has the settings of what it says, and no others', () => {
  const call = async () => {
    await queue().enqueue('job', {}, { uniqueKey: 'a' })
    await queue().enqueue('job', {}, { uniqueKey: { key: 'a', window: 5 } })
    await queue().enqueue('job', {}, { uniqueKey: { key: 'a', ifTaken: 'replace' } })
    await queue().enqueue('job', {}, { uniqueKey: { key: 'a', ifTaken: 'debounce', wait: 5 } })
    // @ts-expect-error -- nothing is held for a time by replacing
    await queue().enqueue('job', {}, { uniqueKey: { key: 'a', ifTaken: 'replace', window: 5 } })
    // @ts-expect-error -- how long it waits must be said
    await queue().enqueue('job', {}, { uniqueKey: { key: 'a', ifTaken: 'debounce' } })
    // @ts-expect-error -- there is no such answer
    await queue().enqueue('job', {}, { uniqueKey: { key: 'a', ifTaken: 'drop' } })
  }
  expectTypeOf(call).toBeFunction()
})

test('a definition presets neither keys nor headers', () => {
  const call = () => {
    const handler = () => ({ success: true as const })
    // @ts-expect-error -- all its jobs would be one
    defineJob({ name: 'job', options: { uniqueKey: 'a' }, handler })
    // @ts-expect-error -- headers are the call's
    defineJob({ name: 'job', options: { headers: { a: 'b' } }, handler })
  }
  expectTypeOf(call).toBeFunction()
})

test('a concurrency limit leaves the definition’s name as it was', () => {
  expectTypeOf(sync.name).toEqualTypeOf<'sync'>()
})

test('a group says what a failure leads to', () => {
  const call = async () => {
    const member = jobRequest(sync, {})
    const nested = { jobs: [member], onAnyFailed: 'nothing' } as const
    const group = await queue().enqueueGroup([member, nested], {
      onComplete: member,
      onAnyFailed: 'complete',
      groupId: 'a',
    })
    expectTypeOf(group).toEqualTypeOf<EnqueuedGroup>()
    expectTypeOf(await queue().getGroup(group)).toEqualTypeOf<JobGroup | null>()
    // @ts-expect-error -- onAnyFailed has no default
    await queue().enqueueGroup([member], { onComplete: member })
    // @ts-expect-error -- only the outermost group has an id
    await queue().enqueueGroup([{ ...nested, groupId: 'b' }], { onAnyFailed: 'nothing' })
  }
  expectTypeOf(call).toBeFunction()
})

test('headers are text, and always there to read', () => {
  const call = async (job: Job) => {
    expectTypeOf(job.headers).toEqualTypeOf<Readonly<Record<string, string>>>()
    // @ts-expect-error -- a snapshot
    job.headers['a'] = 'b'
    // @ts-expect-error -- a number is no text
    await queue().enqueue('job', {}, { headers: { a: 7 } })
  }
  expectTypeOf(call).toBeFunction()
})
