import { createJobQueue, isJobsError, type JobQueue } from '@cgk/jobs-core'
import type { Route } from './enqueue-file.ts'
import type { LoadedWorker } from './load-worker.ts'
import type { WorkerStores } from './worker-stores.ts'

/**
 * Lines for this worker to run itself: the queue must be one it serves and the job one it knows,
 * lest the job wait for ever.
 */
export function routeToServed(
  { settings, definitions }: LoadedWorker,
  queues: ReadonlyMap<string, JobQueue>,
): Route {
  const names = new Map<string, ReadonlySet<string>>()
  for (const [queue, jobs] of definitions) names.set(queue, new Set(jobs.map(({ name }) => name)))
  return withTenants(settings.tenants, (job) => {
    const queue = queues.get(job.queue)
    if (queue === undefined) return unlisted('queue', job.queue, queues.keys())
    if (names.get(job.queue)?.has(job.name) === true) return queue
    return { problem: `no job definition of queue ${job.queue} is named ${quote(job.name)}` }
  })
}

/**
 * Lines for any worker to run: the queue is one of the config's, or any when the config lists none.
 */
export function routeToStored(
  { settings }: LoadedWorker,
  queues: ReadonlyMap<string, JobQueue>,
  stores: WorkerStores,
): Route {
  const known = new Map(queues)
  return withTenants(settings.tenants, (job) => {
    const queue = known.get(job.queue)
    if (queue !== undefined) return queue
    if (settings.queuesAreListed) return unlisted('queue', job.queue, queues.keys())
    try {
      const opened: JobQueue = createJobQueue({ name: job.queue, store: stores.of(job.queue) })
      known.set(job.queue, opened)
      return opened
    } catch (error) {
      if (isJobsError(error)) return { problem: error.message }
      throw error
    }
  })
}

function withTenants(tenants: ReadonlySet<string> | null, route: Route): Route {
  if (tenants === null) return route
  return (job) => {
    const { tenantId } = job.options
    if (tenantId === undefined || tenants.has(tenantId)) return route(job)
    return unlisted('tenant', tenantId, tenants)
  }
}

function unlisted(kind: string, name: string, known: Iterable<string>): { problem: string } {
  return { problem: `${kind} ${quote(name)} is not one of the config's: ${[...known].join(', ')}` }
}

function quote(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name)
}
