import { allCases, checkModel, type StoreHarness } from '@cgk/jobs-conformance'
import { describe, expect, test } from 'vitest'
import { attempts } from './broken-stores/attempts.ts'
import { backlogs } from './broken-stores/backlogs.ts'
import { claiming } from './broken-stores/claiming.ts'
import { concurrencyKeys } from './broken-stores/concurrency-keys.ts'
import { enqueueing } from './broken-stores/enqueueing.ts'
import { fairShares } from './broken-stores/fair-shares.ts'
import { followUps } from './broken-stores/follow-ups.ts'
import { groups } from './broken-stores/groups.ts'
import { limiters } from './broken-stores/limiters.ts'
import { limits } from './broken-stores/limits.ts'
import { operating } from './broken-stores/operating.ts'
import { orderingKeys } from './broken-stores/ordering-keys.ts'
import { rates } from './broken-stores/rates.ts'
import { scheduleOverlap } from './broken-stores/schedule-overlap.ts'
import { schedules } from './broken-stores/schedules.ts'
import { settling } from './broken-stores/settling.ts'
import { StoreWrapper } from './broken-stores/store-wrapper.ts'
import { uniqueKeys } from './broken-stores/unique-keys.ts'
import { harnessOf } from './broken-stores/broken-store.ts'

const namedCases = allCases.flatMap(({ operation, cases }) =>
  cases.map((storeCase) => ({ name: `${operation}: ${storeCase.name}`, storeCase })),
)
const names = namedCases.map(({ name }) => name)

/** Those of the cases that a store fails, as `operation: claim`. */
async function failedCases(harness: StoreHarness, tried: readonly string[]): Promise<string[]> {
  const failed: string[] = []
  for (const { name, storeCase } of namedCases) {
    if (tried.includes(name)) await storeCase.run(harness).catch(() => failed.push(name))
  }
  return failed
}

test('every case has a name of its own', () => {
  expect(new Set(names).size).toBe(names.length)
})

test('a wrapper that breaks nothing passes every case', async () => {
  expect(await failedCases(harnessOf(StoreWrapper), names)).toEqual([])
})

describe('the suite catches a store', () => {
  test.for([
    ...enqueueing,
    ...claiming,
    ...settling,
    ...operating,
    ...attempts,
    ...uniqueKeys,
    ...orderingKeys,
    ...concurrencyKeys,
    ...groups,
    ...followUps,
    ...schedules,
    ...limits,
    ...rates,
    ...limiters,
    ...backlogs,
    ...fairShares,
    ...scheduleOverlap,
  ])('$fault', { timeout: 60_000 }, async ({ caughtBy, caughtByModel, harness }) => {
    expect(names).toEqual(expect.arrayContaining([...caughtBy]))
    expect((await failedCases(harness, caughtBy)).toSorted()).toEqual([...caughtBy].toSorted())

    if (!caughtByModel) return
    const run = checkModel(harness, { runs: 300, seed: 1, endOnFailure: true })
    const verdict = await run.then(
      () => 'passed',
      () => 'failed',
    )
    expect(verdict, 'the model').toBe('failed')
  })
})
