import { spread } from '../statistics.ts'
import { drainQueue, fill, warmUp } from './drain-queue.ts'
import { given, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 300_000

/** Few jobs are drained more than once: a thousand are over within a few milliseconds. */
const JOBS_PER_RUN = 300_000
const MOST_ROUNDS = 50

export const drain: Scenario = {
  name: 'drain',
  summary: 'jobs that wait: from the start of the worker to the last completion stored',
  cases: (sizes) =>
    (sizes.jobs ?? [DEFAULT_JOBS]).map((jobs) => ({
      jobs,
      rounds: Math.min(MOST_ROUNDS, Math.ceil(JOBS_PER_RUN / jobs)),
    })),
  async run(system, settings, stopwatch) {
    const jobs = given(settings, 'jobs')
    await warmUp(system, jobs)
    const elapsed: number[] = []
    const cpu: number[] = []
    for (let round = 0; round < given(settings, 'rounds'); round++) {
      await using queue = await system.open()
      await fill(queue, jobs)
      // What filling the queue left behind is not for the worker to collect.
      globalThis.gc?.()
      const timing = await drainQueue(queue, jobs, stopwatch)
      elapsed.push(timing.elapsedMs)
      cpu.push(timing.cpuMs)
    }
    const elapsedMs = spread(elapsed).median
    return [
      { metric: 'jobsPerSecond', value: (jobs / elapsedMs) * 1000 },
      { metric: 'microsecondsPerJob', value: (elapsedMs * 1000) / jobs },
      { metric: 'cpuMicrosecondsPerJob', value: (spread(cpu).median * 1000) / jobs },
    ]
  },
}
