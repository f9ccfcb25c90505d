import type { JobRef, Lease, Random } from '@cgk/jobs-core'
import { History, type HistoryOptions } from './history.ts'
import type { Job } from './job.ts'
import { Leases } from './leases.ts'
import { QueueState } from './queue-state.ts'
import { WakeUps } from './wake-ups.ts'

/** All that one store keeps, and how to find it. */
export class StoreState {
  readonly queues: Map<string, QueueState> = new Map()
  readonly leases: Leases = new Leases()
  readonly wakeUps: WakeUps = new WakeUps()
  readonly random: Random
  readonly #historyOptions: HistoryOptions

  constructor(random: Random, historyOptions: HistoryOptions) {
    this.random = random
    this.#historyOptions = historyOptions
    new History(historyOptions) // Refuses bad bounds now, and not at the first job.
  }

  /** The queue, made if there is none. */
  queueOf(name: string): QueueState {
    let queue = this.queues.get(name)
    if (queue === undefined) {
      queue = new QueueState(name, new History(this.#historyOptions), this.random, this.wakeUps)
      this.queues.set(name, queue)
    }
    return queue
  }

  find(ref: JobRef): Job | undefined {
    return this.queues.get(ref.queue)?.find(ref.tenantId, ref.id)
  }

  /** The job, if the lease is its current one. */
  findHeld(lease: Lease): Job | undefined {
    const job = this.find(lease)
    return job?.leaseStage === 'held' && job.token === lease.token ? job : undefined
  }

  clear(): void {
    this.queues.clear()
    this.wakeUps.clear()
  }
}
