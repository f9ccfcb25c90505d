import type { AnyJobDefinition } from '../job/define-job.ts'
import type { Job, JobError, JobOptions } from '../job/job.ts'
import type { CatchUp } from './stored-spec.ts'

/** When a schedule's ticks are: by a cron expression, or by an interval. */
export type ScheduleTimes = {
  /** No tick before it; one at it, if it is one. With `every`, the first tick. */
  readonly startAt?: Date
  /** No tick at it or after it. */
  readonly endAt?: Date
} & (
  | {
      /**
       * Five fields (minute, hour, day of the month, month, day of the week), or six with the seconds
       * first. Names of months and weekdays, lists, ranges, steps; `L` for the last day.
       *
       * Where clocks change, an expression without `*` or step in seconds, minutes and hours means
       * times of day, and each runs once on its day: at the first of two instants that show it, and
       * at the first instant after a gap in which it lies. Any other runs at each instant that shows
       * it.
       */
      readonly cron: string
      /** An IANA name, such as `Europe/London`. @defaultValue 'UTC' */
      readonly timezone?: string
      readonly every?: never
    }
  | {
      /**
       * Milliseconds from 1,000, counted from `startAt`, else from the moment at which the schedule was
       * made or got this interval (at which there is then no tick). Whole, exact, never drifting.
       */
      readonly every: number
      readonly cron?: never
      readonly timezone?: never
    }
)

/** Options of a schedule's jobs. A tick has no id and no instant of the caller's. */
export type ScheduleJobOptions = Omit<JobOptions, 'jobId' | 'scheduledAt'>

/** What is to run, and when. */
export type ScheduleSpec<
  TJob = string | AnyJobDefinition,
  TPayload = unknown,
  TOptions = ScheduleJobOptions,
> = ScheduleTimes & {
  /** A definition, or a job's name; only the name is stored. */
  readonly job: TJob
  /** The same at each tick. A job learns its tick from `job.tickAt`. */
  readonly payload: TPayload
  /** `tenantId` is also the tenant of the schedule. @defaultValue `tenantId`: the current tenant */
  readonly options?: TOptions
  /**
   * What becomes of ticks at which no worker ran:
   * - `'once'`: one job, for the latest of them;
   * - `'skip'`: nothing, unless the latest is at most 60 s late;
   * - `'all'`: a job for each of the newest `catchUpLimit`. Not beside `overlap: 'skip'`.
   *
   * @defaultValue 'once'
   */
  readonly catchUp?: CatchUp
  /** From 1 to 10,000. @defaultValue 100 */
  readonly catchUpLimit?: number
  /**
   * `'skip'`: a tick makes no job while that of an earlier one has not ended, by the unique key
   * `schedule/<tenant of the schedule>/<id>`; with `forEach`, tenant by tenant. @defaultValue 'allow'
   */
  readonly overlap?: 'allow' | 'skip'
  /** One job for each of the queue's `tenants` at each tick. The schedule itself has no tenant then. */
  readonly forEach?: 'tenant'
}

/** What the last tick of a schedule did. */
export interface ScheduleRun {
  readonly tickAt: Date
  readonly firedAt: Date
  /** How many jobs it made; 0 where the run before had not ended and runs may not overlap. */
  readonly jobs: number
  /** The first of them. */
  readonly jobId?: string
}

/** How a job of a schedule ended. */
export interface ScheduleOutcome {
  readonly jobId: string
  readonly tenantId?: string
  /** Absent for a run out of turn. */
  readonly tickAt?: Date
  readonly status: 'completed' | 'failed' | 'cancelled'
  readonly endedAt: Date
}

/** A schedule as its readers see it: a snapshot, never changed afterwards. */
export interface Schedule {
  /** Unique within its queue and tenant. */
  readonly id: string
  readonly queue: string
  readonly tenantId?: string
  readonly job: string
  readonly payload: unknown
  readonly options: ScheduleJobOptions
  readonly cron?: string
  /** Absent beside `every`. */
  readonly timezone?: string
  readonly every?: number
  readonly startAt?: Date
  readonly endAt?: Date
  readonly catchUp: CatchUp
  readonly catchUpLimit: number
  readonly overlap: 'allow' | 'skip'
  readonly forEach?: 'tenant'
  readonly paused: boolean
  /** The oldest tick not dealt with; absent while paused, and when there is none any more. */
  readonly nextAt?: Date
  readonly lastRun?: ScheduleRun
  /** The outcome of the job that ended last; known also when the job itself is forgotten. */
  readonly lastOutcome?: ScheduleOutcome
  /**
   * Present where what is stored cannot be read: what runs and when is not shown then (`job` is empty),
   * and does not run. `JobQueue.schedule` with the same id repairs it.
   */
  readonly error?: JobError
  /** 1 at first; one more with each change of what runs and when. */
  readonly revision: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/**
 * One schedule: its id, within the current tenant (outside of one, among the schedules without a
 * tenant); or an object that says whose it is, such as the schedule itself.
 */
export type ScheduleAddress =
  string | { readonly id: string; readonly tenantId?: string | null | undefined }

/** Which schedules {@link Schedules.list} returns. */
export interface ScheduleListFilter {
  /** `null` for schedules without one. @defaultValue the current tenant; outside of one, every tenant */
  readonly tenantId?: string | null
  /** From 1 to 1,000. @defaultValue 100 */
  readonly limit?: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined
}

/** Schedules by tenant (those without one first) and id, and the way to the next page. */
export interface SchedulePage extends Array<Schedule> {
  /** Absent on the last page. */
  readonly nextCursor?: string
}

/**
 * The schedules of a queue.
 *
 * Calls that need a schedule throw `JOBS_SCHEDULE_NOT_FOUND` where there is none, and each throws
 * `JOBS_INVALID_JOB_ID` and `JOBS_INVALID_TENANT_ID` for an address that cannot be one.
 */
export interface Schedules {
  /** `null` when there is none. */
  get(schedule: ScheduleAddress): Promise<Schedule | null>

  /** One page of schedules. */
  list(filter?: ScheduleListFilter): Promise<SchedulePage>

  /** Until {@link Schedules.resume} its ticks are passed over. Jobs that are there stay. */
  pause(schedule: ScheduleAddress): Promise<Schedule>

  /** Goes on with the first tick after now. */
  resume(schedule: ScheduleAddress): Promise<Schedule>

  /**
   * Runs a schedule out of turn, also a paused one; its ticks stay as they are. With `overlap: 'skip'`
   * and a run that has not ended, the answer is that one's job, as a `duplicate`.
   *
   * @returns The job; of a schedule for each tenant, the first of the jobs.
   * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a schedule for each tenant where there is none.
   */
  runNow(schedule: ScheduleAddress): Promise<Job<unknown>>

  /**
   * The next ticks after now, paused or not.
   *
   * @param schedule - one that is there, or times to try out.
   * @param count - from 1 to 1,000. @defaultValue 10
   * @throws {@link JobsError} `JOBS_INVALID_SCHEDULE`
   */
  preview(schedule: ScheduleAddress | ScheduleTimes, count?: number): Promise<Date[]>

  /** Its jobs stay. */
  remove(schedule: ScheduleAddress): Promise<void>
}
