import { isJobsError, type JobsError } from '@cgk/jobs-core'
import { expect } from 'vitest'

/** The error that a call, synchronous or not, must be refused with. */
export async function refusal(call: () => unknown): Promise<JobsError> {
  try {
    await call()
  } catch (error) {
    expect(isJobsError(error), `a JobsError, not ${String(error)}`).toBe(true)
    return error as JobsError
  }
  throw new Error('expected the call to be refused')
}
