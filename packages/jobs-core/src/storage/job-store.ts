import type { JobRecord, JobRef, JobState } from './job-record.ts'
import type { AttemptReport, ClaimRequest, ClaimResult, Lease, LeaseState } from './lease.ts'
import type { JobControls } from './job-controls.ts'
import type { GroupStore } from './job-group.ts'
import type { EnqueueResult, NewJob } from './new-job.ts'
import type { ScheduleStore } from './schedule.ts'
import type { Settlement, SettleResult } from './settlement.ts'

/**
 * What every call takes beside its request.
 *
 * The signal aborts when the caller's deadline has passed: an adapter then gives up the connection
 * the call was waiting on. An aborted write is an unknown outcome, not a failed one.
 */
export interface CallOptions {
  readonly signal?: AbortSignal
}

/** The producer's side of a store. */
export interface JobSink {
  /**
   * Makes the jobs durable, all or none, and answers in the order of the input.
   *
   * When the promise resolves the jobs survive whatever the store promises to survive. Jobs of one
   * call with equal priority are claimed in the order of the call.
   *
   * @throws having stored nothing: `JOBS_ID_CONFLICT` (see `idConflict`) where a `jobId` belongs to a
   * job of another name or another payload text, also to one earlier in the call; `JOBS_BACKLOG_FULL`
   * (see `backlogFull`) where a tenant's backlog has no room for its jobs of the call. Jobs that are
   * there already need no room.
   */
  enqueue(jobs: readonly NewJob[], options?: CallOptions): Promise<readonly EnqueueResult[]>
}

/** The worker's side of a store. */
export interface LeaseStore {
  /**
   * Leases due jobs and begins an attempt of each. Within a tenant: higher priority first, then
   * order of admission; with an ordering key, only the first of its key. No job has two current leases
   * at any time, and none is leased beyond the limit of its key: a key counts what is leased, cancelled
   * jobs that a worker still holds included, until it is settled or taken back.
   *
   * A job is admissible when it is due, none of its scopes (see `LimitScope`) is paused and each
   * has room: fewer leased than its concurrency, a token of its rate, a breaker that lets it. A lease
   * takes from all of them together; a job that one of them keeps back takes from none, and stands in
   * the way of no other.
   *
   * Among tenants: of the lanes of those that have something admissible, the one with the smallest
   * virtual time is next, and each job it gives moves its virtual time on by the inverse of its weight.
   * A lane that comes (back) is set to the present, the virtual time of the last one served, unless it
   * is ahead of it: nobody saves up turns while idle, blocked or paused. Equal ones go in the order in
   * which they came. Jobs without a tenant share a lane of weight 1. So, while two lanes `f` and `m`
   * always have something admissible, `|N_f/w_f − N_m/w_m| ≤ 1/w_f + 1/w_m` of the jobs claimed, at each
   * point between two jobs. What is prefetched beyond the slots is charged to its lane as well; where a
   * lane was passed over for it, the present stays that lane's, so that nobody who comes later waits
   * until it has caught up.
   *
   * @see Goyal, Vin, Cheng: Start-time Fair Queuing (SIGCOMM 1996)
   *
   * An adapter that gives up a call (see {@link CallOptions}) without knowing whether it was applied
   * gives back what it may have leased, as a release does, once it can: a worker that never heard of a
   * lease is not a worker that was lost.
   */
  claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult>

  /**
   * Heartbeat. Renews exactly the leases listed, to at least `leaseMs` from the store's now and never
   * to less than they had, and answers in the order of the input. An expired lease that nobody has
   * taken back yet is renewed.
   *
   * A store of several servers answers for those that do in good time, before the caller gives up, and rejects only
   * where none does. So does {@link LeaseStore.settle}.
   */
  extend(
    request: { readonly leases: readonly Lease[]; readonly leaseMs: number },
    options?: CallOptions,
  ): Promise<readonly LeaseState[]>

  /**
   * Ends attempts, each by itself: one refused settlement does not stop the others. Answers in the
   * order of the input. A settlement repeated because its reply was lost answers `settled` again, as
   * long as the job is retained and has not been claimed since.
   *
   * A `retry` or `fail` adds to the job's `failures`.
   *
   * With `claim`, claims in the same round trip, after the settlements. `claimed` is `null` without, and where what it
   * is about did not answer, and settlements were answered.
   */
  settle(
    request: { readonly settlements: readonly Settlement[]; readonly claim?: ClaimRequest },
    options?: CallOptions,
  ): Promise<{ readonly results: readonly SettleResult[]; readonly claimed: ClaimResult | null }>

  /** Stores progress and log lines of running attempts; `false` where the lease is not current. */
  report(reports: readonly AttemptReport[], options?: CallOptions): Promise<readonly boolean[]>

  /**
   * A bounded piece of upkeep, safe to run from any number of processes: takes back leases that have
   * expired (the attempt is returned, `lostLeases` counts one more, and the job is a suspect until an
   * attempt of it completes or fails; giving it back does not count; `failures` notes it) and deletes
   * history past its retention.
   *
   * `nextInMs` tells when the store next has something to do by itself, `null` for never.
   */
  maintain(
    request: { readonly limit: number },
    options?: CallOptions,
  ): Promise<{
    readonly reclaimed: number
    readonly pruned: number
    readonly nextInMs: number | null
  }>
}

