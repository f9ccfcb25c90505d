import type { JobFilter, JobRecord, JobState, JobStatus, StoreCapabilities } from '@cgk/jobs-core'
import { expect } from 'vitest'
import fc, { type Arbitrary } from 'fast-check'
import * as draw from '../arbitraries.ts'
import { jobCommand, type JobCommand } from '../job-command.ts'
import { handleOf, type RealStore } from '../real-store.ts'
import * as rules from '../rules/catalogue.ts'
import { isScopePaused } from '../rules/limits.ts'
import { maintain as maintainModel } from '../rules/upkeep.ts'
import { chooseRefs, refChoices } from './choose.ts'
import { pausable } from './limit-arbitraries.ts'

const { handle } = draw

function action(
  name: 'cancel' | 'retry' | 'remove',
  check: typeof rules.cancel,
  fitting: readonly JobState[],
): Arbitrary<JobCommand> {
  return fc.record({ handle, choices: refChoices }).map((input) =>
    jobCommand(name, input, async (model, real, { choices }) => {
      const refs = chooseRefs(model, choices, fitting)
      check(model, refs, await handleOf(real, input.handle)[name](refs))
    }),
  )
}

const ENDED: readonly JobState[] = ['completed', 'failed', 'cancelled']

export const cancel: Arbitrary<JobCommand> = action('cancel', rules.cancel, ['running'])
export const retry: Arbitrary<JobCommand> = action('retry', rules.retry, ['failed', 'cancelled'])
export const remove: Arbitrary<JobCommand> = action('remove', rules.remove, ENDED)

export const advance: Arbitrary<JobCommand> = fc
  .record({ handle, ms: draw.advanceMs })
  .map((input) =>
    jobCommand('advance', input, async (model, real, { ms }) => {
      await real.open.advance(ms)
      model.now += ms
      expect(await real.open.now(), 'the clock moves through the harness alone').toBe(model.now)
    }),
  )

export const maintain: Arbitrary<JobCommand> = fc
  .record({
    handle,
    limit: fc.oneof({ arbitrary: fc.constant(1_000), weight: 3 }, fc.integer({ min: 1, max: 3 })),
  })
  .map((input) =>
    jobCommand('maintain', input, async (model, real, { limit }) => {
      const store = handleOf(real, input.handle)
      const done = await store.maintain({ limit })
      maintainModel(model, limit, done, await store.get(model.refs))
    }),
  )

export function pauseCommand(able: StoreCapabilities): Arbitrary<JobCommand> {
  return fc.record({ handle, scope: pausable(able), on: draw.seldom }).map((input) =>
    jobCommand('pause', input, async (model, real, { scope, on }) => {
      const store = handleOf(real, input.handle)
      await (on ? store.pause(scope) : store.resume(scope))
      if (on) model.pause(scope)
      else model.resume(scope)
      for (const each of [scope, { queue: scope.queue }]) {
        expect(
          await handleOf(real, input.handle + 1).isPaused(each),
          `isPaused ${JSON.stringify(each)}`,
        ).toBe(isScopePaused(model, each))
      }
    }),
  )
}

export function listCommand(able: StoreCapabilities): Arbitrary<JobCommand> {
  return fc
    .record({ handle, filter: draw.listFilter(able), limit: fc.integer({ min: 1, max: 7 }) })
    .map((input) =>
      jobCommand('list', input, async (model, real, { filter, limit }) => {
        rules.list(model, filter, await readPages(real, input.handle, filter, limit))
      }),
    )
}

async function readPages(
  real: RealStore,
  through: number,
  filter: JobFilter & { readonly statuses?: readonly JobStatus[] },
  limit: number,
): Promise<JobRecord[]> {
  const jobs: JobRecord[] = []
  let cursor: string | null | undefined
  for (let page = 0; cursor !== null; page += 1) {
    const answer = await handleOf(real, through + page).list(
      cursor === undefined ? { ...filter, limit } : { ...filter, limit, cursor },
    )
    expect(answer.jobs.length, 'jobs of one page').toBeLessThanOrEqual(limit)
    expect(page, 'pages').toBeLessThan(1_000)
    jobs.push(...answer.jobs)
    cursor = answer.nextCursor
  }
  return jobs
}
