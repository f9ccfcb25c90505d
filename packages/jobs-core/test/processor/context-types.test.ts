import type { AttemptContext, Job } from '@cgk/jobs-core'
import { expectTypeOf, test } from 'vitest'

// These claims are about the compiler: `pnpm types` is what fails when one of them is wrong. Nothing
// in the functions is run.

test('once gives what its effect returned, with null for nothing', () => {
  const call = async ({ once }: AttemptContext): Promise<void> => {
    expectTypeOf(await once('a', async () => ({ id: 1 }))).toEqualTypeOf<{ id: number }>()
    expectTypeOf(await once('a', () => 'text')).toEqualTypeOf<string>()
    expectTypeOf(await once('a', () => {})).toEqualTypeOf<null>()
    const maybe = (): number | undefined => undefined
    expectTypeOf(await once('a', maybe)).toEqualTypeOf<number | null>()
    await once('a', ({ idempotencyKey }) => {
      expectTypeOf(idempotencyKey).toEqualTypeOf<string>()
    })
  }
  expectTypeOf(call).toBeFunction()
})

test('members are jobs, one after the other', () => {
  const call = async ({ members }: AttemptContext): Promise<void> => {
    for await (const member of members()) expectTypeOf(member).toEqualTypeOf<Job<unknown>>()
  }
  expectTypeOf(call).toBeFunction()
})

test('headers are texts that may be missing, and can be set', () => {
  const call = ({ headers }: AttemptContext): void => {
    expectTypeOf(headers['any']).toEqualTypeOf<string | undefined>()
    headers['any'] = 'text'
    // @ts-expect-error -- not a text
    headers['any'] = 7
  }
  expectTypeOf(call).toBeFunction()
})
