import type {
  AdvanceResult,
  CallOptions,
  ScheduleAdvance,
  ScheduleEnd,
  SchedulePut,
  ScheduleRecord,
  ScheduleRef,
} from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { perStore } from './per-store.ts'
import {
  type DueAnswer,
  type PutAnswer,
  type SettleRequest,
  StoreWrapper,
} from './store-wrapper.ts'

/** As two processes that both find a tick due, where the cursor is not compared. */
class FiredTwice extends StoreWrapper {
  override async advanceSchedules(advances: readonly ScheduleAdvance[], options?: CallOptions) {
    const answers: AdvanceResult[] = []
    for (const advance of advances) {
      const [answer] = await this.inner.advanceSchedules([advance], options)
      if (answer?.status === 'advanced') {
        answers.push(answer)
        continue
      }
      const jobs = await this.inner.enqueue(advance.ticks.flatMap((tick) => tick.jobs))
      answers.push({ status: 'advanced', jobs })
    }
    return answers
  }
}

/** As a cursor that is written before the jobs are, by a process that dies in between. */
class TickLost extends StoreWrapper {
  override async advanceSchedules(advances: readonly ScheduleAdvance[], options?: CallOptions) {
    const bare = advances.map((advance) => ({
      ...advance,
      ticks: advance.ticks.map((tick) => ({ ...tick, jobs: this.handle > 0 ? [] : tick.jobs })),
    }))
    return await this.inner.advanceSchedules(bare, options)
  }
}

class AdvancedThoughPaused extends StoreWrapper {
  override async advanceSchedules(advances: readonly ScheduleAdvance[], options?: CallOptions) {
    const { schedules } = await this.inner.getSchedules(advances)
    for (const seen of schedules) if (seen?.paused === true) await this.#resume(seen)
    const answers = await this.inner.advanceSchedules(advances, options)
    return answers
  }

  async #resume(seen: ScheduleRecord): Promise<void> {
    await this.inner.putSchedule({ ...seen, paused: false, expected: seen })
  }
}

class PutUnseen extends StoreWrapper {
  override async putSchedule(put: SchedulePut, options?: CallOptions): Promise<PutAnswer> {
    const { schedules } = await this.inner.getSchedules([put])
    return await this.inner.putSchedule({ ...put, expected: schedules[0] ?? null }, options)
  }
}

/** Counts changes that are none of the spec's. */
class RevisionOfAnyChange extends StoreWrapper {
  override async putSchedule(put: SchedulePut, options?: CallOptions): Promise<PutAnswer> {
    const answer = await this.inner.putSchedule(put, options)
    if (answer.status !== 'stored' || put.expected === null) return answer
    const { spec } = answer.schedule
    const bumped = await this.inner.putSchedule({
      ...put,
      spec: `${spec} `,
      expected: answer.schedule,
    })
    return await this.inner.putSchedule({ ...put, spec, expected: bumped.schedule })
  }
}

class PausedIsDue extends StoreWrapper {
  override async dueSchedules(
    request: { readonly queues: readonly string[]; readonly limit: number },
    options?: CallOptions,
  ): Promise<DueAnswer> {
    const answer = await this.inner.dueSchedules(request, options)
    const pages = await Promise.all(
      request.queues.map((queue) => this.inner.listSchedules({ queue, limit: 1_000 })),
    )
    const paused = pages
      .flatMap(({ schedules }) => schedules)
      .filter((each) => each.paused && each.nextAt !== null && each.nextAt <= answer.now)
    return { ...answer, schedules: [...answer.schedules, ...paused].slice(0, request.limit) }
  }
}

/** As a query that has a limit and no order. */
class DueInAnyOrder extends StoreWrapper {
  override async dueSchedules(
    request: { readonly queues: readonly string[]; readonly limit: number },
    options?: CallOptions,
  ): Promise<DueAnswer> {
    const all = await this.inner.dueSchedules({ ...request, limit: 1_000 }, options)
    const schedules = all.schedules.toReversed().slice(0, request.limit)
    const nextInMs = schedules.length < all.schedules.length ? 0 : all.nextInMs
    return { ...all, schedules, nextInMs }
  }
}

