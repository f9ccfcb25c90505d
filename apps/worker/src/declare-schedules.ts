import { setTimeout as delay } from 'node:timers/promises'
import { isJobsError, type JobQueue, type ScheduleSpec } from '@cgk/jobs-core'
import type { Logger } from 'pino'
import { usageError } from './exit-error.ts'
import type { LoadedWorker } from './load-worker.ts'

const PAUSE_MS = 5_000

interface Declaration {
  readonly queue: JobQueue
  readonly id: string
  readonly spec: ScheduleSpec
  readonly path: string
}

/** Goes on with what could not be declared yet; resolves when all is, or when the signal aborts. */
export type DeclareLater = (signal: AbortSignal) => Promise<void>

/**
 * Makes or changes the schedules that the config declares. Those that are as declared stay untouched, and
 * so do those that it does not name.
 *
 * @returns what goes on with those whose store does not answer.
 * @throws `ExitError` 2 for a schedule that cannot be, or whose job the queue does not have.
 */
export async function declareSchedules(
  loaded: LoadedWorker,
  queues: ReadonlyMap<string, JobQueue>,
  logger: Logger,
): Promise<DeclareLater> {
  const late: Declaration[] = []
  for (const declaration of declarationsOf(loaded, queues)) {
    try {
      await declare(declaration)
    } catch (error) {
      if (!isTemporary(error)) throw error
      late.push(declaration)
    }
  }
  return async (signal) => {
    for (const declaration of late) await declareInTheEnd(declaration, logger, signal)
  }
}

function declarationsOf(
  { settings, definitions }: LoadedWorker,
  queues: ReadonlyMap<string, JobQueue>,
): Declaration[] {
  const declarations: Declaration[] = []
  for (const [name, { schedules }] of settings.queues) {
    const jobs = new Set((definitions.get(name) ?? []).map((definition) => definition.name))
    for (const [id, spec] of Object.entries(schedules)) {
      const path = `queues.${name}.schedules.${id}`
      const job = typeof spec.job === 'string' ? spec.job : spec.job?.name
      if (!jobs.has(job)) throw usageError(`${path}: the queue has no job ${String(job)}`)
      declarations.push({ queue: queues.get(name)!, id, spec, path })
    }
  }
  return declarations
}

async function declare({ queue, id, spec, path }: Declaration): Promise<void> {
  try {
    await queue.schedule(id, spec)
  } catch (error) {
    if (!isJobsError(error) || error.retryable) throw error
    throw usageError(`${path}: ${error.message}`, { cause: error })
  }
}

async function declareInTheEnd(
  declaration: Declaration,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await declare(declaration)
    } catch (error) {
      logger.warn({ schedule: declaration.path, error }, 'a schedule waits for its store')
    }
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
  }
}

function isTemporary(error: unknown): boolean {
  return isJobsError(error) && error.retryable
}
