import { isJobsError, JobsError } from '../errors.ts'
import type { RuntimePorts } from '../runtime/ports.ts'
import type { CallOptions, JobStore } from '../storage/job-store.ts'

/** How long any call to a store may take before it counts as unanswered. */
export const CALL_DEADLINE_MS = 5_000

/**
 * Calls a store under a deadline, so that a silent connection is an error and never a hang.
 *
 * @throws {@link JobsError} `JOBS_STORE_TIMEOUT`, retryable, when the deadline passed: the signal has
 * then aborted, and the outcome of a write is unknown.
 */
export async function callStore<T>(
  ports: RuntimePorts,
  store: JobStore,
  operation: string,
  call: (options: CallOptions) => Promise<T>,
  deadlineMs: number = CALL_DEADLINE_MS,
): Promise<T> {
  const controller = new AbortController()
  let cancelTimer = (): void => {}
  try {
    // One promise, and not a race of two: every job that is enqueued alone pays for it.
    return await new Promise<T>((resolve, reject) => {
      cancelTimer = ports.timers.after(deadlineMs, () => {
        const error = new JobsError(
          'JOBS_STORE_TIMEOUT',
          `the ${store.name} store did not answer ${operation} within ${deadlineMs} ms; whether it took effect is unknown`,
          { retryable: true },
        )
        controller.abort(error)
        reject(error)
      })
      call({ signal: controller.signal }).then(resolve, reject)
    })
  } catch (error) {
    throw asJobsError(error, store, operation)
  } finally {
    cancelTimer()
  }
}

/** What callers are told that asked for one thing, of which the store left it open what became of it. */
export function unansweredError(store: JobStore, operation: string): JobsError {
  return new JobsError(
    'JOBS_STORE_UNAVAILABLE',
    `a part of the ${store.name} store did not answer ${operation}; whether it took effect is unknown`,
    { retryable: true },
  )
}

/** What callers are told of whatever a store threw. */
export function asJobsError(error: unknown, store: JobStore, operation: string): JobsError {
  if (isJobsError(error)) return error
  return new JobsError(
    'JOBS_STORE_UNAVAILABLE',
    `the ${store.name} store failed to answer ${operation}`,
    { retryable: true, cause: error },
  )
}
