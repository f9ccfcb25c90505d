import { withTenant } from '@cgk/core'
import type { QueueEvents } from '../events/queue-events.ts'
import type { Job } from '../job/job.ts'
import type { JobsLogger } from '../runtime/ports.ts'
import type { Attempt } from './attempt.ts'
import type { Ending } from './attempt-host.ts'

/** What a user of a processor may want to hear. */
export interface ProcessorCallbacks {
  readonly onError?: (job: Job<unknown>, error: Error) => unknown
  readonly onFailed?: (job: Job<unknown>, error: Error) => unknown
  readonly onComplete?: (job: Job<unknown>, result: unknown) => unknown
}

type Completed = Extract<Ending, { type: 'completed' }>
type Failed = Extract<Ending, { type: 'failed' }>

/**
 * Tells outcomes that the store has recorded: to the processor's callbacks and to the queue's
 * listeners. One that fails is reported, nothing more.
 */
export class OutcomeAnnouncer {
  readonly #callbacks: ProcessorCallbacks
  readonly #events: QueueEvents
  readonly #logger: JobsLogger

  constructor(callbacks: ProcessorCallbacks, events: QueueEvents, logger: JobsLogger) {
    this.#callbacks = callbacks
    this.#events = events
    this.#logger = logger
  }

  announce(attempt: Attempt, ending: Ending): void {
    if (ending.type === 'completed') this.#completed(attempt, ending)
    else if (ending.type === 'failed') this.#failed(attempt, ending)
    else if (this.#events.hears('released')) {
      const { type: _, ...details } = ending
      this.#events.emit('released', releasedJob(attempt.job, details.delayMs), details)
    }
  }

  #completed(completed: Attempt, { data: result }: Completed): void {
    const { onComplete } = this.#callbacks
    const heard = this.#events.hears('completed')
    if (onComplete === undefined && !heard) return
    const { job: claimed, attempt } = completed
    const job: Job<unknown> = { ...claimed, status: 'completed', result }
    if (onComplete !== undefined) this.#call('onComplete', job, () => onComplete(job, result))
    if (heard) this.#events.emit('completed', job, { attempt, result })
  }

  #failed({ job: claimed, attempt }: Attempt, { error, delayMs }: Failed): void {
    const { onError, onFailed } = this.#callbacks
    const final = delayMs === null
    const job: Job<unknown> = { ...claimed, status: final ? 'failed' : 'retrying' }
    if (onError !== undefined) this.#call('onError', job, () => onError(job, error))
    if (final && onFailed !== undefined) {
      this.#call('onFailed', job, () => onFailed(job, error))
    }
    if (final) this.#events.emit('failed', job, { attempt, error })
    else this.#events.emit('attemptFailed', job, { attempt, error, delayMs })
  }

  #call(name: string, job: Job<unknown>, call: () => unknown): void {
    const report = (error: unknown): void => {
      this.#logger.error(`${name} threw; the job's outcome stands`, {
        queue: job.queue,
        jobId: job.id,
        error,
      })
    }
    try {
      const returned = withTenant(job.tenantId ?? null, call)
      if (returned instanceof Promise) returned.catch(report)
    } catch (error) {
      report(error)
    }
  }
}

/** What was given back is not running any more, and its attempt is not counted. */
export function releasedJob(claimed: Job<unknown>, delayMs: number): Job<unknown> {
  const attempts = claimed.attempts - 1
  const status = attempts > 0 ? 'retrying' : delayMs > 0 ? 'scheduled' : 'pending'
  return { ...claimed, attempts, status }
}
