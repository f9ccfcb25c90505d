import type { Cost } from '../measure.ts'
import { costOfEach } from '../measure.ts'
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
  suits: ({ drains }) => drains,
  cases: (sizes) =>
    (sizes.jobs ?? [DEFAULT_JOBS]).map((jobs) => ({
      jobs,
      rounds: Math.min(MOST_ROUNDS, Math.ceil(JOBS_PER_RUN / jobs)),
    })),
  async run(system, settings, stopwatch) {
    const jobs = given(settings, 'jobs')
    await warmUp(system, jobs)
    const rounds: Cost[] = []
    for (let round = 0; round < given(settings, 'rounds'); round++) {
      await using queue = await system.open()
      await fill(queue, jobs)
      await queue.server?.settle()
      // What filling the queue left behind is not for the worker to collect.
      globalThis.gc?.()
      rounds.push(await drainQueue(queue, jobs, stopwatch))
    }
    const elapsedMs = medianOf(rounds, ({ elapsedMs }) => elapsedMs) ?? Number.NaN
    const serverCpuMs = medianOf(rounds, (cost) => cost.serverCpuMs)
    const walBytes = medianOf(rounds, (cost) => cost.walBytes)
    return [
      { metric: 'jobsPerSecond', value: (jobs / elapsedMs) * 1000 },
      { metric: 'microsecondsPerJob', value: (elapsedMs * 1000) / jobs },
      ...costOfEach(jobs, {
        cpuMs: medianOf(rounds, ({ cpuMs }) => cpuMs) ?? Number.NaN,
        ...(serverCpuMs !== undefined && { serverCpuMs }),
        ...(walBytes !== undefined && { walBytes }),
      }),
    ]
  },
}

function medianOf(
  rounds: readonly Cost[],
  valueOf: (cost: Cost) => number | undefined,
): number | undefined {
  const values = rounds.map(valueOf).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : spread(values).median
}
