import { setTimeout } from 'node:timers/promises'
import { Latencies } from '../latencies.ts'
import { costOfEach, measure } from '../measure.ts'
import { createPayload } from '../payload.ts'
import { warmUp } from './drain-queue.ts'
import { casesByJobs, given, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 250
const EVERY_MS = 20

/** The first jobs of an idle worker run code that is not compiled yet; they are not counted. */
const MOST_UNCOUNTED_JOBS = 25

export const latency: Scenario = {
  name: 'latency',
  summary: 'a job every 20 ms on an idle worker: from the enqueue call to the start of the handler',
  suits: ({ enqueuesOnly }) => enqueuesOnly !== true,
  cases: (sizes) => casesByJobs(sizes, DEFAULT_JOBS, { everyMilliseconds: EVERY_MS }),
  async run(system, settings, stopwatch) {
    await warmUp(system, given(settings, 'jobs'))
    await using queue = await system.open()
    const uncounted = Math.min(MOST_UNCOUNTED_JOBS, given(settings, 'jobs'))
    const latencies = new Latencies()
    let onJob = (): void => {}
    await queue.server?.settle()
    await queue.start((payload) => {
      const waitedMs = performance.now() - payload.sentAt
      if (payload.order >= uncounted) latencies.add(waitedMs)
      onJob()
    })
    const jobs = uncounted + given(settings, 'jobs')
    const cost = await measure(queue.server, stopwatch, async () => {
      for (let order = 0; order < jobs; order++) {
        await setTimeout(given(settings, 'everyMilliseconds'))
        const started = Promise.withResolvers<void>()
        onJob = started.resolve
        await Promise.all([
          queue.enqueueOne(createPayload(order, performance.now())),
          started.promise,
        ])
      }
    })
    return [
      { metric: 'p50Milliseconds', value: latencies.percentile(0.5) },
      { metric: 'p99Milliseconds', value: latencies.percentile(0.99) },
      ...costOfEach(jobs, cost),
    ]
  },
}
