import { type JobProcessor, type JobQueue, processJobs, type ProcessorConfig } from '@cgk/jobs-core'
import type { Logger } from 'pino'
import type { LoadedWorker } from './load-worker.ts'
import { jobFields, jobsLogger } from './logger.ts'

/** Makes a processor for each queue; none is started. */
export function makeProcessors(
  { settings, definitions }: LoadedWorker,
  queues: ReadonlyMap<string, JobQueue>,
  logger: Logger,
): Map<string, JobProcessor> {
  const processors = new Map<string, JobProcessor>()
  for (const [name, queue] of queues) {
    processors.set(
      name,
      processJobs({
        queue,
        jobs: definitions.get(name)!,
        maxConcurrency: settings.queues.get(name)!.concurrency,
        gracePeriod: settings.gracePeriod,
        logger: jobsLogger(logger),
        ...outcomeLog(logger),
      }),
    )
  }
  return processors
}

function outcomeLog(logger: Logger): Pick<ProcessorConfig, 'onError' | 'onFailed' | 'onComplete'> {
  return {
    onError(job, error) {
      if (job.status !== 'failed') logger.warn({ ...jobFields(job), error }, 'attempt failed')
    },
    onFailed(job, error) {
      logger.error({ ...jobFields(job), error }, 'job failed')
    },
    ...(logger.isLevelEnabled('debug') && {
      onComplete(job) {
        logger.debug(jobFields(job), 'job completed')
      },
    }),
  }
}
