import { isJobsError, type JobQueue } from '@cgk/jobs-core'
import { usageError } from './exit-error.ts'
import type { LoadedWorker } from './load-worker.ts'

/**
 * Makes or changes the schedules that the config declares. Those that are as declared stay untouched, and
 * so do those that it does not name.
 *
 * @throws `ExitError` 2 for a schedule that cannot be, or whose job the queue does not have.
 */
export async function declareSchedules(
  { settings, definitions }: LoadedWorker,
  queues: ReadonlyMap<string, JobQueue>,
): Promise<void> {
  for (const [name, { schedules }] of settings.queues) {
    const queue = queues.get(name)!
    const jobs = new Set((definitions.get(name) ?? []).map((definition) => definition.name))
    for (const [id, spec] of Object.entries(schedules)) {
      const job = typeof spec.job === 'string' ? spec.job : spec.job?.name
      if (!jobs.has(job)) {
        throw usageError(`queues.${name}.schedules.${id}: the queue has no job ${String(job)}`)
      }
      try {
        await queue.schedule(id, spec)
      } catch (error) {
        if (!isJobsError(error) || error.retryable) throw error
        throw usageError(`queues.${name}.schedules.${id}: ${error.message}`, { cause: error })
      }
    }
  }
}
