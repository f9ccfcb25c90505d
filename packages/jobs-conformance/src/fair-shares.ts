import { complete, type ClaimedJob, type JobStore } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimRequest } from './claim-jobs.ts'

/** Claims that many jobs, in calls of so many, through the handles in turn; each is done at once. */
export async function serve(
  handles: readonly JobStore[],
  total: number,
  sizeOf: (turn: number) => number = () => 1,
): Promise<ClaimedJob[]> {
  const served: ClaimedJob[] = []
  for (let turn = 0; served.length < total; turn += 1) {
    const store = handles[turn % handles.length]!
    const slots = Math.min(sizeOf(turn), total - served.length)
    const { jobs } = await store.claim(claimRequest({ slots }))
    expect(jobs.length, 'a claim fills its slots').toBe(slots)
    await store.settle({ settlements: jobs.map((job) => complete(job, null, { discard: true })) })
    served.push(...jobs)
  }
  return served
}

/** Whose jobs they are, in their order. */
export function tenantsOf(jobs: readonly ClaimedJob[]): (string | null)[] {
  return jobs.map(({ tenantId }) => tenantId)
}

/**
 * Checks that, in whatever stretch of these claims, no two tenants' shares differ by more than a job
 * of each: |n_f / w_f − n_m / w_m| ≤ 1 / w_f + 1 / w_m, here multiplied by both weights.
 */
export function expectFairShares(
  served: readonly (string | null)[],
  weights: ReadonlyMap<string | null, number>,
): void {
  const tenants = [...weights.keys()]
  for (const [index, first] of tenants.entries()) {
    for (const second of tenants.slice(index + 1)) {
      const [one, two] = [weights.get(first)!, weights.get(second)!]
      let lead = 0
      let most = 0
      let least = 0
      for (const [at, tenant] of served.entries()) {
        if (tenant === first) lead += two
        if (tenant === second) lead -= one
        most = Math.max(most, lead)
        least = Math.min(least, lead)
        if (most - least > one + two) {
          throw new Error(
            `after ${at + 1} claims the shares of ${first} (weight ${one}) and ${second} (weight ${two}) are ${most - least} apart, over ${one + two}`,
          )
        }
      }
    }
  }
}