/** As one that reads the end of its last run from that run's history. */
class EndGoneWithItsJob extends StoreWrapper {
  override async getSchedules(refs: readonly ScheduleRef[], options?: CallOptions) {
    const answer = await this.inner.getSchedules(refs, options)
    const schedules = await Promise.all(answer.schedules.map((each) => this.#forget(each)))
    return { ...answer, schedules }
  }

  async #forget(schedule: ScheduleRecord | null): Promise<ScheduleRecord | null> {
    const end = schedule?.lastEnd ?? null
    if (schedule === null || end === null) return schedule
    const { queue } = schedule
    const [job] = await this.inner.get([{ queue, tenantId: end.tenantId, id: end.jobId }])
    return job === null ? { ...schedule, lastEnd: null } : schedule
  }
}

/** Shows as ended what is to be tried again. */
class RetryIsAnEnd extends StoreWrapper {
  readonly #failed = new Map<string, ScheduleRecord['lastEnd']>()

  override async settle(request: SettleRequest, options?: CallOptions) {
    for (const { lease, outcome } of request.settlements) {
      const [job] = await this.inner.get([lease])
      if (job?.schedule == null || outcome.type !== 'retry') continue
      const { tickAt, id } = job.schedule
      const endedAt = await this.shared.now()
      const end = {
        jobId: job.id,
        tenantId: job.tenantId,
        tickAt,
        state: 'failed',
        endedAt,
      } as const
      this.#failed.set(id, end)
    }
    return await this.inner.settle(request, options)
  }

  override async getSchedules(refs: readonly ScheduleRef[], options?: CallOptions) {
    const answer = await this.inner.getSchedules(refs, options)
    const schedules = answer.schedules.map(
      (each) => each && { ...each, lastEnd: each.lastEnd ?? this.#failed.get(each.id) ?? null },
    )
    return { ...answer, schedules }
  }
}

/** Finds the schedule of a job that ends by its id, as jobs are listed. */
class OutcomesOfOneId extends StoreWrapper {
  static readonly #ends = perStore(() => new Map<string, ScheduleEnd>())

  override async settle(request: SettleRequest, options?: CallOptions) {
    const jobs = await this.inner.get(request.settlements.map(({ lease }) => lease))
    const answer = await super.settle(request, options)
    for (const [index, { outcome }] of request.settlements.entries()) {
      const job = jobs[index]
      if (answer.results[index] !== 'settled' || job?.schedule == null) continue
      if (outcome.type !== 'complete' && outcome.type !== 'fail') continue
      const { queue, tenantId, id: jobId } = job
      const { id, tickAt } = job.schedule
      const state = outcome.type === 'complete' ? 'completed' : 'failed'
      const end = { jobId, tenantId, tickAt, state, endedAt: await this.shared.now() } as const
      OutcomesOfOneId.#ends(this.shared).set(JSON.stringify([queue, id]), end)
    }
    return answer
  }

  override async getSchedules(refs: readonly ScheduleRef[], options?: CallOptions) {
    const answer = await this.inner.getSchedules(refs, options)
    return { ...answer, schedules: answer.schedules.map((each) => each && this.#show(each)) }
  }

  #show(schedule: ScheduleRecord): ScheduleRecord {
    const ends = OutcomesOfOneId.#ends(this.shared)
    const lastEnd = ends.get(JSON.stringify([schedule.queue, schedule.id]))
    const isNewer = lastEnd !== undefined && lastEnd.endedAt > (schedule.lastEnd?.endedAt ?? 0)
    return isNewer ? { ...schedule, lastEnd } : schedule
  }
}

/** Compares a schedule with what its author saw by its numbers, which begin anew. */
class TakenForItsPredecessor extends StoreWrapper {
  override async putSchedule(put: SchedulePut, options?: CallOptions): Promise<PutAnswer> {
    const [seen] = (await this.inner.getSchedules([put])).schedules
    const { expected } = put
    if (seen === null || expected === null) return await this.inner.putSchedule(put, options)
    const { createdAt } = seen!
    return await this.inner.putSchedule({ ...put, expected: { ...expected, createdAt } }, options)
  }
}

class RemovedWithItsJobs extends StoreWrapper {
  override async removeSchedules(refs: readonly ScheduleRef[], options?: CallOptions) {
    for (const { queue, tenantId, id } of refs) {
      const { jobs } = await this.inner.list({ queue, tenantId, scheduleId: id, limit: 1_000 })
      await this.inner.remove(jobs)
    }
    return await this.inner.removeSchedules(refs, options)
  }
}

/** As a cursor that is the last row of a page rather than the place after it. */
class PagesOverlap extends StoreWrapper {
  readonly #lastOfPage = new Map<string, ScheduleRecord>()

