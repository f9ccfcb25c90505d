import { batchesOf, createPayloads, type Payload } from '../payload.ts'
import type { OpenQueue, System } from '../systems/system.ts'
import { warmUp } from './drain-queue.ts'
import { type Case, casesByJobs, given, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 100_000

export const enqueue: Scenario = {
  name: 'enqueue',
  summary: 'one by one, 100 at once, and 1,000 a call; no worker runs',
  cases: (sizes) => [
    ...casesByJobs(sizes, DEFAULT_JOBS, { inFlight: 1 }),
    ...casesByJobs(sizes, DEFAULT_JOBS, { inFlight: 100 }),
    ...casesByJobs(sizes, DEFAULT_JOBS, { inFlight: 1, batch: 1000 }),
  ],
  async run(system, settings, stopwatch) {
    const jobs = given(settings, 'jobs')
    const payloads = createPayloads(jobs)
    await warmUp(system, jobs)
    // Again in the way that is measured: what fills a queue is always `enqueueMany`.
    await enqueueAndClose(system, payloads, settings)
    await using queue = await system.open()
    // What the warm-up left behind is not to be collected while the watch runs.
    globalThis.gc?.()
    const { elapsedMs } = await stopwatch(() => enqueueAll(queue, payloads, settings))
    return [
      { metric: 'jobsPerSecond', value: (jobs / elapsedMs) * 1000 },
      { metric: 'microsecondsPerJob', value: (elapsedMs * 1000) / jobs },
    ]
  },
}

async function enqueueAndClose(
  system: System,
  payloads: readonly Payload[],
  settings: Case,
): Promise<void> {
  await using queue = await system.open()
  await enqueueAll(queue, payloads, settings)
}

async function enqueueAll(
  queue: OpenQueue,
  payloads: readonly Payload[],
  settings: Case,
): Promise<void> {
  if (settings.batch !== undefined) {
    for (const batch of batchesOf(payloads, settings.batch)) await queue.enqueueMany(batch)
    return
  }
  // The producers share one iterator: each takes the next job when its last one is accepted.
  const next = payloads.values()
  const produce = async (): Promise<void> => {
    for (const payload of next) await queue.enqueueOne(payload)
  }
  await Promise.all(Array.from({ length: given(settings, 'inFlight') }, produce))
}
