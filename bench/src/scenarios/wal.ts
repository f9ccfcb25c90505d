import { costOfEach, measure } from '../measure.ts'
import { drawnTenants } from '../drawn-tenants.ts'
import { fill, Tally, warmUp } from './drain-queue.ts'
import { given, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 300_000
const TENANTS = [1, 100_000]

export const wal: Scenario = {
  name: 'wal',
  summary: 'bytes of write-ahead log of a job from the call that enqueues it to its end',
  suits: ({ server, drains }) => server === 'postgres' && drains,
  cases: (sizes) =>
    TENANTS.flatMap((tenants) => (sizes.jobs ?? [DEFAULT_JOBS]).map((jobs) => ({ jobs, tenants }))),
  async run(system, settings, stopwatch) {
    const jobs = given(settings, 'jobs')
    await warmUp(system, jobs)
    await using queue = await system.open({ tenantOf: drawnTenants(given(settings, 'tenants')) })
    await queue.server?.settle()
    const tally = new Tally(jobs)
    const cost = await measure(queue.server, stopwatch, async () => {
      await fill(queue, jobs)
      await queue.start(tally.count)
      await tally.complete
      await queue.idle()
    })
    tally.check()
    return [
      { metric: 'jobsPerSecond', value: (jobs / cost.elapsedMs) * 1000 },
      ...costOfEach(jobs, cost),
    ]
  },
}
