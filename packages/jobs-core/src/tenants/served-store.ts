import type { JobProcessor, StoreStatus } from '../processor/job-processor.ts'
import type { PooledSlots, SlotPool } from '../processor/slot-pool.ts'
import type { Slots } from '../processor/slots.ts'
import type { JobsLogger, RuntimePorts } from '../runtime/ports.ts'
import { SupervisedLoop } from '../worker/supervised-loop.ts'
import { followDefault } from './follow-default.ts'
import { moveSchedules } from './move-schedules.ts'
import { followLimits } from './operator-limits.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'
import { TenantReconciler } from './tenant-reconciler.ts'
import type { TenantMap } from './tenant.ts'

/** How often to look for jobs of tenants that the directory does not know, or that live elsewhere. */
const LOOK_MS = 15_000

/** What a {@link ServedStore} is made of. */
export interface ServedStoreParts {
  readonly ref: string
  readonly routes: QueueRoutes
  readonly pool: SlotPool
  readonly ports: RuntimePorts
  readonly logger: JobsLogger
  /** Makes the processor of the queue in one store. */
  readonly processorFor: (place: QueuePlace, slots: Slots) => JobProcessor
  /** The store is needed no more, and is closed if it was opened for tenants. */
  readonly left: (place: QueuePlace) => void
}

const IDLE: StoreStatus = { state: 'idle', running: 0, prefetched: 0, lastClaimAgoMs: null }

/**
 * One of the stores that a queue is processed in. Its jobs start once it has been told what the directory
 * says, so that none starts that is to be held. When no tenant needs it, it is left as soon as it has no
 * job that could run. Whatever happens to it happens to no other.
 */
export class ServedStore {
  readonly #parts: ServedStoreParts
  readonly #slots: PooledSlots
  readonly #telling: SupervisedLoop
  readonly #following: SupervisedLoop
  #place: QueuePlace | null = null
  #reconciler: TenantReconciler | null = null
  #processor: JobProcessor | null = null
  #stopped: Promise<void> | null = null
  /** The tenants for which no schedule is left here that belongs elsewhere. */
  #movedFor: TenantMap | null = null

  constructor(parts: ServedStoreParts) {
    const { ref, routes, ports, logger, pool } = parts
    this.#parts = parts
    this.#slots = pool.join()
    const where = `of queue ${routes.basis.name}, store ${routes.stores.labelOf(ref)},`
    this.#telling = new SupervisedLoop(
      { name: `telling the directory's tenants ${where}`, round: () => this.#tell() },
      ports.timers,
      logger,
    )
    this.#following = new SupervisedLoop(
      { name: `keeping the schedules ${where}`, round: () => this.#follow() },
      ports.timers,
      logger,
    )
  }

  get status(): StoreStatus {
    return this.#processor?.status() ?? IDLE
  }

  /** The processor, once there is one. */
  get processor(): JobProcessor | null {
    return this.#processor
  }

  start(): void {
    this.#telling.start()
  }

  /** The directory has changed. */
  directoryChanged(): void {
    this.#telling.hasten()
    if (this.#processor !== null) this.#following.hasten()
  }

  /** As `JobProcessor.stop`; a further call may hasten it. */
  async stop(options: { readonly gracePeriod?: number } = {}): Promise<void> {
    if (this.#stopped === null) {
      void this.#telling.stop()
      if (this.#processor !== null) void this.#following.stop()
    }
    const stopping = this.#processor?.stop(options)
    this.#stopped ??= this.#end(stopping)
    await this.#stopped
  }

  async #end(stopping: Promise<void> | undefined): Promise<void> {
    await stopping
    const { pool } = this.#parts
    pool.leave(this.#slots)
  }

  async #tell(): Promise<number> {
    const place = this.#open()
    await this.#reconciler!.round()
    if (!this.#isNeeded && (await this.#isEmpty(place))) {
      // Unless it was stopped, or came to be needed, meanwhile.
      if (this.#stopped === null && !this.#isNeeded) await this.#leave(place)
    } else if (this.#processor === null) {
      await this.#process(place)
    }
    return LOOK_MS
  }

  #open(): QueuePlace {
    if (this.#place !== null) return this.#place
    const { ref, routes, ports, logger } = this.#parts
    const { stores } = routes
    const place = routes.at(stores.acquire(ref))
    this.#reconciler = new TenantReconciler({ place, routes, clock: ports.clock, logger })
    this.#place = place
    return place
  }

  async #process(place: QueuePlace): Promise<void> {
    // Unless the default store does not say: no other waits for it.
    await this.#followLimits(place).catch(() => {})
    if (this.#stopped !== null) return
    this.#processor = this.#parts.processorFor(place, this.#slots)
    this.#processor.start()
    this.#following.start()
  }

  async #follow(): Promise<number> {
    const { routes } = this.#parts
    const { stores } = routes
    const place = this.#place!
    const tenants = stores.directory.current()
    if (this.#movedFor !== tenants) {
      await moveSchedules(place, (tenantId) =>
        tenants?.has(tenantId) === true ? routes.at(stores.get(stores.refOf(tenantId))) : null,
      )
      this.#movedFor = tenants
    }
    await followDefault(this.#default, place)
    return LOOK_MS
  }

  async #followLimits(place: QueuePlace): Promise<void> {
    await followLimits(this.#default, place)
  }

  get #default(): QueuePlace {
    const { routes } = this.#parts
    return routes.at(routes.stores.get(routes.stores.defaultRef))
  }

  get #isNeeded(): boolean {
    const { ref, routes } = this.#parts
    return routes.stores.needed().has(ref)
  }

  async #isEmpty({ parts: { name: queue, session }, store }: QueuePlace): Promise<boolean> {
    const { pending, scheduled, retrying, running } = await session.call('counts', (call) =>
      store.counts({ queue }, call),
    )
    return pending + scheduled + retrying + running === 0
  }

  async #leave(place: QueuePlace): Promise<void> {
    const { ref, routes, left } = this.#parts
    left(place)
    await this.stop()
    if (await routes.stores.release(ref)) routes.forget(place.store)
  }
}
