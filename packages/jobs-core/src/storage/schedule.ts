import type { CallOptions } from './job-store.ts'
import type { JobState } from './job-record.ts'
import type { EnqueueResult, NewJob } from './new-job.ts'

/** Names one schedule: ids are unique within a queue and a tenant. */
export interface ScheduleRef {
  readonly queue: string
  /** `null` for a schedule without a tenant. */
  readonly tenantId: string | null
  readonly id: string
}

/** What a schedule's last tick did. */
export interface ScheduleFire {
  readonly tickAt: number
  readonly firedAt: number
  /** How many jobs it made: enqueued or replaced by a unique key, not those that were there already. */
  readonly jobs: number
  /** The first of them; `null` for none. */
  readonly jobId: string | null
}

/** How a job of a schedule ended. */
export interface ScheduleEnd {
  readonly jobId: string
  readonly tenantId: string | null
  readonly tickAt: number | null
  readonly state: Extract<JobState, 'completed' | 'failed' | 'cancelled'>
  readonly endedAt: number
}

/**
 * A schedule as a store keeps it. Instants are epoch milliseconds of the store's clock; when the ticks
 * are, core knows and stores do not.
 */
export interface ScheduleRecord extends ScheduleRef {
  /** JSON text, core's: what is to run and when. Stores never parse it. */
  readonly spec: string
  /** Starts at 1; one more with each change of `spec`. */
  readonly revision: number
  readonly paused: boolean
  /** The cursor: the oldest tick that is not dealt with. `null` when there is none any more. */
  readonly nextAt: number | null
  /** Tells the schedule from one of the same name that was removed before, and is never changed. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly lastFire: ScheduleFire | null
  /**
   * The end of the job that ended last among those whose `ScheduledTick` names this schedule by id,
   * tenant and `createdAt`. It outlives the job.
   */
  readonly lastEnd: ScheduleEnd | null
}

/** What {@link ScheduleStore.putSchedule} is to store, and over what. */
export interface SchedulePut extends ScheduleRef {
  readonly spec: string
  readonly paused: boolean
  readonly nextAt: number | null
  /** What the caller saw; `null` for no such schedule. Anything else there, and nothing changes. */
  readonly expected: Pick<ScheduleRecord, 'createdAt' | 'revision' | 'paused' | 'nextAt'> | null
}

/** Ticks dealt with: their jobs, and where the cursor stands afterwards. */
export interface ScheduleAdvance extends ScheduleRef {
  /** What the caller saw; anything else there, or a pause, and nothing changes. */
  readonly expected: Pick<ScheduleRecord, 'createdAt' | 'revision'> & { readonly nextAt: number }
  readonly nextAt: number | null
  /** Oldest first; empty where ticks are only passed over. */
  readonly ticks: readonly { readonly tickAt: number; readonly jobs: readonly NewJob[] }[]
}

/** What became of one {@link ScheduleAdvance}. */
export type AdvanceResult =
  | { readonly status: 'advanced'; readonly jobs: readonly EnqueueResult[] }
  | { readonly status: 'stale' }

/**
 * Schedules: one row each, with a cursor. A tick's jobs are enqueued and the cursor moved in one
 * transition that compares the cursor first, so that of any number of processes that find a tick due,
 * killed at whatever moment, exactly one enqueues its jobs. Needs the capability `schedules`.
 */
export interface ScheduleStore {
  /** Makes or changes a schedule; see {@link SchedulePut.expected}. `stale` answers with what is there. */
  putSchedule(
    put: SchedulePut,
    options?: CallOptions,
  ): Promise<
    | { readonly status: 'stored'; readonly schedule: ScheduleRecord }
    | { readonly status: 'stale'; readonly schedule: ScheduleRecord | null }
  >

  /** In the order of the input, with the store's now. */
  getSchedules(
    refs: readonly ScheduleRef[],
    options?: CallOptions,
  ): Promise<{ readonly now: number; readonly schedules: readonly (ScheduleRecord | null)[] }>

  /** One page, by tenant (none first) and id, in the order of their UTF-16 units. */
  listSchedules(
    request: {
      readonly queue: string
      readonly tenantId?: string | null
      readonly limit: number
      readonly cursor?: string
    },
    options?: CallOptions,
  ): Promise<{ readonly schedules: readonly ScheduleRecord[]; readonly nextCursor: string | null }>

  /**
   * The schedules of those queues whose cursor is not after now and that are not paused, the oldest
   * cursor first. `nextInMs`: when the next is due that was not returned, 0 for now, `null` for never.
   */
  dueSchedules(
    request: { readonly queues: readonly string[]; readonly limit: number },
    options?: CallOptions,
  ): Promise<{
    readonly now: number
    readonly schedules: readonly ScheduleRecord[]
    readonly nextInMs: number | null
  }>

  /**
   * Each by itself, all of one or nothing; in the order of the input. Its jobs are enqueued as by
   * `enqueue`: one that a unique key or an id keeps out is `existing`, and the cursor moves all the same.
   */
  advanceSchedules(
    advances: readonly ScheduleAdvance[],
    options?: CallOptions,
  ): Promise<readonly AdvanceResult[]>

  /** Deletes schedules, with whether each was there. Their jobs stay. */
  removeSchedules(refs: readonly ScheduleRef[], options?: CallOptions): Promise<readonly boolean[]>
}
