import { isJobsError, type CallOptions } from '@cgk/jobs-core'
import { within } from '../deadline.ts'

/** Options of a part of a call that is given up after so long, before the call is: others have answered meanwhile. */
export function givenUpAfter(ms: number, { signal }: CallOptions = {}): CallOptions {
  return { signal: within(ms, signal) }
}

/** Waits for all parts of a call. Resolves with what those failed of that did. */
export async function failuresOf(parts: readonly Promise<unknown>[]): Promise<readonly unknown[]> {
  const outcomes = await Promise.allSettled(parts)
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
}

/** Whether a part that failed so costs the others nothing: it may be asked again, and somebody waits for them. */
export function costsNoOther(failure: unknown, { signal }: CallOptions = {}): boolean {
  return isJobsError(failure) && failure.retryable && signal?.aborted !== true
}
