import { currentTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import type { JobRequest } from '../job/job-request.ts'
import type { Job } from '../job/job.ts'
import { describe } from '../job/names.ts'
import type { EnqueueChain } from '../middleware/enqueue-middleware.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'

/** Takes jobs into the stores of their tenants: through the middleware, which may say whose they are. */
export class RoutedEnqueuer {
  readonly #routes: QueueRoutes
  readonly #middleware: EnqueueChain

  constructor(routes: QueueRoutes, middleware: EnqueueChain) {
    this.#routes = routes
    this.#middleware = middleware
  }

  one(request: JobRequest): Promise<Job<unknown>> {
    return this.#middleware.active ? this.#passOne(request) : this.#storeOne(request)
  }

  many(requests: readonly JobRequest[]): Promise<Job<unknown>[]> {
    const store = (jobs: readonly JobRequest[]): Promise<Job<unknown>[]> => this.#storeMany(jobs)
    return this.#middleware.active ? this.#middleware.run(requests, store) : store(requests)
  }

  async #passOne(request: JobRequest): Promise<Job<unknown>> {
    const [job] = await this.#middleware.run([request], async ([changed]) => [
      await this.#storeOne(changed!),
    ])
    return job!
  }

  async #storeOne(request: JobRequest): Promise<Job<unknown>> {
    const place = this.#routes.placeOf(tenantOf(request))
    // Without waiting where that is possible: the caller may change the payload meanwhile.
    const { queue } = place instanceof Promise ? await place : place
    return queue.enqueue(request.job, request.payload, request.options)
  }

  async #storeMany(requests: readonly JobRequest[]): Promise<Job<unknown>[]> {
    if (!this.#routes.isReady) await this.#routes.ready()
    const { stores } = this.#routes
    const first = requests.length === 0 ? null : tenantOf(requests[0]!)
    const ref = stores.refOf(first)
    for (const [index, request] of requests.entries()) {
      const tenantId = tenantOf(request)
      if (tenantId === first || stores.refOf(tenantId) === ref) continue
      throw new JobsError(
        'JOBS_INVALID_OPTION',
        `job 0 of the batch (${whose(first)}) and job ${index} (${whose(tenantId)}) live in different stores, and no call can store jobs in both or in neither; enqueue them by calls of their own`,
      )
    }
    const place: QueuePlace = this.#routes.at(stores.get(ref))
    return place.queue.enqueueMany(requests)
  }
}

// What is no id at all the queue of the default store refuses.
function tenantOf(request: JobRequest | null | undefined): string | null {
  return request?.options?.tenantId ?? currentTenant() ?? null
}

function whose(tenantId: string | null): string {
  return tenantId === null ? 'no tenant' : `tenant ${describe(tenantId)}`
}
