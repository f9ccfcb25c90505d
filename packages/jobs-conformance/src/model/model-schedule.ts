import type { ScheduleRecord, ScheduleRef } from '@cgk/jobs-core'
import { sameLane, sameRef, type ModelJob } from './model-job.ts'
import type { ModelState } from './model-state.ts'

/** A schedule as the contract says it must be by now. */
export type ModelSchedule = { -readonly [Key in keyof ScheduleRecord]: ScheduleRecord[Key] }

export function findSchedule(model: ModelState, ref: ScheduleRef): ModelSchedule | undefined {
  return model.schedules.find((schedule) => sameRef(schedule, ref))
}

/** A job of a schedule has ended. */
export function noteScheduleEnd(model: ModelState, job: ModelJob): void {
  const tick = job.input.schedule
  if (tick === undefined) return
  const ended = job.state as 'completed' | 'failed' | 'cancelled'
  const { queue, tenantId, id: jobId } = job.ref
  for (const schedule of model.schedules) {
    if (schedule.id !== tick.id || schedule.queue !== queue) continue
    if (schedule.tenantId !== null && !sameLane(schedule, job.ref)) continue
    schedule.lastEnd = { jobId, tenantId, tickAt: tick.tickAt, state: ended, endedAt: model.now }
  }
}
