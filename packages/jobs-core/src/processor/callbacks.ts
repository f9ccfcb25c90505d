import type { Job } from '../job/job.ts'
import type { JobsLogger } from '../runtime/ports.ts'
import type { Ending } from './attempt.ts'

/** What a user of a processor may want to hear. */
export interface ProcessorCallbacks {
  readonly onError?: (job: Job<unknown>, error: Error) => unknown
  readonly onFailed?: (job: Job<unknown>, error: Error) => unknown
  readonly onComplete?: (job: Job<unknown>, result: unknown) => unknown
}

/** Tells an outcome that the store has recorded. A callback that fails is reported, nothing more. */
export function announce(ending: Ending, callbacks: ProcessorCallbacks, logger: JobsLogger): void {
  const { onError, onFailed, onComplete } = callbacks
  if (ending.type === 'completed') {
    if (onComplete === undefined) return
    const job: Job<unknown> = { ...ending.job, status: 'completed', result: ending.data }
    guard(() => onComplete(job, ending.data), 'onComplete', job, logger)
  } else if (ending.type === 'failed') {
    const { error, final } = ending
    const job: Job<unknown> = { ...ending.job, status: final ? 'failed' : 'retrying' }
    if (onError !== undefined) guard(() => onError(job, error), 'onError', job, logger)
    if (final && onFailed !== undefined) {
      guard(() => onFailed(job, error), 'onFailed', job, logger)
    }
  }
}

function guard(call: () => unknown, name: string, job: Job<unknown>, logger: JobsLogger): void {
  const report = (error: unknown): void => {
    logger.error(`${name} threw; the job's outcome stands`, {
      queue: job.queue,
      jobId: job.id,
      error,
    })
  }
  try {
    const returned = call()
    if (returned instanceof Promise) returned.catch(report)
  } catch (error) {
    report(error)
  }
}
