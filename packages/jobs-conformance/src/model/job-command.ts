import { expect } from 'vitest'
import type { AsyncCommand } from 'fast-check'
import { QUEUES, TENANTS } from './arbitraries.ts'
import { handleOf, type RealStore } from './real-store.ts'
import type { ModelState } from './model-state.ts'
import { compareJobs, counts as countsOf, learnNames } from './rules/catalogue.ts'
import { watchRivals } from './rules/fairness.ts'
import { compareGroups } from './rules/groups.ts'
import { compareSchedules } from './rules/schedules.ts'

/** One step of a run: asks the store, and the model whether the answer is allowed. */
export type JobCommand = AsyncCommand<ModelState, RealStore>

/**
 * Makes a command of its drawn input.
 *
 * @param name - shown, with the input, in the trace of a run that failed.
 * @param run - calls the store once and hands request and answer to the model.
 */
export function jobCommand<T extends { readonly handle: number }>(
  name: string,
  input: T,
  run: (model: ModelState, real: RealStore, input: T) => Promise<void>,
): JobCommand {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real, input)
      watchRivals(model)
      await compareVisibleState(model, real, input.handle + 1)
    },
    // One line each: a trace is read from top to bottom.
    toString: () => `\n  ${name}(${JSON.stringify(input)})`,
  }
}

/** Compares what can be seen of the store, through another handle than the command's. */
async function compareVisibleState(
  model: ModelState,
  real: RealStore,
  handle: number,
): Promise<void> {
  const store = handleOf(real, handle)
  if (model.jobs.some((job) => job.isUnnamed)) {
    const pages = await Promise.all(QUEUES.map((queue) => store.list({ queue, limit: 1_000 })))
    learnNames(
      model,
      pages.flatMap(({ jobs }) => jobs),
    )
  }
  compareJobs(model, await store.get(model.refs))
  if (model.groups.length > 0) {
    compareGroups(model, await store.getGroups(model.groups.map(({ ref }) => ref)))
  }
  if (model.schedules.length > 0) {
    const { now, schedules } = await store.getSchedules(model.schedules)
    expect(now, 'the now of schedules').toBe(model.now)
    compareSchedules(model, schedules)
  }
  // One tenant in turn: all of them each time would be most of a run on a store with round trips.
  const tenantId = TENANTS[model.refs.length % TENANTS.length] ?? null
  const scopes = [...QUEUES.map((queue) => ({ queue })), { queue: QUEUES[0]!, tenantId }]
  const counts = await Promise.all(scopes.map((scope) => store.counts(scope)))
  for (const [index, scope] of scopes.entries()) {
    expect(counts[index], `counts of ${JSON.stringify(scope)}`).toEqual(countsOf(model, scope))
  }
}
