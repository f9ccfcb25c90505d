import { currentTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import { canonicalJson } from '../job/canonical-json.ts'
import { checkInteger, isRecord } from '../job/check-job-options.ts'
import type { Job } from '../job/job.ts'
import { checkJobId, describe } from '../job/names.ts'
import { checkScope, describeRef } from '../queue/job-address.ts'
import { checkPage, LARGEST_PAGE, PAGE_OPTIONS } from '../queue/check-page.ts'
import { checkFilterNames, checkTenantChoice } from '../queue/job-selection.ts'
import type { QueueParts } from '../queue/queue-parts.ts'
import type { SchedulePut, ScheduleRecord, ScheduleRef } from '../storage/schedule.ts'
import { checkAction } from './check-action.ts'
import { checkTimes, invalidSchedule } from './check-times.ts'
import { dueAdvance } from './due-advance.ts'
import { expectedOf } from './expected-of.ts'
import { overlapKey } from './overlap-key.ts'
import type {
  Schedule,
  ScheduleAddress,
  ScheduleListFilter,
  SchedulePage,
  Schedules,
  ScheduleSpec,
  ScheduleTimes,
} from './schedule.ts'
import { scheduleFromRecord } from './schedule-from-record.ts'
import { parseSpec, type StoredAction, type StoredTimes } from './stored-spec.ts'
import type { TickJobFactory } from './tick-jobs.ts'
import { ticksOf } from './ticks.ts'

const DEFAULT_PREVIEW = 10

/** What a {@link StoreSchedules} is made of. */
export interface StoreSchedulesParts extends QueueParts {
  readonly tickJobs: TickJobFactory
}

type Wanted = Pick<SchedulePut, 'spec' | 'paused' | 'nextAt'>

/** What to make of a schedule: `'same'` to leave it, `'again'` to look again. */
type Decide = (
  record: ScheduleRecord | null,
  now: number,
) => Promise<Wanted | 'again'> | Wanted | 'same' | 'again'

/** The schedules of one queue on its store. */
export class StoreSchedules implements Schedules {
  readonly #parts: StoreSchedulesParts

  constructor(parts: StoreSchedulesParts) {
    this.#parts = parts
  }

  /** As `JobQueue.schedule` says. */
  async put(id: string, spec: ScheduleSpec): Promise<Schedule> {
    const { name, newJobs, tickJobs, sizes } = this.#parts
    checkJobId(id, sizes.idLength, 'schedule id')
    const checked = checkAction(spec)
    const forAll = checked.forEach !== undefined
    if (forAll) checkForEach(tickJobs)
    const tenantId = forAll ? null : checkScope(newJobs.tenantOf(spec.options ?? {}))
    // For the check any tenant will do.
    const schedule = { id, tenantId }
    if (checked.overlap === 'skip') {
      const room = sizes.keyLength - overlapKey({ tenantId, id: '' }).length
      checkJobId(id, room, "schedule id, part of a unique key with overlap: 'skip',")
    }
    const job = await tickJobs.template(schedule, checked, forAll ? 'tenant' : tenantId, spec.job)
    // A copy, as a job's payload is: later changes of the caller's object change nothing.
    const action = { ...checked, payload: JSON.parse(job.payload) as unknown }
    return this.#change({ queue: name, tenantId, id }, (record, now) => {
      const wanted = checkTimes(spec, now)
      if (record === null) {
        return { spec: textOf(wanted, action), paused: false, nextAt: ticksOf(wanted).after(now) }
      }
      const times = readableTimes(record)
      if (times === null || !sameTimes(times, wanted)) {
        if (times !== null && isDue(record, now)) {
          return this.#dealWithDue(record, times, action, now)
        }
        const nextAt = ticksOf(wanted).after(now)
        return { spec: textOf(wanted, action), paused: record.paused, nextAt }
      }
      const text = textOf(times, action)
      if (canonicalJson(text) === canonicalJson(record.spec)) return 'same'
      return { spec: text, paused: record.paused, nextAt: record.nextAt }
    })
  }

  async get(schedule: ScheduleAddress): Promise<Schedule | null> {
    const { record } = await this.#read(this.#refOf(schedule))
    return record === null ? null : scheduleFromRecord(record)
  }

  async list(filter: ScheduleListFilter = {}): Promise<SchedulePage> {
    const { name, session } = this.#parts
    checkFilterNames(filter, ['tenantId', ...PAGE_OPTIONS])
    const request = { ...checkTenantChoice(name, filter), ...checkPage(filter) }
    const page = await session.call('listSchedules', (options) =>
      session.store.listSchedules(request, options),
    )
    const schedules = page.schedules.map(scheduleFromRecord)
    const { nextCursor } = page
    return nextCursor === null ? schedules : Object.assign(schedules, { nextCursor })
  }

  async pause(schedule: ScheduleAddress): Promise<Schedule> {
    const ref = this.#refOf(schedule)
    return this.#change(ref, (record) => {
      const { spec, paused, nextAt } = found(record, ref)
      return paused ? 'same' : { spec, paused: true, nextAt }
    })
  }

  async resume(schedule: ScheduleAddress): Promise<Schedule> {
    const ref = this.#refOf(schedule)
    return this.#change(ref, (record, now) => {
      const schedule = found(record, ref)
      if (!schedule.paused) return 'same'
      const { times } = parseSpec(schedule)
      return { spec: schedule.spec, paused: false, nextAt: ticksOf(times).after(now) }
    })
  }

  async runNow(schedule: ScheduleAddress): Promise<Job<unknown>> {
    const { session, tickJobs, viewer, events } = this.#parts
    const ref = this.#refOf(schedule)
    const record = found((await this.#read(ref)).record, ref)
    const { action } = parseSpec(record)
    const jobs = (await tickJobs.jobsOf(record, action))(null)
    if (jobs.length === 0) {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        `schedule ${describeRef(ref)} makes a job for each tenant, and the queue's tenants are none`,
      )
    }
    const results = await session.enqueuer.enqueue(jobs)
    const shown = results.map((result, index) => {
      const job = viewer.showEnqueued(action.job, jobs[index]!, result)
      if (result.status === 'enqueued' && events.hears('enqueued')) events.emit('enqueued', job, {})
      return job
    })
    return shown[0]!
  }

  async preview(
    schedule: ScheduleAddress | ScheduleTimes,
    count: number = DEFAULT_PREVIEW,
  ): Promise<Date[]> {
    checkInteger('count', count, 1, LARGEST_PAGE)
    const { times, now } = await this.#timesOf(schedule)
    const ticks = ticksOf(times)
    const shown: Date[] = []
    let tick = ticks.after(now)
    while (tick !== null && shown.length < count) {
      shown.push(new Date(tick))
      tick = ticks.after(tick)
    }
    return shown
  }

  async remove(schedule: ScheduleAddress): Promise<void> {
    const { session } = this.#parts
    const ref = this.#refOf(schedule)
    const [removed] = await session.call('removeSchedules', (options) =>
      session.store.removeSchedules([ref], options),
    )
    if (removed !== true) throw notFound(ref)
  }

  /** Repeats a decision until it is about what is there when it is stored. */
  async #change(ref: ScheduleRef, decide: Decide): Promise<Schedule> {
    const { session } = this.#parts
    for (;;) {
      const { record, now } = await this.#read(ref)
      const wanted = await decide(record, now)
      if (wanted === 'again') continue
      if (wanted === 'same') return scheduleFromRecord(record!)
      const expected = record === null ? null : expectedOf(record)
      const put = { ...ref, ...wanted, expected }
      const answer = await session.call('putSchedule', (options) =>
        session.store.putSchedule(put, options),
      )
      if (answer.status === 'stored') return scheduleFromRecord(answer.schedule)
    }
  }

  /** Before the times change: what was due by the old ones, already as the new action says. */
  async #dealWithDue(
    record: ScheduleRecord & { readonly nextAt: number },
    times: StoredTimes,
    action: StoredAction,
    now: number,
  ): Promise<'again'> {
    const { session, tickJobs } = this.#parts
    const advance = await dueAdvance(record, { times, action }, now, tickJobs)
    await session.call('advanceSchedules', (options) =>
      session.store.advanceSchedules([advance], options),
    )
    return 'again'
  }

  async #read(ref: ScheduleRef): Promise<{ record: ScheduleRecord | null; now: number }> {
    const { session } = this.#parts
    const { schedules, now } = await session.call('getSchedules', (options) =>
      session.store.getSchedules([ref], options),
    )
    return { record: schedules[0] ?? null, now }
  }

  async #timesOf(
    schedule: ScheduleAddress | ScheduleTimes,
  ): Promise<{ times: StoredTimes; now: number }> {
    if (typeof schedule !== 'string' && !isRecord(schedule)) {
      throw invalidSchedule(`preview takes a schedule or times, not ${describe(schedule)}`)
    }
    if (typeof schedule === 'string' || 'id' in schedule) {
      const ref = this.#refOf(schedule)
      const { record, now } = await this.#read(ref)
      return { times: parseSpec(found(record, ref)).times, now }
    }
    const { session } = this.#parts
    const { now } = await session.call('getSchedules', (options) =>
      session.store.getSchedules([], options),
    )
    return { times: checkTimes(schedule, now), now }
  }

  #refOf(schedule: ScheduleAddress): ScheduleRef {
    const { name, sizes } = this.#parts
    // As with jobs: an object says itself whose it is.
    const { id, tenantId } =
      typeof schedule === 'string'
        ? { id: schedule, tenantId: currentTenant() }
        : (schedule ?? { id: schedule })
    return {
      queue: name,
      tenantId: checkScope(tenantId ?? null),
      id: checkJobId(id, sizes.idLength, 'schedule id'),
    }
  }
}

