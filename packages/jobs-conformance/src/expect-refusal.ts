import { isJobsError, type JobsErrorCode } from '@cgk/jobs-core'

/** Waits for a call that must be refused with the code. */
export async function expectRefusal(call: Promise<unknown>, code: JobsErrorCode): Promise<void> {
  let answer: unknown
  try {
    answer = await call
  } catch (error) {
    if (isJobsError(error, code)) return
    throw new Error(`expected a refusal with ${code}, got another error`, { cause: error })
  }
  throw new Error(`expected a refusal with ${code}, got ${JSON.stringify(answer) ?? 'an answer'}`)
}
