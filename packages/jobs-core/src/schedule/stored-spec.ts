import type { JobOptions } from '../job/job.ts'

/** When a schedule's ticks are; instants are epoch milliseconds. */
export type StoredTimes = {
  /** The first instant at which there may be a tick. */
  readonly startAt?: number
  /** The first instant at which there is no tick any more. */
  readonly endAt?: number
} & (
  | { readonly cron: string; readonly timezone: string }
  | {
      readonly cron?: never
      readonly every: number
      /** A tick from which the others are counted, so that they are the same after a restart. */
      readonly anchor: number
    }
)

/** What becomes of ticks that were not fired in time. */
export type CatchUp = 'once' | 'skip' | 'all'

/** What a schedule does at its ticks. */
export interface StoredAction {
  readonly job: string
  readonly payload: unknown
  /** Without the tenant, which is the schedule's or a matter of `forEach`. */
  readonly options: Omit<JobOptions, 'tenantId'>
  readonly catchUp: CatchUp
  readonly catchUpLimit: number
  readonly overlap: 'allow' | 'skip'
  readonly forEach?: 'tenant'
}

/** What the store keeps as `ScheduleRecord.spec`. */
export interface StoredSpec {
  readonly times: StoredTimes
  readonly action: StoredAction
}

/** The spec of a record. */
export function parseSpec(text: string): StoredSpec {
  return JSON.parse(text) as StoredSpec
}
