import { costOfEach, measure } from '../measure.ts'
import type { OpenQueue } from '../systems/system.ts'
import { fill, warmUp } from './drain-queue.ts'
import { given, type Scenario } from './scenario.ts'

const MEASURED_JOBS = 300_000
const WAITING = [300_000, 10_000_000]

/** The first of those that wait go to warm the worker up, in this very queue. */
const WARM_UP_PART = 0.1

export const backlog: Scenario = {
  name: 'backlog',
  summary:
    'the first 300,000 of 300,000 and of 10,000,000 jobs that wait, by a worker that is warm',
  suits: ({ drains }) => drains,
  cases: (sizes) =>
    (sizes.jobs ?? WAITING).map((waiting) => ({
      waiting,
      jobs: Math.min(MEASURED_JOBS, waiting),
    })),
  async run(system, settings, stopwatch) {
    const jobs = given(settings, 'jobs')
    const warmUpJobs = Math.ceil(jobs * WARM_UP_PART)
    await warmUp(system, jobs)
    await using queue = await system.open()
    await fill(queue, given(settings, 'waiting') + warmUpJobs)
    if (settings.delayed !== undefined) await fillDelayed(queue, settings.delayed)
    await queue.server?.settle()
    // What filling the queue left behind is not for the worker to collect.
    globalThis.gc?.()
    const isOver = Promise.withResolvers<void>()
    let started = 0
    let warmAt = 0
    let overAt = 0
    const cost = await measure(queue.server, stopwatch, async () => {
      await queue.start(() => {
        started += 1
        if (started === warmUpJobs) warmAt = performance.now()
        if (started !== warmUpJobs + jobs) return
        overAt = performance.now()
        isOver.resolve()
      })
      await isOver.promise
    })
    return [
      { metric: 'jobsPerSecond', value: (jobs / (overAt - warmAt)) * 1000 },
      ...costOfEach(warmUpJobs + jobs, cost),
    ]
  },
}

async function fillDelayed({ enqueueDelayed }: OpenQueue, jobs: number): Promise<void> {
  if (enqueueDelayed === undefined) throw new Error('the queue delays no jobs')
  await fill({ enqueueMany: enqueueDelayed }, jobs)
}
