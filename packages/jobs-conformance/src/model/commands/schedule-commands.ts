import type { NewJob, ScheduleRecord, ScheduleRef, StoreCapabilities } from '@cgk/jobs-core'
import { expect } from 'vitest'
import fc, { type Arbitrary } from 'fast-check'
import * as draw from '../arbitraries.ts'
import { jobCommand, type JobCommand } from '../job-command.ts'
import { sameRef } from '../model-job.ts'
import { findSchedule } from '../model-schedule.ts'
import type { ModelState } from '../model-state.ts'
import { handleOf, type RealStore } from '../real-store.ts'
import * as schedules from '../rules/schedules.ts'

const { handle } = draw

const ref: Arbitrary<ScheduleRef> = fc.record({
  queue: draw.queue,
  tenantId: fc.constantFrom('acme', null),
  id: fc.constantFrom(...draw.SCHEDULE_IDS),
})

/** Relative to the store's now, and `null` for a cursor at its end. */
const nextInMs = fc.oneof(
  { arbitrary: fc.constantFrom(-1_000, 0, 500, 4_000), weight: 6 },
  { arbitrary: fc.constant(null), weight: 1 },
)

/** How what the caller saw differs from what is there. */
const sight = fc.oneof(
  { arbitrary: fc.constant('current' as const), weight: 4 },
  fc.constantFrom<'nothing' | 'removed' | 'revision' | 'paused' | 'cursor'>(
    'nothing',
    'removed',
    'revision',
    'paused',
    'cursor',
  ),
)

export const putSchedule: Arbitrary<JobCommand> = fc
  .record({
    handle,
    ref,
    spec: fc.constantFrom('{"every":1}', '{"every":2}'),
    paused: draw.seldom,
    nextInMs,
    sight,
  })
  .map((input) =>
    jobCommand('putSchedule', input, async (model, real, { spec, paused }) => {
      const found = findSchedule(model, input.ref)
      const {
        createdAt,
        revision,
        paused: wasPaused,
        nextAt,
      } = found ?? {
        createdAt: model.now,
        revision: 1,
        paused: false,
        nextAt: null,
      }
      const seen = {
        createdAt: createdAt - (input.sight === 'removed' ? 1 : 0),
        revision: revision + (input.sight === 'revision' ? 1 : 0),
        paused: wasPaused !== (input.sight === 'paused'),
        nextAt: input.sight === 'cursor' ? (nextAt ?? model.now) + 1 : nextAt,
      }
      const isNothing =
        input.sight === 'nothing' || (found === undefined && input.sight === 'current')
      const put = {
        ...input.ref,
        spec,
        paused,
        nextAt: instant(model, input.nextInMs),
        expected: isNothing ? null : seen,
      }
      schedules.putSchedule(model, put, await handleOf(real, input.handle).putSchedule(put))
    }),
  )

export function advanceCommand(able: StoreCapabilities): Arbitrary<JobCommand> {
  const tickJob = fc.tuple(draw.drawnTickJob(able), draw.tenantId)
  const advance = fc.record({
    which: draw.choice,
    nextInMs,
    sight: fc.oneof(
      { arbitrary: fc.constant('current' as const), weight: 4 },
      fc.constantFrom('removed' as const, 'revision' as const, 'cursor' as const),
    ),
    ticks: fc.array(fc.array(tickJob, { maxLength: 2 }), { maxLength: 2 }),
  })
  return fc
    .record({
      handle,
      choices: fc.array(advance, { minLength: 1, maxLength: 2 }),
      repeats: fc.boolean(),
    })
    .map((input) =>
      jobCommand('advanceSchedules', input, async (model, real, { choices, repeats }) => {
        const advances = choices.flatMap((choice) => {
          const found = draw.pick(model.schedules, choice.which)
          if (found === undefined || found.nextAt === null) return []
          const { queue, tenantId, id, createdAt, revision, nextAt } = found
          const ticks = choice.ticks.map((jobs, index) => {
            const tickAt = nextAt + index
            const schedule = { id, tenantId, createdAt, tickAt }
            // One without a tenant may make jobs for all of them.
            const whose = (drawn: string | null) => (tenantId === null ? drawn : tenantId)
            return {
              tickAt,
              jobs: jobs.map(([job, drawn]): NewJob => ({
                ...job,
                queue,
                tenantId: whose(drawn),
                schedule,
              })),
            }
          })
          const expected = {
            createdAt: createdAt - (choice.sight === 'removed' ? 1 : 0),
            revision: revision + (choice.sight === 'revision' ? 1 : 0),
            nextAt: nextAt + (choice.sight === 'cursor' ? 1 : 0),
          }
          return [{ queue, tenantId, id, expected, nextAt: instant(model, choice.nextInMs), ticks }]
        })
        for (const through of repeats ? [0, 1] : [0]) {
          const answers = await handleOf(real, input.handle + through).advanceSchedules(advances)
          schedules.advanceSchedules(model, advances, answers)
        }
      }),
    )
}

export const removeSchedules: Arbitrary<JobCommand> = fc
  .record({
    handle,
    refs: fc.uniqueArray(ref, { minLength: 1, maxLength: 2, comparator: sameRef }),
  })
  .map((input) =>
    jobCommand('removeSchedules', input, async (model, real, { refs }) => {
      const were = refs.map((each) => findSchedule(model, each) !== undefined)
      expect(await handleOf(real, input.handle).removeSchedules(refs), 'removed').toEqual(were)
      model.schedules = model.schedules.filter((each) => !refs.some((gone) => sameRef(gone, each)))
      const { schedules: left } = await handleOf(real, input.handle + 1).getSchedules(refs)
      expect(left, 'removed schedules').toEqual(refs.map(() => null))
    }),
  )

export const dueSchedules: Arbitrary<JobCommand> = fc
  .record({
    handle,
    queues: fc.constantFrom(['orders'], ['orders', 'mails'], ['mails']),
    limit: fc.integer({ min: 1, max: 3 }),
  })
  .map((input) =>
    jobCommand('dueSchedules', input, async (model, real, { queues, limit }) => {
      const request = { queues, limit }
      const answer = await handleOf(real, input.handle).dueSchedules(request)
      schedules.dueSchedules(model, request, answer)
    }),
  )

export const listSchedules: Arbitrary<JobCommand> = fc
  .record({
    handle,
    filter: fc.record({ queue: draw.queue, tenantId: draw.tenantId }, { requiredKeys: ['queue'] }),
    limit: fc.integer({ min: 1, max: 3 }),
  })
  .map((input) =>
    jobCommand('listSchedules', input, async (model, real, { filter, limit }) => {
      schedules.listSchedules(model, filter, await readPages(real, input.handle, filter, limit))
    }),
  )

async function readPages(
  real: RealStore,
  through: number,
  filter: { readonly queue: string; readonly tenantId?: string | null },
  limit: number,
): Promise<ScheduleRecord[]> {
  const found: ScheduleRecord[] = []
  let cursor: string | null | undefined
  for (let page = 0; cursor !== null; page += 1) {
    const answer = await handleOf(real, through + page).listSchedules(
      cursor === undefined ? { ...filter, limit } : { ...filter, limit, cursor },
    )
    expect(answer.schedules.length, 'schedules of one page').toBeLessThanOrEqual(limit)
    expect(page, 'pages').toBeLessThan(1_000)
    found.push(...answer.schedules)
    cursor = answer.nextCursor
  }
  return found
}

function instant(model: ModelState, inMs: number | null): number | null {
  return inMs === null ? null : model.now + inMs
}
