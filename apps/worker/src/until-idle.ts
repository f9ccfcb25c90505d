import { setTimeout as delay } from 'node:timers/promises'
import type { JobProcessor, JobQueue } from '@cgk/jobs-core'
import type { Logger } from 'pino'

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 500

/** What {@link untilIdle} watches. */
export interface IdleWatch {
  readonly queues: readonly JobQueue[]
  readonly processors: readonly JobProcessor[]
  readonly logger: Logger
  readonly signal: AbortSignal
}

/**
 * Resolves with `true` when no queue holds a job that is pending, scheduled, retrying or running,
 * with `false` when the signal aborts.
 *
 * While jobs run here the stores are not asked. Then they are, every 50 milliseconds at first and
 * every half second when the wait is for jobs of a later time or of other workers.
 */
export async function untilIdle({
  queues,
  processors,
  logger,
  signal,
}: IdleWatch): Promise<boolean> {
  let pauseMs = FIRST_PAUSE_MS
  while (!signal.aborted) {
    if (!processors.every(isAtRest)) {
      pauseMs = FIRST_PAUSE_MS
    } else {
      // Twice: between looks at two queues, the job of one may have put a job into the other.
      if ((await areEmpty(queues, logger)) && (await areEmpty(queues, logger))) return true
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
    await delay(pauseMs, undefined, { signal }).catch(() => {})
  }
  return false
}

function isAtRest(processor: JobProcessor): boolean {
  const { running, prefetched } = processor.status()
  return running === 0 && prefetched === 0
}

async function areEmpty(queues: readonly JobQueue[], logger: Logger): Promise<boolean> {
  for (const queue of queues) {
    try {
      const { pending, scheduled, retrying, running } = await queue.counts()
      if (pending + scheduled + retrying + running > 0) return false
    } catch (error) {
      logger.warn({ queue: queue.name, error }, 'the queue cannot be counted; it is counted again')
      return false
    }
  }
  return true
}
