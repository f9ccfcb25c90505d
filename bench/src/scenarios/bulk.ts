import { costOfEach, measure } from '../measure.ts'
import { payloadBatches } from '../payload.ts'
import type { OpenQueue } from '../systems/system.ts'
import { fill, warmUp } from './drain-queue.ts'
import { casesByJobs, given, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 300_000
const MOST_SECONDS = 20
const BATCH = 1000

/** Jobs that are enqueued in the same way before those that count. */
const WARM_UP_JOBS = 20_000

export const bulk: Scenario = {
  name: 'bulk',
  summary: '1,000 jobs a call, one call after the other; no worker runs',
  cases: (sizes) =>
    casesByJobs(sizes, DEFAULT_JOBS, { seconds: sizes.seconds ?? MOST_SECONDS, batch: BATCH }),
  async run(system, settings, stopwatch) {
    const jobs = given(settings, 'jobs')
    await warmUp(system, jobs)
    await using queue = await system.open()
    await fill(queue, Math.min(WARM_UP_JOBS, jobs))
    await queue.server?.settle()
    // What the warm-up left behind is not to be collected while the watch runs.
    globalThis.gc?.()
    const endsAt = performance.now() + given(settings, 'seconds') * 1000
    let accepted = 0
    const cost = await measure(queue.server, stopwatch, async () => {
      accepted = await enqueueUntil(endsAt, queue, payloadBatches(jobs, given(settings, 'batch')))
    })
    return [
      { metric: 'jobsPerSecond', value: (accepted / cost.elapsedMs) * 1000 },
      { metric: 'microsecondsPerJob', value: (cost.elapsedMs * 1000) / accepted },
      ...costOfEach(accepted, cost),
    ]
  },
}

async function enqueueUntil(
  endsAt: number,
  queue: OpenQueue,
  batches: Iterable<Parameters<OpenQueue['enqueueMany']>[0]>,
): Promise<number> {
  let accepted = 0
  for (const batch of batches) {
    await queue.enqueueMany(batch)
    accepted += batch.length
    if (performance.now() > endsAt) break
  }
  return accepted
}
