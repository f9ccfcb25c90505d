import type { ClaimRequest, JobStore, Lease, NewJob, Settlement } from '@cgk/jobs-core'
import { batchesOf, createPayload } from '../payload.ts'
import { warmUp } from './drain-queue.ts'
import { casesByJobs, given, type Measurement, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 300_000
const BATCH = 1000

const CLAIM: ClaimRequest = {
  queue: 'bench',
  slots: BATCH,
  prefetch: 0,
  leaseMs: 60_000,
  worker: 'bench',
  suspects: false,
}

type Call = 'enqueue' | 'claim' | 'settle' | 'settle+claim'

export const store: Scenario = {
  name: 'store',
  summary:
    'the storage port alone: enqueue, claim, settle and settle with claim, 1,000 jobs a call',
  suits: (system) => system.openStore !== undefined,
  cases: (sizes) => casesByJobs(sizes, DEFAULT_JOBS, { batch: BATCH }),
  async run(system, settings, stopwatch) {
    if (system.openStore === undefined) throw new Error(`${system.name} has no storage port`)
    const jobs = createNewJobs(given(settings, 'jobs'))
    await warmUp(system, jobs.length)
    const elapsedMs = new Map<Call, number>()
    for (const countsFor of [undefined, elapsedMs]) {
      await using opened = await system.openStore()
      await stopwatch(() => exercise(opened.store, jobs, countsFor ?? new Map()))
    }
    return [...elapsedMs].map(([call, ms]): Measurement => ({
      metric: 'microsecondsPerJob',
      value: (ms * 1000) / jobs.length,
      settings: { call },
    }))
  },
}

/** Takes the jobs through the store twice: with each call by itself, and with settle and claim as one. */
async function exercise(
  target: JobStore,
  jobs: readonly NewJob[],
  elapsedMs: Map<Call, number>,
): Promise<void> {
  const timed = async <T>(call: Call, work: () => Promise<T>): Promise<T> => {
    const before = performance.now()
    const result = await work()
    elapsedMs.set(call, (elapsedMs.get(call) ?? 0) + performance.now() - before)
    return result
  }
  for (const batch of batchesOf(jobs, BATCH)) await timed('enqueue', () => target.enqueue(batch))
  for (;;) {
    const claimed = await timed('claim', () => target.claim(CLAIM))
    if (claimed.jobs.length === 0) break
    const settlements = claimed.jobs.map(completion)
    await timed('settle', () => target.settle({ settlements }))
  }

  for (const batch of batchesOf(jobs, BATCH)) await target.enqueue(batch)
  let { jobs: held } = await target.claim(CLAIM)
  while (held.length > 0) {
    const settlements = held.map(completion)
    const { claimed } = await timed('settle+claim', () =>
      target.settle({ settlements, claim: CLAIM }),
    )
    held = claimed?.jobs ?? []
  }
}

function completion(lease: Lease): Settlement {
  return { lease, outcome: { type: 'complete', result: null }, followUps: [], discard: false }
}

function createNewJobs(count: number): NewJob[] {
  return Array.from({ length: count }, (_, order) => ({
    queue: 'bench',
    tenantId: null,
    name: 'bench',
    payload: JSON.stringify(createPayload(order)),
    priority: 0,
  }))
}
