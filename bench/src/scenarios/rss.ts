import { setTimeout } from 'node:timers/promises'
import { payloadBatches } from '../payload.ts'
import { warmUp } from './drain-queue.ts'
import { casesByJobs, given, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 100_000
const BATCH = 1000

/** Few: the process would keep memory from many, in which the counted jobs would then fit. */
const WARM_UP_FOR_JOBS = 10

export const rss: Scenario = {
  name: 'rss',
  summary: 'memory that one waiting small job holds',
  // What waits on a server is not in the process.
  suits: ({ server }) => server === undefined,
  cases: (sizes) => casesByJobs(sizes, DEFAULT_JOBS),
  async run(system, settings, stopwatch) {
    const jobs = given(settings, 'jobs')
    await warmUp(system, WARM_UP_FOR_JOBS)
    await using queue = await system.open()
    const before = await usedMemory()
    await stopwatch(async () => {
      for (const batch of payloadBatches(jobs, BATCH)) await queue.enqueueMany(batch)
    })
    const after = await usedMemory()
    return [
      { metric: 'bytesPerJob', value: (after.heap - before.heap) / jobs },
      { metric: 'residentBytesPerJob', value: (after.resident - before.resident) / jobs },
    ]
  },
}

/** What is still reachable, once collected: the heap, and buffers outside of it. */
async function usedMemory(): Promise<{ readonly heap: number; readonly resident: number }> {
  if (globalThis.gc === undefined) throw new Error('run Node.js with --expose-gc')
  // Twice with a turn between: what finalizers let go of is free only after the next collection.
  globalThis.gc()
  await setTimeout(10)
  globalThis.gc()
  const { heapUsed, external, rss: resident } = process.memoryUsage()
  return { heap: heapUsed + external, resident }
}
