import { batchesOf, createPayloads } from '../payload.ts'
import { type Stopwatch, time, type Timing } from '../stopwatch.ts'
import type { OpenQueue, System } from '../systems/system.ts'

const FILL_BATCH = 1000

/** Jobs that go through a queue of their own before anything counts, so that code is compiled. */
const MOST_WARM_UP_JOBS = 100_000

/** A run of few jobs, as tests make them, is not worth that much. */
const WARM_UP_FACTOR = 100

/** Makes so many jobs wait. */
export async function fill(queue: OpenQueue, jobs: number): Promise<void> {
  for (const batch of batchesOf(createPayloads(jobs), FILL_BATCH)) await queue.enqueueMany(batch)
}

/** Starts the worker of a filled queue and waits until the last completion is stored. */
export async function drainQueue(
  queue: OpenQueue,
  jobs: number,
  stopwatch: Stopwatch,
): Promise<Timing> {
  const allStarted = Promise.withResolvers<void>()
  let started = 0
  return await stopwatch(async () => {
    await queue.start(() => {
      started += 1
      if (started === jobs) allStarted.resolve()
    })
    await allStarted.promise
    await queue.idle()
  })
}

/** Fills and drains a queue that is thrown away, `jobs` being what the run will measure. */
export async function warmUp(system: System, jobs: number): Promise<void> {
  const warmUpJobs = Math.min(MOST_WARM_UP_JOBS, jobs * WARM_UP_FACTOR)
  await using queue = await system.open()
  await fill(queue, warmUpJobs)
  await drainQueue(queue, warmUpJobs, time)
}
