import { isJobsError, JobsError, PermanentError, RetryAfterError } from '@cgk/jobs-core'
import { describe, expect, test } from 'vitest'

describe('isJobsError', () => {
  const error = new JobsError('JOBS_NOT_FOUND', 'Job not found: 1')

  test('knows an error by its code', () => {
    expect(isJobsError(error)).toBe(true)
    expect(isJobsError(error, 'JOBS_NOT_FOUND')).toBe(true)
    expect(isJobsError(error, 'JOBS_LEASE_LOST')).toBe(false)
  })

  test('knows an error of another copy of the package', async () => {
    const copy = (await import('../src/errors.ts?copy=1' as string)) as {
      JobsError: typeof JobsError
    }
    const foreign = new copy.JobsError('JOBS_NOT_FOUND', 'Job not found: 1')
    expect(foreign).not.toBeInstanceOf(JobsError)
    expect(isJobsError(foreign, 'JOBS_NOT_FOUND')).toBe(true)
  })

  test.each([
    null,
    undefined,
    'JOBS_NOT_FOUND',
    { code: 'JOBS_NOT_FOUND' },
    Object.assign(new Error('disk'), { code: 'EIO' }),
    Object.assign(new Error('odd'), { code: 7 }),
  ])('takes nothing else for one: %j', (value) => {
    expect(isJobsError(value)).toBe(false)
  })
})

describe('the error classes', () => {
  test('are not retryable unless they say so, and keep their cause', () => {
    const cause = new Error('socket')
    expect(new JobsError('JOBS_NOT_FOUND', 'x')).toMatchObject({ retryable: false })
    expect(new JobsError('JOBS_NOT_FOUND', 'x')).not.toHaveProperty('cause')
    expect(new JobsError('JOBS_STORE_UNAVAILABLE', 'x', { retryable: true, cause })).toMatchObject({
      name: 'JobsError',
      retryable: true,
      cause,
    })
  })

  test('a PermanentError and a RetryAfterError carry the code of their caller', () => {
    expect(new PermanentError('gone', { code: 'ORDER_GONE' })).toMatchObject({
      name: 'PermanentError',
      code: 'ORDER_GONE',
      retryable: false,
    })
    expect(new PermanentError('gone').code).toBeUndefined()
    expect(new RetryAfterError('429', 30_000, { code: 'LIMITED' })).toMatchObject({
      name: 'RetryAfterError',
      code: 'LIMITED',
      retryAfter: 30_000,
    })
  })
})
