import {
  type AnyJobDefinition,
  createJobQueue,
  isJobsError,
  type JobQueue,
  type JobsRuntime,
} from '@cgk/jobs-core'
import { usageError } from './exit-error.ts'
import type { LoadedWorker } from './load-worker.ts'
import type { WorkerStores } from './worker-stores.ts'

/**
 * Opens the worker's queues on their stores.
 *
 * @throws `ExitError` 2 for a name or a definition that is not allowed.
 */
export function openQueues(
  { settings, definitions }: LoadedWorker,
  stores: WorkerStores,
  runtime?: JobsRuntime,
): Map<string, JobQueue> {
  const queues = new Map<string, JobQueue>()
  for (const name of settings.queues.keys()) {
    const jobs: readonly AnyJobDefinition[] = definitions.get(name) ?? []
    try {
      queues.set(
        name,
        createJobQueue({
          name,
          store: stores.of(name),
          jobs,
          ...(settings.tenants && { tenants: [...settings.tenants] }),
          ...(runtime && { runtime }),
        }),
      )
    } catch (error) {
      if (isJobsError(error)) throw usageError(error.message, { cause: error })
      throw error
    }
  }
  return queues
}
