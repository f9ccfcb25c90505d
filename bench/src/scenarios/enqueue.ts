import { costOfEach, measure } from '../measure.ts'
import { createPayload } from '../payload.ts'
import type { OpenQueue, System } from '../systems/system.ts'
import { warmUp } from './drain-queue.ts'
import { type Case, casesByJobs, given, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 100_000
const MOST_SECONDS = 10
const CALLERS = 100

/** Calls before those that count: what filled the queue of the warm-up was `enqueueMany`. */
const WARM_UP_PART = 0.1

export const enqueue: Scenario = {
  name: 'enqueue',
  summary: 'one by one, 100 at once, and 100 at once in transactions of their callers',
  suits: (system, { transaction }) =>
    transaction === undefined || system.joinsTransactions === true,
  cases(sizes) {
    const seconds = sizes.seconds ?? MOST_SECONDS
    return [
      ...casesByJobs(sizes, DEFAULT_JOBS, { seconds, inFlight: 1 }),
      ...casesByJobs(sizes, DEFAULT_JOBS, { seconds, inFlight: CALLERS }),
      ...casesByJobs(sizes, DEFAULT_JOBS, { seconds, inFlight: CALLERS, transaction: 'caller' }),
    ]
  },
  async run(system, settings, stopwatch) {
    await warmUp(system, given(settings, 'jobs'))
    await callAndClose(system, settings)
    await using queue = await system.open()
    await queue.server?.settle()
    // What the warm-up left behind is not to be collected while the watch runs.
    globalThis.gc?.()
    let accepted = 0
    const cost = await measure(queue.server, stopwatch, async () => {
      accepted = await callAll(queue, settings)
    })
    return [
      { metric: 'jobsPerSecond', value: (accepted / cost.elapsedMs) * 1000 },
      { metric: 'microsecondsPerJob', value: (cost.elapsedMs * 1000) / accepted },
      ...costOfEach(accepted, cost),
    ]
  },
}

async function callAndClose(system: System, settings: Case): Promise<void> {
  await using queue = await system.open()
  const seconds = given(settings, 'seconds') * WARM_UP_PART
  await callAll(queue, { ...settings, seconds })
}

/** Enqueues until all are accepted or the time is over, and tells how many were. */
async function callAll(queue: OpenQueue, settings: Case): Promise<number> {
  const enqueueOne = callOf(queue, settings)
  const jobs = given(settings, 'jobs')
  const endsAt = performance.now() + given(settings, 'seconds') * 1000
  // The callers share the orders: each takes the next when its last job is accepted.
  let next = 0
  const call = async (): Promise<void> => {
    while (next < jobs && performance.now() < endsAt) await enqueueOne(createPayload(next++))
  }
  await Promise.all(Array.from({ length: given(settings, 'inFlight') }, call))
  return next
}

function callOf(queue: OpenQueue, { transaction }: Case): OpenQueue['enqueueOne'] {
  if (transaction === undefined) return queue.enqueueOne.bind(queue)
  if (queue.enqueueInTransaction === undefined) throw new Error('the queue joins no transactions')
  return queue.enqueueInTransaction.bind(queue)
}
