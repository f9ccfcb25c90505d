import type { Job } from '../job/job.ts'
import type { DrainOptions } from '../limits/drain.ts'
import type {
  LimitChanges,
  LimitListFilter,
  LimitPage,
  LimitStatus,
  QueueScope,
} from '../limits/limit-options.ts'
import type { JobCounts } from '../storage/job-store.ts'
import type { JobSelection, TenantChoice } from './job-selection.ts'

/** How far a call that goes through many jobs has come. */
export interface BulkProgress {
  readonly matched: number
  /** 0 for calls that only read. */
  readonly changed: number
}

/** How a call that goes through many jobs tells how far it is. */
export interface ProgressOptions {
  /**
   * Called after each batch of up to 500 jobs, and waited for. What it throws ends the call; what was
   * done before stands.
   */
  readonly onProgress?: (progress: BulkProgress) => unknown
}

/** How {@link OperatorCalls.cancelJobs} and its siblings go about it. */
export interface BulkOptions extends ProgressOptions {
  /** Change nothing, only tell which jobs would be meant. @defaultValue false */
  readonly preview?: boolean
}

/** How {@link OperatorCalls.removeJobs} goes about it. */
export interface RemoveOptions extends BulkOptions {
  /**
   * Cancel what is running, and wait until its workers have let go of it, at most 10 s. Otherwise what a
   * worker holds stays. @defaultValue false
   */
  readonly cancelRunning?: boolean
}

/** What became of the jobs of a selection. */
export interface BulkAnswer {
  readonly matched: number
  /** Less than `matched` where jobs ended, moved on or were held meanwhile; 0 for a preview. */
  readonly changed: number
  /** The first 100 that matched, as they are afterwards; of removed ones, as they were. */
  readonly jobs: readonly Job<unknown>[]
}

/** How the jobs of one tenant stand. */
export interface TenantLoad {
  /** Absent for the jobs without one. */
  readonly tenantId?: string
  /** Jobs that wait: pending, scheduled and retrying. */
  readonly waiting: number
  /** Jobs that workers hold. */
  readonly leased: number
  /** Milliseconds for which the job that has been due longest has waited; absent where none is due. */
  readonly oldestAgeMs?: number
  /** Whether the tenant itself is paused, by an operator or by the directory. */
  readonly paused: boolean
}

/** Which tenants {@link OperatorCalls.tenants} returns. */
export interface TenantListFilter extends TenantChoice {
  /** From 1 to 1,000. @defaultValue 100 */
  readonly limit?: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined
}

/** Tenants by their ids, the jobs without one first, and the way to the next page. */
export interface TenantPage extends Array<TenantLoad> {
  /** Absent on the last page. */
  readonly nextCursor?: string
}

/** What operators ask of a queue and do to many of its jobs, or to parts of it. */
export interface OperatorCalls {
  /**
   * How many jobs have each status. By tenant it is one question to the store; by anything else the jobs
   * are gone through, 500 at a time.
   */
  counts(selection?: JobSelection, options?: ProgressOptions): Promise<JobCounts>

  /**
   * How long, in milliseconds, the job has waited that has been due longest; `null` where none is due. By
   * tenant the tenants are gone through, by anything else the jobs that wait, 500 at a time.
   */
  oldestAge(selection?: JobSelection, options?: ProgressOptions): Promise<number | null>

  /** One page of the tenants that have jobs that wait or are held. */
  tenants(filter?: TenantListFilter): Promise<TenantPage>

  /**
   * Cancels all jobs of a selection that have not ended, as `cancelJob` does, 500 at a time: if it
   * throws, those before are cancelled, and the call can be repeated. Jobs enqueued meanwhile are not
   * meant.
   *
   * @param filter - must not be empty; `status` may narrow it to some that have not ended.
   * @throws {@link JobsError} `JOBS_INVALID_OPTION`
   */
  cancelJobs(filter: JobSelection, options?: BulkOptions): Promise<BulkAnswer>

