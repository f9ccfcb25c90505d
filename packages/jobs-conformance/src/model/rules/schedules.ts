import type {
  AdvanceResult,
  EnqueueResult,
  ScheduleAdvance,
  SchedulePut,
  ScheduleRecord,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import { findSchedule, type ModelSchedule } from '../model-schedule.ts'
import type { ModelState } from '../model-state.ts'
import { enqueueEach } from './enqueueing.ts'

type PutAnswer =
  | { readonly status: 'stored'; readonly schedule: ScheduleRecord }
  | { readonly status: 'stale'; readonly schedule: ScheduleRecord | null }

export function putSchedule(model: ModelState, put: SchedulePut, answer: PutAnswer): void {
  const { queue, tenantId, id, spec, paused, nextAt, expected } = put
  const found = findSchedule(model, put)
  const isCurrent =
    found === undefined
      ? expected === null
      : expected !== null && isSeen(found, expected) && found.paused === expected.paused
  expect(answer.status, 'putSchedule').toBe(isCurrent ? 'stored' : 'stale')
  if (isCurrent && found === undefined) {
    model.schedules.push({
      queue,
      tenantId,
      id,
      spec,
      revision: 1,
      paused,
      nextAt,
      createdAt: model.now,
      updatedAt: model.now,
      lastFire: null,
      lastEnd: null,
    })
  } else if (isCurrent) {
    const change = { spec, paused, nextAt, updatedAt: model.now }
    const revision = found!.spec === spec ? found!.revision : found!.revision + 1
    Object.assign(found!, change, { revision })
  }
  compareSchedule(model, answer.schedule, findSchedule(model, put))
}

export function advanceSchedules(
  model: ModelState,
  advances: readonly ScheduleAdvance[],
  answers: readonly AdvanceResult[],
): void {
  expect(answers.length, 'one answer for each advance').toBe(advances.length)
  for (const [index, advance] of advances.entries()) {
    const answer = answers[index]!
    const schedule = findSchedule(model, advance)
    const isCurrent =
      schedule !== undefined && !schedule.paused && isSeen(schedule, advance.expected)
    expect(answer.status, `advance of ${advance.id}`).toBe(isCurrent ? 'advanced' : 'stale')
    if (!isCurrent || answer.status !== 'advanced') continue
    const jobs = advance.ticks.flatMap((tick) => tick.jobs)
    enqueueEach(model, jobs, answer.jobs)
    schedule.nextAt = advance.nextAt
    const last = advance.ticks.at(-1)
    if (last === undefined) continue
    const made = answer.jobs
      .slice(jobs.length - last.jobs.length)
      .filter(({ status }) => status !== 'existing')
    schedule.lastFire = {
      tickAt: last.tickAt,
      firedAt: model.now,
      jobs: made.length,
      jobId: made.length === 0 ? null : idOf(made[0]!),
    }
  }
}

export function listSchedules(
  model: ModelState,
  { queue, tenantId }: { readonly queue: string; readonly tenantId?: string | null },
  schedules: readonly ScheduleRecord[],
): void {
  const expected = model.schedules
    .filter((each) => each.queue === queue)
    .filter((each) => tenantId === undefined || each.tenantId === tenantId)
    .sort((a, b) => compareText(a.tenantId ?? '', b.tenantId ?? '') || compareText(a.id, b.id))
  expectIds(schedules, expected, 'the schedules listed')
  for (const schedule of schedules) compareSchedule(model, schedule, findSchedule(model, schedule))
}

export function dueSchedules(
  model: ModelState,
  { queues, limit }: { readonly queues: readonly string[]; readonly limit: number },
  answer: {
    readonly now: number
    readonly schedules: readonly ScheduleRecord[]
    readonly nextInMs: number | null
  },
): void {
  const running = model.schedules
    .filter((each) => queues.includes(each.queue) && !each.paused && each.nextAt !== null)
    .sort((a, b) => a.nextAt! - b.nextAt!)
  const due = running.filter((each) => each.nextAt! <= model.now).slice(0, limit)
  expect(answer.now, 'now').toBe(model.now)
  expect(
    answer.schedules.map(({ nextAt }) => nextAt),
    'the cursors of the schedules due',
  ).toEqual(due.map(({ nextAt }) => nextAt))
  expect(
    new Set(
      answer.schedules.map(({ queue, tenantId, id }) => JSON.stringify([queue, tenantId, id])),
    ).size,
    'schedules due, each once',
  ).toBe(due.length)
  for (const schedule of answer.schedules) {
    expect(queues, 'the queues asked for').toContain(schedule.queue)
    compareSchedule(model, schedule, findSchedule(model, schedule))
  }
  const next = running[due.length]
  const nextInMs = next === undefined ? null : Math.max(0, next.nextAt! - model.now)
  expect(answer.nextInMs, 'when the next schedule is due').toBe(nextInMs)
}

/** Compares what a store shows of the schedules, in the order of {@link ModelState.schedules}. */
export function compareSchedules(
  model: ModelState,
  records: readonly (ScheduleRecord | null)[],
): void {
  expect(records.length, 'one record for each schedule').toBe(model.schedules.length)
  for (const [index, schedule] of model.schedules.entries()) {
    compareSchedule(model, records[index] ?? null, schedule)
  }
}

function compareSchedule(
  model: ModelState,
  record: ScheduleRecord | null,
  schedule: ModelSchedule | undefined,
): void {
  if (record === null || schedule === undefined) {
    expect(record, 'a schedule').toBe(schedule ?? null)
    return
  }
  // A tick and the end of a job may count as an update or not; a put always does.
  expect(record, 'a schedule').toEqual({ ...schedule, updatedAt: record.updatedAt })
  expect(record.updatedAt, 'updatedAt of a schedule').toBeGreaterThanOrEqual(schedule.updatedAt)
  expect(record.updatedAt, 'updatedAt of a schedule').toBeLessThanOrEqual(model.now)
}

function idOf(result: EnqueueResult): string {
  return result.status === 'enqueued' ? result.id : result.job.id
}

function isSeen(
  schedule: ModelSchedule,
  seen: Pick<ScheduleRecord, 'createdAt' | 'revision' | 'nextAt'>,
): boolean {
  return (
    schedule.createdAt === seen.createdAt &&
    schedule.revision === seen.revision &&
    schedule.nextAt === seen.nextAt
  )
}

function expectIds(
  is: readonly ScheduleRecord[],
  should: readonly ScheduleRecord[],
  what: string,
): void {
  const names = (each: readonly ScheduleRecord[]) => each.map(({ tenantId, id }) => [tenantId, id])
  expect(names(is), what).toEqual(names(should))
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
