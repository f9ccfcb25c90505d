import type { ScheduleRef } from '../storage/schedule.ts'

/** The unique key that keeps the runs of one schedule apart, whosever jobs they are. */
export function overlapKey({ tenantId, id }: Pick<ScheduleRef, 'tenantId' | 'id'>): string {
  return `schedule/${tenantId ?? ''}/${id}`
}