  /**
   * Begins a new generation of all failed jobs of a selection, as `retryJob` does and as
   * {@link OperatorCalls.cancelJobs} goes about it. A job whose unique key another one holds stays as it
   * is.
   *
   * @param filter - must not be empty; cancelled jobs are meant only where its `status` says so.
   * @throws {@link JobsError} `JOBS_INVALID_OPTION`
   */
  retryJobs(filter: JobSelection, options?: BulkOptions): Promise<BulkAnswer>

  /**
   * Deletes all jobs of a selection, whatever their status, as `removeJob` does and as
   * {@link OperatorCalls.cancelJobs} goes about it. What a worker holds stays, and counts as not
   * changed; see `cancelRunning`.
   *
   * @param filter - must not be empty.
   * @throws {@link JobsError} `JOBS_INVALID_OPTION`
   */
  removeJobs(filter: JobSelection, options?: RemoveOptions): Promise<BulkAnswer>

  /**
   * The jobs of a selection as JSONL: each text is one job with its payload, log and failures, on one
   * line that ends with a line feed. Newest first, read 100 at a time as they are asked for; jobs
   * enqueued meanwhile are not meant, jobs that go meanwhile may be missing.
   *
   * @throws {@link JobsError} `JOBS_INVALID_OPTION`
   *
   * @example
   * ```ts
   * await pipeline(queue.exportJobs({ tenantId: 'rawdog' }), createWriteStream('rawdog.jsonl'))
   * ```
   */
  exportJobs(selection?: JobSelection): AsyncIterable<string>

  /**
   * When this resolves no job of the scope starts, in any process; running ones finish.
   *
   * @param scope - a part of the queue. Without one, the whole queue, also inside of a tenant.
   * @throws {@link JobsError} `JOBS_INVALID_LIMIT`, `JOBS_INVALID_TENANT_ID`, `JOBS_INVALID_KEY`
   */
  pause(scope?: QueueScope): Promise<void>

  /**
   * Lifts exactly the pause of that scope: not one that it is within or that is within it, and not what
   * the directory of tenants says.
   */
  resume(scope?: QueueScope): Promise<void>

  /** Whether that scope itself is paused, by an operator or by the directory. */
  isPaused(scope?: QueueScope): Promise<boolean>

  /**
   * Pauses a scope and waits until no worker holds a job of it; it stays paused. Looks at the store soon
   * at first, once a second in the end.
   *
   * @param scope - as of {@link OperatorCalls.pause}, but not `EACH_TENANT`.
   * @throws {@link JobsError} `JOBS_WAIT_TIMEOUT` with `retryable`; the reason of `signal`;
   * `JOBS_UNSUPPORTED` where the store has no limits.
   */
  drain(scope?: QueueScope, options?: DrainOptions): Promise<void>

  /**
   * Says what limits a scope has. It is stored, and the next claim in every process keeps to it; what
   * workers hold beyond a lowered limit runs on. What is absent stays, `null` takes back what was said,
   * `'none'` lifts a limit whatever is said elsewhere.
   *
   * @throws {@link JobsError} `JOBS_INVALID_LIMIT`, `JOBS_INVALID_TENANT_ID`, `JOBS_INVALID_KEY`,
   * `JOBS_UNSUPPORTED` where the store has no limits.
   *
   * @example
   * ```ts
   * await queue.setLimits({ tenantId: 'rawdog' }, { weight: 5, concurrency: 20 })
   * await queue.setLimits(
   *   { tenantId: EACH_TENANT, limiter: 'shopify' },
   *   { rate: { limit: 2, period: 1000, burst: 40 } },
   * )
   * ```
   */
  setLimits(scope: QueueScope, limits: LimitChanges): Promise<void>

  /** What limits apply to a scope, who said so, and how it stands. */
  limits(scope: QueueScope): Promise<LimitStatus>

  /** One page of the scopes about which something is said. */
  listLimits(filter?: LimitListFilter): Promise<LimitPage>
}
