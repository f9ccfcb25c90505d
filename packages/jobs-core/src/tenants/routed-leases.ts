import { checkInteger } from '../job/check-job-options.ts'
import type { Job } from '../job/job.ts'
import type { JobAddress } from '../queue/job-address.ts'
import type { DequeueOptions } from '../queue/job-queue.ts'
import { leaseLost } from '../queue/manual-leases.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'

const LARGEST_TAKE = 1_000

/** Takes jobs by hand from the stores in turn, and ends each where it was taken. */
export class RoutedLeases {
  readonly #routes: QueueRoutes
  #turn = 0

  constructor(routes: QueueRoutes) {
    this.#routes = routes
  }

  /** A store that fails keeps nothing from the others; where none has a job, its error is the answer. */
  async take(limit: number, options: DequeueOptions): Promise<Job<unknown>[]> {
    checkInteger('limit', limit, 1, LARGEST_TAKE)
    const places = await this.#routes.all()
    const first = this.#turn++ % places.length
    const taken: Job<unknown>[] = []
    let trouble: { readonly error: unknown } | null = null
    for (const { queue } of [...places.slice(first), ...places.slice(0, first)]) {
      if (taken.length === limit) break
      try {
        taken.push(...(await queue.dequeue(limit - taken.length, options)))
      } catch (error) {
        trouble ??= { error }
      }
    }
    if (taken.length === 0 && trouble !== null) throw trouble.error
    return taken
  }

  async end(job: JobAddress, outcome: 'completed' | 'failed', error?: Error): Promise<void> {
    const holders = this.#holdersOf(job)
    if (holders.length > 1) {
      const id = typeof job === 'string' ? job : job.id
      throw leaseLost(id, 'tenants in several stores have a job of this id; pass the job itself')
    }
    const [holder = this.#routes.at(this.#defaultStore)] = holders
    await holder.queue.acknowledge(job, outcome, error)
  }

  get #defaultStore() {
    const { stores } = this.#routes
    return stores.get(stores.defaultRef)
  }

  #holdersOf(job: JobAddress): QueuePlace[] {
    const { id, tenantId } =
      typeof job === 'string'
        ? { id: job, tenantId: undefined }
        : { id: job?.id, tenantId: job?.tenantId ?? null }
    return [...this.#routes.made].filter(({ parts }) => parts.leases.count({ id, tenantId }) > 0)
  }
}