/** Which jobs a catalogue call means. */
export interface JobFilter {
  readonly queue: string
  /** A tenant, `null` for jobs without one, absent for all. */
  readonly tenantId?: string | null
  readonly names?: readonly string[]
  /** Jobs one of whose keys (unique, ordering, concurrency) begins so. */
  readonly keyPrefix?: string
  /** Members of that group. */
  readonly groupId?: string
  /** Jobs that schedules of that id made, whosever: compare nothing else of `JobRecord.schedule`. */
  readonly scheduleId?: string
}

/** The statuses a job is reported with; see `docs/concepts.md` for the life of a job. */
export type JobStatus = JobState | 'scheduled' | 'retrying'

/** How many jobs have each status. */
export type JobCounts = Readonly<Record<JobStatus, number>>

/** The operator's side of a store. Every call acts on the refs given and on nothing else. */
export interface JobCatalog {
  /** `null` where no such job is retained. */
  get(refs: readonly JobRef[], options?: CallOptions): Promise<readonly (JobRecord | null)[]>

  /**
   * One page, newest first. The cursor is the store's own; a page reached by a cursor never repeats
   * a job of an earlier page, whatever was added or removed between.
   */
  list(
    request: JobFilter & {
      readonly statuses?: readonly JobStatus[]
      readonly limit: number
      readonly cursor?: string
    },
    options?: CallOptions,
  ): Promise<{ readonly jobs: readonly JobRecord[]; readonly nextCursor: string | null }>

  counts(
    request: { readonly queue: string; readonly tenantId?: string | null },
    options?: CallOptions,
  ): Promise<JobCounts>

  /**
   * Ends jobs that have not ended. A waiting job is never claimed afterwards. A running one is
   * `cancelled` at once and later settlements are refused; its lease stays until its worker settles
   * or the lease expires, and so does its hold on an ordering or concurrency key (a unique key is free
   * at once). `unchanged`: it had already ended; see `job.state`.
   */
  cancel(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]>

  /**
   * Begins a new generation of failed or cancelled jobs: `pending`, due now, at the end of its
   * priority and of its ordering key, no attempts, no lost leases. `unchanged` for any other state, and
   * for a cancelled job whose worker still holds it; `keyTaken` where another job holds its unique key.
   */
  retry(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]>

  /** Deletes jobs that no worker holds. `unchanged` for one that is held: cancel it first. */
  remove(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]>
}

/** What an operator's action did to one job; `job` is its record afterwards (for a removal, the last). */
export type ActionResult =
  | { readonly status: 'changed' | 'unchanged'; readonly job: JobRecord }
  | { readonly status: 'keyTaken'; readonly job: JobRecord; readonly holderId: string }
  | { readonly status: 'notFound' }

/**
 * A hint that a worker may want to look: `ready` that a job became claimable or is due sooner than any
 * other that waits for its time, `changed` that leases were cancelled or a pause began. Hints may be
 * lost, doubled or wrong; losing all of them costs latency and nothing else.
 */
export interface WakeUp {
  /** `null`: any queue; hints may have been missed, as before a connection for them was there. */
  readonly queue: string | null
  readonly reason: 'ready' | 'changed'
}

/** Features that an adapter may decline. What it declines it refuses with `JOBS_UNSUPPORTED`. */
export interface StoreCapabilities {
  readonly uniqueKeys: boolean
  readonly orderingKeys: boolean
  readonly concurrencyKeys: boolean
  readonly groups: boolean
  readonly schedules: boolean
  /** Weights, limits, limiters and backlog quotas; pauses of queues and tenants are always there. */
  readonly limits: boolean
}

/**
 * The storage port: state transitions, not queries.
 *
 * - Every call takes a batch and answers in the order of its input.
 * - The store's clock decides; callers pass delays, and an instant only where a business names one.
 * - Policy (backoff, deadlines, whether to retry) is core's; a store records what it is told.
 * - Text arrives checked and serialised; a store keeps it as it is.
 * - A store may be used by any number of processes at once.
 */
export interface JobStore
  extends JobSink, LeaseStore, JobCatalog, JobControls, GroupStore, ScheduleStore {
  /** The adapter's name, for logs and errors: `memory`, `postgres`, `redis`. */
  readonly name: string
  readonly capabilities: StoreCapabilities
  /**
   * How many jobs one worker may have claimed ahead of its slots, however quick its handlers. More, where to answer a
   * claim takes long and keeps nobody else waiting.
   * @defaultValue 1,000
   */
  readonly mostPrefetched?: number
  /**
   * Opens what every call needs, as the first call does by itself, and resolves when a call can be answered.
   * Only for a store where that may take longer than a call may, as making an embedded database does: core
   * then lets a call's deadline begin after it.
   */
  open?(): Promise<void>
  /**
   * Calls the listener for each hint until the returned function is called. That jobs became claimable is owed once to who
   * was told by a claim to rest; until somebody is told so again, more of them need no hint.
   */
  subscribe?(listener: (wakeUp: WakeUp) => void): () => void
  /** Resolves when the store answers. @throws a `JobsError` with `retryable` when it does not. */
  ping(options?: CallOptions): Promise<void>
  /** Releases what the adapter holds. Later calls are refused with `JOBS_STORE_CLOSED`. */
  close(): Promise<void>
}
