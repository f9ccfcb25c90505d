import { costOfEach } from '../measure.ts'
import { drawnTenants } from '../drawn-tenants.ts'
import { drainQueue, fill, warmUp } from './drain-queue.ts'
import { casesByJobs, given, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 1_000_000
const TENANTS = [100, 100_000]

export const tenants: Scenario = {
  name: 'tenants',
  summary: 'a drain of jobs whose tenants were drawn by lot, of 100 and of 100,000',
  suits: ({ drains }) => drains,
  cases: (sizes) =>
    TENANTS.flatMap((count) => casesByJobs(sizes, DEFAULT_JOBS, { tenants: count })),
  async run(system, settings, stopwatch) {
    const jobs = given(settings, 'jobs')
    await warmUp(system, jobs)
    await using queue = await system.open({ tenantOf: drawnTenants(given(settings, 'tenants')) })
    await fill(queue, jobs)
    await queue.server?.settle()
    // What filling the queue left behind is not for the worker to collect.
    globalThis.gc?.()
    const cost = await drainQueue(queue, jobs, stopwatch)
    return [
      { metric: 'jobsPerSecond', value: (jobs / cost.elapsedMs) * 1000 },
      ...costOfEach(jobs, cost),
    ]
  },
}
