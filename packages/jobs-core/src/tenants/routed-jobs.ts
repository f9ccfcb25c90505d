import { currentTenant } from '@cgk/core'
import { isJobsError, type JobsErrorCode } from '../errors.ts'
import type { JobAddress } from '../queue/job-address.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'

/** Finds one thing of a tenant: in the tenant's store, then in those where it was before. */
export class RoutedJobs {
  readonly #routes: QueueRoutes
  readonly #notFound: JobsErrorCode

  /** @param notFound - how a store says that it is not there. */
  constructor(routes: QueueRoutes, notFound: JobsErrorCode = 'JOBS_NOT_FOUND') {
    this.#routes = routes
    this.#notFound = notFound
  }

  /** The first answer that is not `null`. */
  async first<T>(
    address: JobAddress,
    ask: (place: QueuePlace) => Promise<T | null>,
  ): Promise<T | null> {
    for (const place of await this.#places(address)) {
      const answer = await ask(place)
      if (answer !== null) return answer
    }
    return null
  }

  /** Acts where it is. @throws what its own store says, where it is in none. */
  async act<T>(address: JobAddress, act: (place: QueuePlace) => Promise<T>): Promise<T> {
    const [own, ...former] = await this.#places(address)
    try {
      return await act(own!)
    } catch (error) {
      if (!isJobsError(error, this.#notFound)) throw error
      for (const place of former) {
        try {
          return await act(place)
        } catch (other) {
          if (!isJobsError(other, this.#notFound)) throw other
        }
      }
      throw error
    }
  }

  /** Where the job is; the place of its tenant where it is nowhere. */
  async placeWith(address: JobAddress): Promise<QueuePlace> {
    const places = await this.#places(address)
    const [own, ...former] = places
    if (former.length === 0) return own!
    for (const place of places) if ((await place.queue.getJob(address)) !== null) return place
    return own!
  }

  #places(address: JobAddress): Promise<readonly QueuePlace[]> {
    const tenantId = typeof address === 'string' ? currentTenant() : address?.tenantId
    return this.#routes.placesOf(tenantId ?? null)
  }
}
