import { EnqueueBatcher } from './enqueue-batcher.ts'
import type { JobsLogger, RuntimePorts } from '../runtime/ports.ts'
import type { JobStore, WakeUp } from '../storage/job-store.ts'
import type { ClaimRequest, ClaimResult, Lease, LeaseState } from '../storage/lease.ts'
import { JobEvents } from '../events/queue-events.ts'
import { JobWatcher } from './job-watcher.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { Scheduler } from '../schedule/scheduler.ts'
import { MAINTENANCE_LIMIT, maintenanceLoop } from './maintenance-loop.ts'
import { Reporter } from './reporter.ts'
import { Settler } from './settler.ts'
import { asJobsError, callStore } from './store-calls.ts'
import type { SupervisedLoop } from './supervised-loop.ts'
import { TurnTaker } from './turn-taker.ts'

/** An outcome waits no longer than this for what its attempt reported. */
const REPORT_DEADLINE_MS = 1_000

/**
 * Everything one process does with one store, shared by all its queues and processors: the batchers,
 * the lease keeper, the maintenance loop and the scheduler exist once per store however many queues use it.
 */
export class StoreSession {
  readonly store: JobStore
  readonly turns: TurnTaker
  readonly enqueuer: EnqueueBatcher
  readonly settler: Settler
  readonly reporter: Reporter
  readonly keeper: LeaseKeeper
  readonly events: JobEvents
  readonly scheduler: Scheduler
  readonly watcher: JobWatcher
  readonly #ports: RuntimePorts
  readonly #worker: string
  readonly #maintenance: SupervisedLoop
  readonly #listeners = new Map<string, Set<() => void>>()
  #unsubscribe: (() => void) | null = null
  #processors = 0
  #isOpen: boolean

  constructor(store: JobStore, ports: RuntimePorts, worker: string, logger: JobsLogger) {
    this.store = store
    this.#isOpen = store.open === undefined
    this.#ports = ports
    this.#worker = worker
    this.events = new JobEvents(ports.clock, logger)
    this.watcher = new JobWatcher({
      clock: ports.clock,
      timers: ports.timers,
      logger,
      events: this.events,
      get: (refs) => this.call('get', (options) => store.get(refs, options)),
    })
    this.turns = new TurnTaker(ports.clock, ports.timers)
    this.enqueuer = new EnqueueBatcher(
      (jobs) => this.call('enqueue', (options) => store.enqueue(jobs, options)),
      this.turns,
      ports.timers,
    )
    this.settler = new Settler(
      (settlements, claim) =>
        this.call('settle', (options) =>
          store.settle(claim === undefined ? { settlements } : { settlements, claim }, options),
        ),
      ports.clock,
      ports.timers,
      logger,
    )
    this.reporter = new Reporter(
      (reports) =>
        this.call('report', (options) => store.report(reports, options), REPORT_DEADLINE_MS),
      logger,
    )
    this.keeper = new LeaseKeeper({
      clock: ports.clock,
      timers: ports.timers,
      logger,
      extend: (leases, leaseMs, deadlineMs) => this.extend(leases, leaseMs, deadlineMs),
    })
    this.#maintenance = maintenanceLoop(() => this.maintain(), ports.timers, logger)
    this.scheduler = new Scheduler(this, ports, logger)
  }

  /** A call to the store under the usual deadline, which begins when the store is open. */
  call<T>(
    operation: string,
    call: Parameters<typeof callStore<T>>[3],
    deadlineMs?: number,
  ): Promise<T> {
    const start = (): Promise<T> => callStore(this.#ports, this.store, operation, call, deadlineMs)
    return this.#isOpen ? start() : this.#open().then(start)
  }

  async #open(): Promise<void> {
    try {
      await this.store.open?.()
    } catch (error) {
      throw asJobsError(error, this.store, 'open')
    }
    this.#isOpen = true
  }

  extend(
    leases: readonly Lease[],
    leaseMs: number,
    deadlineMs?: number,
  ): Promise<readonly LeaseState[]> {
    return this.call(
      'extend',
      (options) => this.store.extend({ leases, leaseMs }, options),
      deadlineMs,
    )
  }

  /** Claims, together with the settlements that wait, if there are any. */
  claim(request: Omit<ClaimRequest, 'worker'>): Promise<ClaimResult> {
    const full: ClaimRequest = { ...request, worker: this.#worker }
    return (
      this.settler.settleAndClaim(full) ??
      this.call('claim', (options) => this.store.claim(full, options))
    )
  }

  /** One piece of upkeep; our own leases first, lest a pause of this process cost us them. */
  async maintain(): Promise<{ reclaimed: number; pruned: number; nextInMs: number | null }> {
    await this.keeper.beat()
    return this.call('maintain', (options) =>
      this.store.maintain({ limit: MAINTENANCE_LIMIT }, options),
    )
  }

  /**
   * A processor of `queue` begins: upkeep runs and hints are heard until the returned function is
   * called, which resolves when no upkeep is under way for it.
   */
  attach(queue: string, onReady: () => void): () => Promise<void> {
    let listeners = this.#listeners.get(queue)
    if (listeners === undefined) this.#listeners.set(queue, (listeners = new Set()))
    // First, because it is what a closed store refuses.
    this.#unsubscribe ??=
      this.store.subscribe?.((wakeUp) => {
        this.#heard(wakeUp)
      }) ?? null
    listeners.add(onReady)
    this.#processors += 1
    this.#maintenance.start()
    return () => {
      listeners.delete(onReady)
      this.#processors -= 1
      if (this.#processors === 0) {
        this.#unsubscribe?.()
        this.#unsubscribe = null
      }
      return this.#maintenance.stop()
    }
  }

  #heard({ queue, reason }: WakeUp): void {
    if (reason === 'changed') {
      void this.keeper.beat(queue ?? undefined)
      return
    }
    const heard =
      queue === null ? [...this.#listeners.values()] : [this.#listeners.get(queue) ?? []]
    for (const listeners of heard) for (const listener of listeners) listener()
  }
}