  override async listSchedules(
    request: Parameters<StoreWrapper['listSchedules']>[0],
    options?: CallOptions,
  ) {
    const page = await this.inner.listSchedules(request, options)
    const repeated = this.#lastOfPage.get(request.cursor ?? '')
    const last = page.schedules.at(-1)
    if (page.nextCursor !== null && last !== undefined) this.#lastOfPage.set(page.nextCursor, last)
    if (repeated === undefined || request.limit < 2) return page
    return { ...page, schedules: [repeated, ...page.schedules].slice(0, request.limit) }
  }
}

/** Enqueues a tick's jobs as if anyone had. */
class UnmarkedJobs extends StoreWrapper {
  override async advanceSchedules(advances: readonly ScheduleAdvance[], options?: CallOptions) {
    const unmarked = advances.map((advance) => ({
      ...advance,
      ticks: advance.ticks.map((tick) => ({
        ...tick,
        jobs: tick.jobs.map(({ schedule: _schedule, ...job }) => job),
      })),
    }))
    return await this.inner.advanceSchedules(unmarked, options)
  }
}

export const schedules: readonly BrokenStore[] = [
  {
    fault: 'that fires a tick twice',
    caughtBy: [
      'schedule ticks: of those who find a tick due one enqueues its jobs',
      'schedule ticks: an advance repeated after its reply was lost does nothing',
    ],
    caughtByModel: true,
    harness: harnessOf(FiredTwice),
  },
  {
    fault: 'that loses a tick when a process ends',
    caughtBy: ['schedule ticks: what one process has advanced is there for another'],
    caughtByModel: true,
    harness: harnessOf(TickLost),
  },
  {
    fault: 'that fires the ticks of a paused schedule',
    caughtBy: ['schedule ticks: who saw another revision, a pause or nothing is refused'],
    caughtByModel: true,
    harness: harnessOf(AdvancedThoughPaused),
  },
  {
    fault: 'where the last to write a schedule wins',
    caughtBy: [
      'schedules: what is there is not replaced by who has not seen it',
      'schedules: whatever of it was seen otherwise refuses a change',
    ],
    caughtByModel: true,
    harness: harnessOf(PutUnseen),
  },
  {
    fault: 'where pausing a schedule makes another revision of it',
    caughtBy: ['schedules: the revision grows with each change of its spec alone'],
    caughtByModel: true,
    harness: harnessOf(RevisionOfAnyChange),
  },
  {
    fault: 'where a paused schedule is due',
    caughtBy: ['schedule listing: paused and exhausted schedules are never due'],
    caughtByModel: true,
    harness: harnessOf(PausedIsDue),
  },
  {
    fault: 'that leaves out the schedule that has been due longest',
    caughtBy: ['schedule listing: the oldest cursor is due first, up to the limit'],
    caughtByModel: true,
    harness: harnessOf(DueInAnyOrder),
  },
  {
    fault: "that forgets a schedule's last outcome with its job",
    caughtBy: ['schedule outcomes: how the last of its jobs ended outlives that job'],
    caughtByModel: true,
    harness: harnessOf(EndGoneWithItsJob),
  },
  {
    fault: "that takes a failed attempt for a schedule's outcome",
    caughtBy: ['schedule outcomes: a job that was cancelled ended, one that waits again did not'],
    caughtByModel: true,
    harness: harnessOf(RetryIsAnEnd),
  },
  {
    fault: 'where schedules of one id share their outcomes',
    caughtBy: [
      'schedule outcomes: of two with one id each has the outcomes of its own jobs',
      'schedule outcomes: one made anew has no outcome of jobs of the one removed',
    ],
    caughtByModel: true,
    harness: harnessOf(OutcomesOfOneId),
  },
  {
    fault: 'that takes a schedule made anew for the one that was removed',
    caughtBy: ['schedules: who saw one that was removed since changes nothing of the next'],
    caughtByModel: true,
    harness: harnessOf(TakenForItsPredecessor),
  },
  {
    fault: 'that removes the jobs of a schedule with it',
    caughtBy: ['schedules: a removed schedule is gone, and its jobs stay'],
    caughtByModel: true,
    harness: harnessOf(RemovedWithItsJobs),
  },
  {
    fault: 'that lists a schedule on two pages',
    caughtBy: ['schedule listing: a list has every schedule once, by tenant and id'],
    caughtByModel: false,
    harness: harnessOf(PagesOverlap),
  },
  {
    fault: 'where jobs do not tell which schedule made them',
    caughtBy: ['schedule ticks: its jobs tell their schedule and tick, also to a list'],
    caughtByModel: true,
    harness: harnessOf(UnmarkedJobs),
  },
]
