import type { ScheduleRecord, ScheduleRef } from '@cgk/jobs-core'
import { sameRef, type ModelJob } from './model-job.ts'
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
  const { queue, tenantId, id: jobId } = job.ref
  const schedule = findSchedule(model, { queue, tenantId: tick.tenantId, id: tick.id })
  if (schedule === undefined || schedule.createdAt !== tick.createdAt) return
  const state = job.state as 'completed' | 'failed' | 'cancelled'
  schedule.lastEnd = { jobId, tenantId, tickAt: tick.tickAt, state, endedAt: model.now }
}
