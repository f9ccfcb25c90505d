import { type Cost, measure } from '../measure.ts'
import { payloadBatches } from '../payload.ts'
import { type Stopwatch, time } from '../stopwatch.ts'
import type { OpenQueue, System } from '../systems/system.ts'

const FILL_BATCH = 1000
const FILL_CALLS = 4

/** A run of few jobs, as tests make them, is not worth much of a warm-up. */
const WARM_UP_FACTOR = 100

/** Makes so many jobs wait. */
export async function fill(queue: Pick<OpenQueue, 'enqueueMany'>, jobs: number): Promise<void> {
  const batches = payloadBatches(jobs, FILL_BATCH)
  const enqueue = async (): Promise<void> => {
    for (const batch of batches) await queue.enqueueMany(batch)
  }
  await Promise.all(Array.from({ length: FILL_CALLS }, enqueue))
}

/** Starts the worker of a filled queue and waits until the last completion is stored. */
export async function drainQueue(
  queue: OpenQueue,
  jobs: number,
  stopwatch: Stopwatch,
): Promise<Cost> {
  const tally = new Tally(jobs)
  const cost = await measure(queue.server, stopwatch, async () => {
    await queue.start(tally.count)
    await tally.complete
    await queue.idle()
  })
  tally.check()
  return cost
}

/** Fills and drains a queue that is thrown away, `jobs` being what the run will measure. */
export async function warmUp(system: System, jobs: number): Promise<void> {
  const warmUpJobs = Math.min(system.warmUpJobs, jobs * WARM_UP_FACTOR)
  await using queue = await system.open()
  await fill(queue, warmUpJobs)
  // Compiled is what runs where the server knows its tables, as in what is measured.
  await queue.server?.settle()
  if (system.drains) await drainQueue(queue, warmUpJobs, time)
}

/** Counts handlers that began, each job once. */
export class Tally {
  readonly #jobs: number
  readonly #complete = Promise.withResolvers<void>()
  #started = 0
  #orders = 0

  constructor(jobs: number) {
    this.#jobs = jobs
  }

  /** Resolves when as many handlers have begun as there are jobs. */
  get complete(): Promise<void> {
    return this.#complete.promise
  }

  readonly count = ({ order }: { readonly order: number }): void => {
    this.#orders += order
    if (++this.#started === this.#jobs) this.#complete.resolve()
  }

  /** @throws Error unless the handlers that began are those of the jobs 0, 1, 2, …, each once. */
  check(): void {
    const orders = (this.#jobs * (this.#jobs - 1)) / 2
    if (this.#started === this.#jobs && this.#orders === orders) return
    throw new Error(`${this.#started} handlers began for ${this.#jobs} jobs, or not for each one`)
  }
}