function checkForEach(tickJobs: TickJobFactory): void {
  if (!tickJobs.hasTenants) {
    throw invalidSchedule(
      "forEach: 'tenant' needs the queue's tenants: a list, a function or a directory",
    )
  }
  if (currentTenant() !== undefined) {
    throw invalidSchedule("a tenant cannot schedule for the others: leave out forEach: 'tenant'")
  }
}

/** `null` where the schedule cannot be read, and is to be replaced as a whole. */
function readableTimes(record: ScheduleRecord): StoredTimes | null {
  try {
    return parseSpec(record).times
  } catch {
    return null
  }
}

function isDue(
  record: ScheduleRecord,
  now: number,
): record is ScheduleRecord & { readonly nextAt: number } {
  return !record.paused && record.nextAt !== null && record.nextAt <= now
}

/** Whether two specs mean the same ticks: an interval's anchor is where its schedule happened to begin. */
function sameTimes(left: StoredTimes, right: StoredTimes): boolean {
  const [one, other] = [left, right].map((times) =>
    canonicalJson(JSON.stringify({ ...times, anchor: undefined })),
  )
  return one === other
}

function textOf(times: StoredTimes, action: StoredAction): string {
  return JSON.stringify({ times, action })
}

function found(record: ScheduleRecord | null, ref: ScheduleRef): ScheduleRecord {
  if (record === null) throw notFound(ref)
  return record
}

function notFound(ref: ScheduleRef): JobsError {
  return new JobsError('JOBS_SCHEDULE_NOT_FOUND', `Schedule not found: ${describeRef(ref)}`)
}
