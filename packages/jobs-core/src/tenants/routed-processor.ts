import { JobsError } from '../errors.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import { checkMiddleware } from '../middleware/check-middleware.ts'
import type { HandlerMiddleware } from '../middleware/handler-middleware.ts'
import type { HandlerRegistry } from '../processor/handler-registry.ts'
import type { JobHandler } from '../processor/job-handler.ts'
import type { JobProcessor, ProcessorStatus, StoreStatus } from '../processor/job-processor.ts'
import { SlotPool } from '../processor/slot-pool.ts'
import type { Slots } from '../processor/slots.ts'
import type { JobsLogger, RuntimePorts } from '../runtime/ports.ts'
import { RetryPause } from '../worker/retry-pause.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'
import { ServedStore } from './served-store.ts'

/** What a {@link RoutedProcessor} is made of. */
export interface RoutedProcessorConfig {
  readonly routes: QueueRoutes
  readonly ports: RuntimePorts
  readonly logger: JobsLogger
  readonly maxConcurrency: number
  readonly handlers: HandlerRegistry
  /** Makes the processor of the queue in one store. */
  readonly processorFor: (place: QueuePlace, slots: Slots) => JobProcessor
}

/** Runs the jobs of a queue in all the stores that the directory's tenants need, as it changes. */
export class RoutedProcessor implements JobProcessor {
  readonly #config: RoutedProcessorConfig
  readonly #pool: SlotPool
  readonly #pause: RetryPause
  /** By name or URL. */
  readonly #served = new Map<string, ServedStore>()
  #middleware: readonly HandlerMiddleware[] = []
  #state: ProcessorStatus['state'] = 'idle'
  #unsubscribe: () => void = () => {}
  #stopped: Promise<void> | null = null

  constructor(config: RoutedProcessorConfig) {
    this.#config = config
    this.#pool = new SlotPool(config.maxConcurrency, config.ports)
    this.#pause = new RetryPause(config.ports.timers)
  }

  registerHandler(name: string, handler: JobHandler<never, unknown>): void {
    this.#config.handlers.addHandler(name, handler)
  }

  registerJob(definition: AnyJobDefinition): void {
    this.#config.handlers.addDefinition(definition)
  }

  use(middleware: HandlerMiddleware): void {
    checkMiddleware(middleware)
    this.#middleware = [...this.#middleware, middleware]
    for (const { processor } of this.#served.values()) processor?.use(middleware)
  }

  start(): void {
    if (this.#state === 'running') return
    const { routes } = this.#config
    if (this.#state !== 'idle') {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        `the processor of queue ${routes.basis.name} was stopped; make a new one`,
      )
    }
    this.#state = 'running'
    this.#unsubscribe = routes.stores.directory.subscribe(() => {
      this.#follow()
    })
    void this.#begin()
  }

  stop(options: { readonly gracePeriod?: number } = {}): Promise<void> {
    if (this.#stopped === null) {
      this.#state = 'stopping'
      this.#unsubscribe()
      this.#pause.cancel()
    }
    const stopping = Promise.all([...this.#served.values()].map((served) => served.stop(options)))
    this.#stopped ??= stopping.then(() => {
      this.#state = 'stopped'
    })
    return this.#stopped
  }

  status(): ProcessorStatus {
    const { stores: tenantStores } = this.#config.routes
    const stores: Record<string, StoreStatus> = {}
    let [running, prefetched] = [0, 0]
    let lastClaimAgoMs: number | null = null
    for (const [ref, { status }] of this.#served) {
      stores[tenantStores.labelOf(ref)] = status
      running += status.running
      prefetched += status.prefetched
      const ago = status.lastClaimAgoMs
      if (ago !== null) lastClaimAgoMs = Math.min(ago, lastClaimAgoMs ?? Infinity)
    }
    return { state: this.#state, running, prefetched, lastClaimAgoMs, stores }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #begin(): Promise<void> {
    const { routes, logger } = this.#config
    const { stores } = routes
    try {
      await stores.directory.ready()
    } catch (error) {
      const queue = routes.basis.name
      logger.warn('no job can start until the tenants are known', { queue, error })
      if (this.#state === 'running') this.#pause.before(() => void this.#begin())
      return
    }
    // Also those that nobody needs: there may be jobs from before.
    for (const ref of stores.names) this.#serve(ref)
    this.#follow()
  }

  #follow(): void {
    for (const served of this.#served.values()) served.directoryChanged()
    for (const ref of this.#config.routes.stores.needed()) this.#serve(ref)
  }

  #serve(ref: string): void {
    if (this.#state !== 'running' || this.#served.has(ref)) return
    const { routes, ports, logger, processorFor } = this.#config
    const served = new ServedStore({
      ref,
      routes,
      ports,
      logger,
      pool: this.#pool,
      processorFor: (place, slots) => {
        const processor = processorFor(place, slots)
        for (const middleware of this.#middleware) processor.use(middleware)
        return processor
      },
      left: () => {
        this.#served.delete(ref)
      },
    })
    this.#served.set(ref, served)
    served.start()
  }
}
