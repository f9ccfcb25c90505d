import type { Job } from '../job/job.ts'

/** What each event tells beside its job and its time. */
interface EventDetails {
  /** A job was stored by an enqueue call of this process. */
  readonly enqueued: object
  /** An enqueue call of this process replaced a waiting job that held the unique key. */
  readonly replaced: object
  /** An attempt begins here: its job has been claimed, and its handler is about to be called. */
  readonly started: { readonly attempt: number }
  readonly completed: { readonly attempt: number; readonly result: unknown }
  /** An attempt failed, and another follows `delayMs` later. */
  readonly attemptFailed: {
    readonly attempt: number
    readonly error: Error
    readonly delayMs: number
  }
  /** The job failed for good. */
  readonly failed: { readonly attempt: number; readonly error: Error }
  /** A job was given back with no attempt spent, and may be claimed again after `delayMs`. */
  readonly released: {
    readonly delayMs: number
    /** For how long its limiter pauses, where the attempt's error had a `retryAfter`. */
    readonly limiterPausedMs?: number
  }
  /** An operator's call in this process ended the job. */
  readonly cancelled: object
  /** The store refused an attempt's outcome, because its lease had ended: another worker may run the job. */
  readonly leaseLost: { readonly attempt: number }
}

/** Every {@link JobEventType}. */
export const JOB_EVENTS: readonly JobEventType[] = [
  'enqueued',
  'replaced',
  'started',
  'completed',
  'attemptFailed',
  'failed',
  'released',
  'cancelled',
  'leaseLost',
]

/** The names of what {@link JobQueue.on} tells. */
export type JobEventType = keyof EventDetails

/**
 * Something that has happened to a job and is stored.
 *
 * `at` is this process's clock. `job` is the job as this process knows it, without another look at the
 * store: its status is the new one.
 *
 * @typeParam TType - the event's name; a union of names gives a union that `type` tells apart.
 */
export type JobEvent<TType extends JobEventType = JobEventType> = {
  [T in TType]: {
    readonly type: T
    readonly at: Date
    readonly job: Job<unknown>
  } & EventDetails[T]
}[TType]

/** What an event tells beside its job and its time. */
export type DetailsOf<TType extends JobEventType> = Omit<JobEvent<TType>, 'type' | 'at' | 'job'>

/** Hears of events; what it returns is ignored, what it throws is logged. */
export type JobEventListener<TType extends JobEventType = JobEventType> = (
  event: JobEvent<TType>,
) => unknown
