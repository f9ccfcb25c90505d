import { JobsError } from '../errors.ts'
import type { Clock, JobsLogger } from '../runtime/ports.ts'
import { EACH_TENANT, type StoredLimits, type TenantStanding } from '../storage/limits.ts'
import { directoryLimits, limitChanges } from './directory-limits.ts'
import { HeldTenants } from './held-tenants.ts'
import { bringLimits } from './operator-limits.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'
import type { Tenant, TenantMap } from './tenant.ts'

const PAGE = 1_000
/** Changes in one call: it must not stand in the way of claims. */
const BATCH = 200

/** What a {@link TenantReconciler} is made of. */
export interface TenantReconcilerParts {
  readonly place: QueuePlace
  readonly routes: QueueRoutes
  readonly clock: Clock
  readonly logger: JobsLogger
}

/** What was last brought into the store. */
interface Settled {
  readonly tenants: TenantMap
  readonly guests: string
}

/**
 * Brings what the directory says into one store of one queue, where it holds for every worker: weight,
 * limits and status of each tenant that lives there or has jobs there from before; and that all others
 * are held. Only differences are written.
 */
export class TenantReconciler {
  readonly #parts: TenantReconcilerParts
  readonly #held: HeldTenants
  /** `null`: what the store says of it must be read anew. */
  #settled: Settled | null = null

  constructor(parts: TenantReconcilerParts) {
    const { place, clock, logger } = parts
    this.#parts = parts
    this.#held = new HeldTenants(clock, logger, { queue: place.queue.name, store: place.label })
  }

  /** Once this resolves, the store says what the directory did at the beginning. */
  async round(): Promise<void> {
    const { place, routes } = this.#parts
    const { stores } = routes
    checkCapable(place)
    const settled = this.#settled
    // Whatever goes wrong: the store may come back without what it was told.
    this.#settled = null
    const tenants = await stores.directory.ready()
    const { guests, unknown } = await this.#look(tenants)
    this.#held.report(unknown)
    const now: Settled = { tenants, guests: guests.join() }
    if (settled?.tenants !== tenants || settled.guests !== now.guests || !(await this.#isKept())) {
      const here = new Set(guests)
      for (const id of tenants.keys()) if (stores.isIn(id, place.store)) here.add(id)
      await this.#write([...here].map((id) => tenants.get(id)!))
    }
    this.#settled = now
  }

  /** Whose jobs are here that live elsewhere, and whose that live nowhere. */
  async #look(tenants: TenantMap): Promise<{ guests: string[]; unknown: TenantStanding[] }> {
    const { place, routes } = this.#parts
    const { queue, store, parts } = place
    const guests: string[] = []
    const unknown: TenantStanding[] = []
    let cursor: string | null | undefined
    while (cursor !== null) {
      const request = {
        queue: queue.name,
        limit: PAGE,
        ...(cursor !== undefined && { cursor }),
      }
      const page = await parts.session.call('listTenants', (call) =>
        store.listTenants(request, call),
      )
      for (const standing of page.tenants) {
        const { tenantId } = standing
        if (tenantId === null) continue
        if (!tenants.has(tenantId)) unknown.push(standing)
        else if (!routes.stores.isIn(tenantId, store)) guests.push(tenantId)
      }
      cursor = page.nextCursor
    }
    return { guests, unknown }
  }

  /** Whether the store still holds unknown tenants: one that was emptied does not. */
  async #isKept(): Promise<boolean> {
    const { queue, store, parts } = this.#parts.place
    const scopes = [{ queue: queue.name, tenantId: EACH_TENANT }]
    const [said] = await parts.session.call('getLimits', (call) => store.getLimits(scopes, call))
    return said?.directory.paused === true
  }

  async #write(tenants: readonly Tenant[]): Promise<void> {
    const { queue, store, parts } = this.#parts.place
    const { session } = parts
    const stored = await this.#stored()
    await this.#bringAlong(tenants, stored)
    const changes = limitChanges('directory', directoryLimits(queue.name, tenants), stored)
    for (let from = 0; from < changes.length; from += BATCH) {
      if (session.turns.isOver()) await session.turns.next()
      const batch = changes.slice(from, from + BATCH)
      await session.call('setLimits', (call) => store.setLimits(batch, call))
    }
  }

  /**
   * What an operator said about a tenant comes along when it moves, before a job of it starts here: until
   * the directory has said something about it, it is held.
   */
  async #bringAlong(tenants: readonly Tenant[], stored: readonly StoredLimits[]): Promise<void> {
    const { place, routes, logger } = this.#parts
    const { stores } = routes
    const known = new Set<string | null | undefined>()
    for (const { scope, directory } of stored) {
      if (directory.paused !== undefined) known.add(scope.tenantId)
    }
    for (const { id } of tenants) {
      if (known.has(id) || !stores.isIn(id, place.store)) continue
      for (const former of stores.placesOf(id).slice(1)) {
        try {
          await bringLimits(routes.at(stores.get(former)), place, id)
        } catch (error) {
          // A store that is gone for good must not keep the tenant from the one that it was moved to.
          logger.warn('what operators said about a tenant did not move along with it', {
            queue: place.queue.name,
            tenantId: id,
            from: stores.labelOf(former),
            to: place.label,
            error,
          })
        }
      }
    }
  }

  async #stored(): Promise<StoredLimits[]> {
    const { queue, store, parts } = this.#parts.place
    const stored: StoredLimits[] = []
    let cursor: string | null | undefined
    while (cursor !== null) {
      const request = { queue: queue.name, limit: PAGE, ...(cursor !== undefined && { cursor }) }
      const page = await parts.session.call('listLimits', (call) => store.listLimits(request, call))
      stored.push(...page.limits)
      cursor = page.nextCursor
    }
    return stored
  }
}

function checkCapable({ label, store }: QueuePlace): void {
  if (store.capabilities.limits) return
  throw new JobsError(
    'JOBS_UNSUPPORTED',
    `store ${label} (${store.name}) keeps no limits, so it cannot be told whom to hold; use a store with the capability limits`,
  )
}
