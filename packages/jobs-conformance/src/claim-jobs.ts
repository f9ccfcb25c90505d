import type {
  ClaimedJob,
  ClaimRequest,
  JobCatalog,
  JobRecord,
  JobRef,
  JobState,
  Lease,
  LeaseStore,
  SettleResult,
  Settlement,
} from '@cgk/jobs-core'
import { only, QUEUE } from './new-job.ts'

/** The lease that cases take where its length does not matter. */
export const LEASE_MS = 30_000

/** A claim; what a case does not care about is filled in. */
export function claimRequest(given: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    queue: QUEUE,
    slots: 100,
    prefetch: 0,
    leaseMs: LEASE_MS,
    worker: 'worker-1',
    suspects: false,
    ...given,
  }
}

/** Claims once and returns the jobs. */
export async function claimJobs(
  store: LeaseStore,
  given: Partial<ClaimRequest> = {},
): Promise<readonly ClaimedJob[]> {
  const { jobs } = await store.claim(claimRequest(given))
  return jobs
}

/** Claims one job, which must be there. */
export async function claimOne(
  store: LeaseStore,
  given: Partial<ClaimRequest> = {},
): Promise<ClaimedJob> {
  return only(await claimJobs(store, { slots: 1, ...given }))
}

/** Claims the one suspect that must be there. */
export async function claimSuspect(store: LeaseStore): Promise<ClaimedJob> {
  return only(await claimJobs(store, { slots: 1, suspects: true }))
}

/**
 * Claims until the store has nothing more, a store being free to hand out a long backlog in pieces.
 */
export async function claimEverything(
  store: LeaseStore,
  given: Partial<ClaimRequest> = {},
): Promise<ClaimedJob[]> {
  const claimed: ClaimedJob[] = []
  for (let call = 0; call < 1_000; call += 1) {
    const result = await store.claim(claimRequest(given))
    claimed.push(...result.jobs)
    if (result.jobs.length === 0 && result.nextDueInMs !== 0) return claimed
  }
  throw new Error('after 1,000 claims the store still says that more can be claimed')
}

/** The lease of a claimed job, without the record. */
export function leaseOf(job: Lease): Lease {
  return { queue: job.queue, tenantId: job.tenantId, id: job.id, token: job.token }
}

/** The ref of a job, without the record. */
export function refOf(job: JobRef): JobRef {
  return { queue: job.queue, tenantId: job.tenantId, id: job.id }
}

/** The ids of jobs, in their order. */
export function idsOf(jobs: readonly JobRef[]): string[] {
  return jobs.map((job) => job.id)
}

/** The record of a job that must be there. */
export async function read(store: JobCatalog, ref: JobRef): Promise<JobRecord> {
  const record = only(await store.get([refOf(ref)]))
  if (record === null) throw new Error(`expected job ${ref.id} to be retained`)
  return record
}

/** The state of a job, `null` where it is not retained. */
export async function stateOf(store: JobCatalog, ref: JobRef): Promise<JobState | null> {
  return only(await store.get([refOf(ref)]))?.state ?? null
}

/** Settles one attempt. */
export async function settleOne(store: LeaseStore, settlement: Settlement): Promise<SettleResult> {
  const { results } = await store.settle({ settlements: [settlement] })
  return only(results)
}

/** Runs upkeep until a call finds nothing to do, and adds up what was done. */
export async function maintainAll(
  store: LeaseStore,
  limit = 100,
): Promise<{ readonly reclaimed: number; readonly pruned: number }> {
  let reclaimed = 0
  let pruned = 0
  for (let call = 0; call < 1_000; call += 1) {
    const done = await store.maintain({ limit })
    reclaimed += done.reclaimed
    pruned += done.pruned
    if (done.reclaimed === 0 && done.pruned === 0) return { reclaimed, pruned }
  }
  throw new Error('after 1,000 rounds of upkeep the store still finds something to do')
}
