import type {
  AdvanceResult,
  CallOptions,
  EnqueueResult,
  ScheduleAdvance,
  ScheduleFire,
  ScheduleRecord,
  ScheduleRef,
} from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { perStore } from './per-store.ts'
import { StoreWrapper } from './store-wrapper.ts'

/** As a count of the jobs that came rather than of those that were stored. */
class DuplicatesCounted extends StoreWrapper {
  static readonly #fires = perStore(() => new Map<string, ScheduleFire>())

  override async advanceSchedules(advances: readonly ScheduleAdvance[], options?: CallOptions) {
    const answers = await this.inner.advanceSchedules(advances, options)
    for (const [index, answer] of answers.entries()) {
      const { ticks, ...ref } = advances[index]!
      const last = ticks.at(-1)
      if (answer.status === 'stale' || last === undefined) continue
      const first = answer.jobs[answer.jobs.length - last.jobs.length]
      const jobId = first === undefined ? null : idOf(first)
      const fire = { tickAt: last.tickAt, jobs: last.jobs.length, jobId }
      const firedAt = await this.shared.now()
      DuplicatesCounted.#fires(this.shared).set(keyOf(ref), { ...fire, firedAt })
    }
    return answers
  }

  override async getSchedules(refs: readonly ScheduleRef[], options?: CallOptions) {
    const answer = await this.inner.getSchedules(refs, options)
    return { ...answer, schedules: answer.schedules.map((each) => each && this.#show(each)) }
  }

  #show(schedule: ScheduleRecord): ScheduleRecord {
    const lastFire = DuplicatesCounted.#fires(this.shared).get(keyOf(schedule))
    return schedule.lastFire === null || lastFire === undefined
      ? schedule
      : { ...schedule, lastFire }
  }
}

/** As a cursor that is moved by the rows inserted: a tick that makes none stays due for ever. */
class StuckWhereNothingIsMade extends StoreWrapper {
  override async advanceSchedules(advances: readonly ScheduleAdvance[], options?: CallOptions) {
    const answers: AdvanceResult[] = []
    for (const advance of advances) {
      const [answer] = await this.inner.advanceSchedules([advance], options)
      answers.push(answer!)
      if (answer!.status === 'stale' || !isNothing(answer!.jobs)) continue
      const [seen] = (await this.inner.getSchedules([advance])).schedules
      const { nextAt } = advance.expected
      await this.inner.putSchedule({ ...seen!, nextAt, expected: seen! })
    }
    return answers
  }
}

/** As an insert that knows no unique keys. */
class TicksIgnoreKeys extends StoreWrapper {
  override async advanceSchedules(advances: readonly ScheduleAdvance[], options?: CallOptions) {
    const keyless = advances.map((advance) => ({
      ...advance,
      ticks: advance.ticks.map((tick) => ({
        ...tick,
        jobs: tick.jobs.map(({ unique: _unique, ...job }) => job),
      })),
    }))
    return await this.inner.advanceSchedules(keyless, options)
  }
}

function isNothing(jobs: readonly EnqueueResult[]): boolean {
  return jobs.length > 0 && jobs.every(({ status }) => status === 'existing')
}

function idOf(result: EnqueueResult): string {
  return result.status === 'enqueued' ? result.id : result.job.id
}

function keyOf({ queue, tenantId, id }: ScheduleRef): string {
  return JSON.stringify([queue, tenantId, id])
}

export const scheduleOverlap: readonly BrokenStore[] = [
  {
    fault: 'that counts the jobs that a tick did not make',
    caughtBy: [
      'schedule overlap: a tick whose key is taken passes, and makes no job',
      'schedule overlap: only the jobs that were stored are counted',
    ],
    caughtByModel: true,
    harness: harnessOf(DuplicatesCounted),
  },
  {
    fault: 'where a tick that makes no job stays due',
    caughtBy: ['schedule overlap: a tick whose key is taken passes, and makes no job'],
    caughtByModel: true,
    harness: harnessOf(StuckWhereNothingIsMade),
  },
  {
    fault: 'where runs of a schedule overlap whatever their unique key',
    caughtBy: [
      'schedule overlap: of ticks dealt with together the first has the key',
      'schedule overlap: a key is free for the next tick once its job has ended',
    ],
    caughtByModel: true,
    harness: harnessOf(TicksIgnoreKeys),
  },
]
