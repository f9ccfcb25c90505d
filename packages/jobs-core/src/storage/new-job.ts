import { type FullBacklog, JobsError } from '../errors.ts'
import type { JobRecord, ScheduledTick } from './job-record.ts'
import type { UniqueKey } from './unique-key.ts'

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
   * store makes an id that `parseJobId` reads. Its payload is then in canonical form, so that two
   * payloads are the same if and only if their texts are.
   */
  readonly jobId?: string
  /** First start this long after the store's now. At most one of `delayMs` and `runAt` is set. */
  readonly delayMs?: number
  /** First start at this instant, epoch milliseconds. */
  readonly runAt?: number
  readonly maxAttempts?: number
  readonly retryDelayMs?: number
  readonly timeoutMs?: number
  /** JSON text of an object of strings: travels with the job through its retries. */
  readonly headers?: string
  /**
   * Needs the capability `uniqueKeys`. `replace` and `debounce` come without a `jobId`; `debounce`
   * comes with `delayMs`, which is its window.
   */
  readonly unique?: UniqueKey
  /**
   * One at a time per tenant and key, in order of admission: the order in which the store first saw
   * them, whatever their priority. A delayed, retrying or released job keeps its place and blocks its
   * key. Needs the capability `orderingKeys`; not beside `concurrencyKey`.
   */
  readonly orderingKey?: string
  /**
   * At most `concurrencyLimit` leased at a time per tenant and key. Among the waiting jobs of a key the
   * one that is next by priority and admission decides, by its own limit, whether one may be claimed;
   * where a limiter keeps that one back, the next that it does not keep back is claimed.
   * Needs the capability `concurrencyKeys`.
   */
  readonly concurrencyKey?: string
  /** From 1; given if and only if `concurrencyKey` is. */
  readonly concurrencyLimit?: number
  /**
   * The limiter, shared by all jobs of the tenant that name it, whatever their own name: see
   * `LimitScope`. Needs the capability `limits`.
   */
  readonly limiter?: string
  /** Set for a job that a schedule makes. */
  readonly schedule?: ScheduledTick
}

/** What became of one {@link NewJob}. */
export type EnqueueResult =
  | {
      readonly status: 'enqueued'
      readonly id: string
      readonly createdAt: number
      readonly runAt: number
    }
  /** The `jobId` or the unique key was taken: nothing was stored, and here is the job that holds it. */
  | { readonly status: 'existing'; readonly job: JobRecord }
  /** The job that held the unique key was waiting, and now is this one, under the id it had. */
  | { readonly status: 'replaced'; readonly job: JobRecord }

/**
 * The error with which a store refuses a call of `enqueue`, storing nothing of it, because a `jobId`
 * belongs to a job of another name or payload.
 *
 * @param index - the job's place in the call; named only where the call has several.
 */
export function idConflict(jobs: readonly NewJob[], index: number, holderName: string): JobsError {
  const { jobId, queue, name } = jobs[index]!
  const which = jobs.length === 1 ? '' : `job ${index} of the batch: `
  const why = holderName === name ? 'its payload differs' : `its name is ${holderName}`
  return new JobsError(
    'JOBS_ID_CONFLICT',
    `${which}job id ${jobId} belongs to another job of queue ${queue}: ${why}`,
  )
}

/**
 * The error with which a store refuses a call of `enqueue` or `enqueueGroups`, storing nothing of it,
 * because a tenant's backlog quota has no room for its jobs.
 *
 * @param waiting - how many of the tenant's jobs wait already.
 * @param more - how many the call would add.
 */
export function backlogFull(
  { queue, tenantId }: Pick<NewJob, 'queue' | 'tenantId'>,
  { quota, waiting, more }: { quota: number; waiting: number; more: number },
): JobsError {
  const whose = tenantId === null ? 'the jobs without a tenant' : `tenant ${tenantId}`
  const error = new JobsError(
    'JOBS_BACKLOG_FULL',
    `the backlog of ${whose} in queue ${queue} is full: ${waiting} jobs wait, ${more} more would pass its quota of ${quota}; enqueue again once some have run`,
    { retryable: true },
  )
  const backlog: FullBacklog = { queue, tenantId, quota, waiting, more }
  return Object.assign(error, { backlog })
}
