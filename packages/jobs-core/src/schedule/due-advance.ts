import type { NewJob } from '../storage/new-job.ts'
import type { ScheduleAdvance, ScheduleRecord } from '../storage/schedule.ts'
import { dueTicks } from './due-ticks.ts'
import type { StoredSpec } from './stored-spec.ts'
import type { TickJobFactory } from './tick-jobs.ts'
import { ticksOf } from './ticks.ts'

/** Jobs stored in one step, where the ticks of a schedule can be dealt with in several. */
export const JOBS_PER_STEP = 1_000

/**
 * The next step of a schedule that is due: its missed ticks by its rule, those of one step with their
 * jobs.
 */
export async function dueAdvance(
  record: ScheduleRecord & { readonly nextAt: number },
  { times, action }: StoredSpec,
  now: number,
  factory: TickJobFactory,
): Promise<ScheduleAdvance> {
  const { queue, tenantId, id, createdAt, revision } = record
  const ref = { queue, tenantId, id }
  const ticks = ticksOf(times)
  const due = dueTicks(ticks, action, record.nextAt, now)
  const step: { readonly tickAt: number; readonly jobs: readonly NewJob[] }[] = []
  if (due.length > 0) {
    const jobsOf = await factory.jobsOf(record, action)
    let jobs = 0
    for (const tickAt of due) {
      step.push({ tickAt, jobs: jobsOf(tickAt) })
      jobs += step.at(-1)!.jobs.length
      if (jobs >= JOBS_PER_STEP) break
    }
  }
  return {
    ...ref,
    expected: { createdAt, revision, nextAt: record.nextAt },
    nextAt: due[step.length] ?? ticks.after(now),
    ticks: step,
  }
}
