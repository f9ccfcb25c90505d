import { JobsError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import type { JobResult } from '../job/job-result.ts'
import type { AttemptContext } from '../processor/job-handler.ts'

/**
 * Runs around the handler of every job of a processor; see `JobProcessor.use`.
 *
 * @param next - runs what is inside, the handler innermost: resolves with what that returned, rejects
 * with what it threw. To be called at most once. It rejects with `context.signal.reason` where the
 * attempt was aborted before the handler began.
 * @returns what becomes of the attempt: the result of `next()`, or another.
 */
export type HandlerMiddleware = (
  job: Job<unknown>,
  context: AttemptContext,
  next: () => Promise<JobResult>,
) => JobResult | Promise<JobResult>

/** Runs a handler within middleware, the first outermost. */
export function runWithin(
  middleware: readonly HandlerMiddleware[],
  job: Job<unknown>,
  context: AttemptContext,
  handler: () => unknown,
): Promise<unknown> {
  const enter = async (index: number): Promise<unknown> => {
    const layer = middleware[index]
    if (layer === undefined) return handler()
    let entered = false
    return layer(job, context, () => {
      const result = entered ? Promise.reject(calledTwice()) : enter(index + 1)
      entered = true
      // A middleware that does not wait for it must not end the process with an unhandled rejection.
      result.catch(() => {})
      return result as Promise<JobResult>
    })
  }
  return enter(0)
}

function calledTwice(): JobsError {
  return new JobsError(
    'JOBS_INVALID_RESULT',
    'a handler middleware called next() twice; an attempt runs its handler at most once',
    { retryable: true },
  )
}
