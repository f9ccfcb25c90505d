import { JobsError } from '../errors.ts'
import { isRecord } from '../job/check-job-options.ts'
import type { JobOptions } from '../job/job.ts'
import type { ScheduleRecord } from '../storage/schedule.ts'

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

/** The spec of a record. @throws {@link JobsError} `JOBS_PAYLOAD_UNREADABLE` */
export function parseSpec({ id, queue, spec }: ScheduleRecord): StoredSpec {
  const read = parse(spec)
  if (isRecord(read) && isRecord(read['times']) && isRecord(read['action'])) {
    return read as unknown as StoredSpec
  }
  // No `cause`: the parser's message quotes the text.
  throw new JobsError(
    'JOBS_PAYLOAD_UNREADABLE',
    `the stored spec of schedule ${id} (queue ${queue}) is not one: call schedule() again, or remove it`,
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
