import type { Job, JobQueue } from '@cgk/jobs-core'

const PAGE = 1_000

/** Every job that a queue has had, those included that its store keeps no longer. */
export class JobLog {
  readonly #queue: JobQueue
  readonly #lastKnown = new Map<string, Job<unknown>>()

  constructor(queue: JobQueue) {
    this.#queue = queue
    for (const type of ['enqueued', 'completed'] as const) {
      queue.on(type, ({ job }) => {
        this.#lastKnown.set(keyOf(job), job)
      })
    }
  }

  /** In the order in which they were made. */
  async list(): Promise<Job<unknown>[]> {
    const jobs = await this.#stored()
    const keys = new Set(jobs.map(keyOf))
    const forgotten = [...this.#lastKnown.values()].filter((job) => !keys.has(keyOf(job)))
    return [...forgotten, ...jobs].sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
  }

  // Not `listJobs`, which means the current tenant.
  async #stored(): Promise<Job<unknown>[]> {
    const { name: queue, store } = this.#queue
    const jobs: Job<unknown>[] = []
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<typeof store.list>> = await store.list({
        queue,
        limit: PAGE,
        ...(cursor !== null && { cursor }),
      })
      const read = await Promise.all(page.jobs.map((record) => this.#queue.getJob(record)))
      jobs.push(...read.filter((job) => job !== null))
      cursor = page.nextCursor
    } while (cursor !== null)
    return jobs.reverse()
  }
}

function keyOf({ id, tenantId }: Job<unknown>): string {
  return `${tenantId ?? ''}/${id}`
}
