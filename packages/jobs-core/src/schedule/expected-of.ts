import type { SchedulePut, ScheduleRecord } from '../storage/schedule.ts'

/** What a caller who has seen a schedule expects to be there still. */
export function expectedOf(record: ScheduleRecord): NonNullable<SchedulePut['expected']> {
  const { createdAt, revision, paused, nextAt } = record
  return { createdAt, revision, paused, nextAt }
}
