import { JobsError } from '../errors.ts'
import type { JobSink } from '../storage/job-store.ts'
import type { EnqueueResult, NewJob } from '../storage/new-job.ts'
import type { QueueRoutes } from './queue-routes.ts'

/** A sink that stands for the default store, and takes no job that the directory places in another. */
export class DefaultStoreSink implements JobSink {
  readonly #routes: QueueRoutes
  readonly #sink: JobSink

  constructor(routes: QueueRoutes, sink: JobSink) {
    this.#routes = routes
    this.#sink = sink
  }

  async enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueResult[]> {
    const { stores } = this.#routes
    const { store } = stores.get(stores.defaultRef)
    for (const tenantId of new Set(jobs.map((job) => job.tenantId))) {
      const place = await this.#routes.placeOf(tenantId)
      if (place.store === store) continue
      throw new JobsError(
        'JOBS_UNSUPPORTED',
        `jobs of tenant ${tenantId} live in store ${place.label}, and no transaction of the default store's database reaches it`,
      )
    }
    return this.#sink.enqueue(jobs)
  }
}
