import type { JobRecord } from './job-record.ts'

/**
 * A job on its way into a store: checked, serialised, its policy reduced to what the caller said.
 */
export interface NewJob {
  readonly queue: string
  /** `null` for a job without a tenant. */
  readonly tenantId: string | null
  readonly name: string
  /** JSON text. */
  readonly payload: string
  readonly metadata?: string
  readonly priority: number
  /**
   * The caller's own id, unique per queue and tenant while the job is retained. Without one the
   * store makes an id that `parseJobId` reads.
   */
  readonly jobId?: string
  /** First start this long after the store's now. At most one of `delayMs` and `runAt` is set. */
  readonly delayMs?: number
  /** First start at this instant, epoch milliseconds. */
  readonly runAt?: number
  readonly maxAttempts?: number
  readonly retryDelayMs?: number
  readonly timeoutMs?: number
  /** Needs the capability `uniqueKeys`. */
  readonly uniqueKey?: string
  /** One at a time per key, in order of admission. Needs the capability `orderingKeys`. */
  readonly orderingKey?: string
  /** At most so many at a time per key. Needs the capability `concurrencyKeys`. */
  readonly concurrencyKey?: string
}

/** What became of one {@link NewJob}. */
export type EnqueueResult =
  | {
      readonly status: 'enqueued'
      readonly id: string
      readonly createdAt: number
      readonly runAt: number
    }
  /** The `jobId` was taken: nothing was stored, and here is the job that holds it. */
  | { readonly status: 'existing'; readonly job: JobRecord }
