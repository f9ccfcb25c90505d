import { setTimeout as wait } from 'node:timers/promises'
import type { JobStore, NewJob } from '@cgk/jobs-core'
import { newJobs, untilDone } from './jobs.ts'

/** Between two calls: 200 jobs a second at most. */
const PAUSE_MS = 25

/** Enqueues jobs, one call after the other, each repeated until it is answered, until it is stopped. */
export class Producer {
  /** The ids of the jobs that the store said it has. */
  readonly acknowledged: string[] = []
  readonly #running: Promise<void>
  #isStopped = false

  /**
   * @param ms - how long each job takes.
   * @param ids - how their ids begin, if another producer is at work.
   */
  constructor(
    store: JobStore,
    {
      name = 'work',
      ms,
      ids = 'call',
    }: { readonly name?: string; readonly ms: number; readonly ids?: string },
  ) {
    this.#running = this.#run(store, ids, { name, payload: JSON.stringify({ ms }) })
  }

  /** Resolves when the last call was answered. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(store: JobStore, ids: string, job: Pick<NewJob, 'name' | 'payload'>): Promise<void> {
    for (let call = 0; !this.#isStopped; call += 1) {
      const jobs = newJobs(5, `${ids}-${call}`, job)
      await untilDone(() => store.enqueue(jobs))
      this.acknowledged.push(...jobs.map(({ jobId }) => jobId!))
      await wait(PAUSE_MS)
    }
  }
}
