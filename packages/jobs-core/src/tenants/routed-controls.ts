import { currentTenant } from '@cgk/core'
import type { DrainOptions } from '../limits/drain.ts'
import type {
  LimitListFilter,
  LimitPage,
  LimitStatus,
  QueueScope,
  StatedLimits,
} from '../limits/limit-options.ts'
import { checkPage } from '../queue/check-page.ts'
import { EACH_TENANT } from '../storage/limits.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'
import { pageThrough } from './routed-bulk.ts'

/**
 * Limits and pauses of a queue over many stores: those of a tenant in its stores, those of the queue and
 * of each tenant in all of them. What the default store says of these holds, and is read there.
 */
export class RoutedControls {
  readonly #routes: QueueRoutes

  constructor(routes: QueueRoutes) {
    this.#routes = routes
  }

  /**
   * The first of the scope's stores first; what it refuses is told to no other.
   *
   * @throws what a store said that could not be told.
   */
  async everywhere(
    scope: QueueScope | undefined,
    tell: (place: QueuePlace) => Promise<void>,
  ): Promise<void> {
    const [first, ...others] = await this.#placesOf(scope)
    await tell(first!)
    const answers = await Promise.allSettled(others.map(tell))
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  }

  async isPaused(scope: QueueScope | undefined): Promise<boolean> {
    const [first] = await this.#placesOf(scope)
    return first!.queue.isPaused(scope)
  }

  async drain(scope: QueueScope | undefined, options: DrainOptions): Promise<void> {
    const places = await this.#placesOf(scope)
    const leased = places.map(() => 0)
    const { onProgress } = options
    await Promise.all(
      places.map(({ queue }, index) =>
        queue.drain(scope, {
          ...options,
          ...(onProgress !== undefined && {
            onProgress: (progress) => {
              leased[index] = progress.leased
              return onProgress({ leased: leased.reduce((sum, count) => sum + count, 0) })
            },
          }),
        }),
      ),
    )
  }

  async limits(scope: QueueScope): Promise<LimitStatus> {
    const states = await Promise.all(
      (await this.#placesOf(scope)).map(({ queue }) => queue.limits(scope)),
    )
    const leased = states.reduce((sum, state) => sum + state.leased, 0)
    return { ...states[0]!, leased }
  }

  async list({ limit, cursor, ...filter }: LimitListFilter): Promise<LimitPage> {
    const page = checkPage({ limit, cursor })
    const places = await this.#routes.placesOfChoice(filter.tenantId)
    const [first] = places
    if (places.length === 1) return first!.queue.listLimits({ ...filter, ...page })
    const listed = await pageThrough(places, page, async (place, request) => {
      const stated = await place.queue.listLimits({ ...filter, ...request })
      const items = place === first ? stated : stated.filter(isOfTenant)
      return { items, nextCursor: stated.nextCursor }
    })
    const limits: StatedLimits[] = listed.items
    const { nextCursor } = listed
    return nextCursor === undefined ? limits : Object.assign(limits, { nextCursor })
  }

  #placesOf(scope: QueueScope | undefined): Promise<readonly QueuePlace[]> {
    // Without a scope the whole queue is meant, also inside of a tenant.
    if (scope === undefined) return this.#routes.all()
    const { tenantId = currentTenant() } = scope ?? {}
    return tenantId === undefined || tenantId === EACH_TENANT
      ? this.#routes.all()
      : this.#routes.placesOf(tenantId)
  }
}

/** Whether a scope is a tenant's: the others are said in every store, and shown once. */
function isOfTenant({ scope: { tenantId } }: StatedLimits): boolean {
  return tenantId != null && tenantId !== EACH_TENANT
}
