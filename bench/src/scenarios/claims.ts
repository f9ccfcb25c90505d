import {
  complete,
  type ClaimRequest,
  type JobStore,
  type LimitChange,
  type NewJob,
} from '@cgk/jobs-core'
import { createPayload } from '../payload.ts'
import { given, type Case, type Measurement, type Scenario } from './scenario.ts'

const QUEUE = 'bench'
const DEFAULT_JOBS = 1_000_000
const TENANTS = [1, 1_000, 100_000]
const MOST_BLOCKED = 0.99
/** Jobs a call while the queue is filled and emptied. */
const BATCH = 10_000
/** Jobs a claim, of those that are timed. */
const SLOTS = [1, 10, 100, 1_000]
/**
 * Jobs claimed for each of {@link SLOTS}, once to warm up and once to be timed. While it warms up every
 * tenant has its first turn: the jobs of these turns lie in memory in the order of the turns, those of
 * later ones do not.
 */
const MOST_TIMED = TENANTS.at(-1)! / SLOTS.length

export const claims: Scenario = {
  name: 'claims',
  summary: 'claims by size at 1 to 100,000 tenants, and with 99 % of them at their limit',
  suits: (system) => system.openStore !== undefined,
  cases(sizes) {
    const jobs = sizes.jobs?.[0] ?? DEFAULT_JOBS
    const counts = TENANTS.filter((count) => count <= jobs)
    const most = counts.at(-1)!
    const blockedTenants = Math.floor(most * MOST_BLOCKED)
    return [
      ...counts.map((count) => ({ jobs, tenants: count })),
      ...(blockedTenants > 0 ? [{ jobs, tenants: most, blockedTenants }] : []),
    ]
  },
  async run(system, settings, stopwatch) {
    if (system.openStore === undefined) throw new Error(`${system.name} has no storage port`)
    await using opened = await system.openStore()
    const { store } = opened
    await fill(store, settings)
    // What filling left behind is not for the claims to collect.
    globalThis.gc?.()
    const measurements: Measurement[] = []
    const most = Math.min(MOST_TIMED, given(settings, 'jobs'))
    const sizes = SLOTS.filter((slots) => slots <= most)
    for (const slots of sizes) await timeClaims(store, slots, most)

    for (const slots of sizes) {
      let value = 0
      await stopwatch(async () => {
        value = await timeClaims(store, slots, most)
      })
      measurements.push({ metric: 'microsecondsPerJob', value, settings: { slots } })
    }
    return measurements
  },
}

/** Lets jobs of many tenants wait in an order drawn by lot, and brings some of these to their limit. */
async function fill(store: JobStore, settings: Case): Promise<void> {
  const jobs = given(settings, 'jobs')
  const count = given(settings, 'tenants')
  const { blockedTenants = 0 } = settings
  const random = drawing()
  // Each has at least one.
  const tenantOf = (order: number): number => (order < count ? order : Math.floor(random() * count))
  for (let from = 0; from < jobs; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, jobs - from) }, (_, index) =>
      newJob(`tenant-${tenantOf(from + index)}`, from + index),
    )
    await store.enqueue(batch)
  }
  if (blockedTenants === 0) return
  const changes = Array.from({ length: blockedTenants }, (_, index): LimitChange => ({
    scope: { queue: QUEUE, tenantId: `tenant-${index}` },
    source: 'operator',
    limits: { concurrency: 1 },
  }))
  await store.setLimits(changes)
  const blocked = new Set(changes.map(({ scope }) => scope.tenantId))
  // In the first round of turns each tenant has one.
  for (let claimed = 0; claimed < count; claimed += BATCH) {
    const { jobs: held } = await store.claim(claimOf(Math.min(BATCH, count - claimed)))
    const others = held.filter(({ tenantId }) => !blocked.has(tenantId))
    await store.settle({ settlements: others.map((lease) => complete(lease)) })
  }
}

/** Microseconds of a claim for each job that it gives. */
async function timeClaims(store: JobStore, slots: number, most: number): Promise<number> {
  let claimed = 0
  let elapsedMs = 0
  while (claimed < most) {
    const before = performance.now()
    const { jobs } = await store.claim(claimOf(slots))
    elapsedMs += performance.now() - before
    if (jobs.length === 0)
      throw new Error(`after ${claimed} of ${most} jobs nothing could be claimed`)
    claimed += jobs.length
    await store.settle({ settlements: jobs.map((lease) => complete(lease)) })
    // As many wait as before, of the same tenants.
    await store.enqueue(jobs.map(({ tenantId }) => newJob(tenantId, claimed)))
  }
  return (elapsedMs * 1000) / claimed
}

function newJob(tenantId: string | null, order: number): NewJob {
  const payload = JSON.stringify(createPayload(order))
  return { queue: QUEUE, tenantId, name: 'bench', payload, priority: 0 }
}

function claimOf(slots: number): ClaimRequest {
  return {
    queue: QUEUE,
    slots,
    prefetch: 0,
    leaseMs: 600_000,
    worker: 'bench',
    suspects: false,
  }
}

/** The same numbers from 0 to below 1 in every run: a linear congruential generator (Numerical Recipes). */
function drawing(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
