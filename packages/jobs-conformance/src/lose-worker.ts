import type { ClaimedJob, ClaimRequest } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, LEASE_MS, maintainAll } from './claim-jobs.ts'
import type { OpenStore } from './harness.ts'

/**
 * Claims what can be claimed for a worker that is never heard of again, and takes its leases back.
 * The jobs returned are suspects, and their tokens are stale.
 */
export async function loseWorker(
  open: OpenStore,
  given: Partial<ClaimRequest> = {},
): Promise<readonly ClaimedJob[]> {
  const jobs = await claimJobs(open.store, given)
  expect(jobs.length, 'the lost worker held something').toBeGreaterThan(0)
  await open.advance((given.leaseMs ?? LEASE_MS) + 1)
  await maintainAll(open.store)
  return jobs
}
