import { checkSettings } from '../check-settings.ts'
import { JobsError } from '../errors.ts'
import { checkDefinitionList } from '../job/definition-registry.ts'
import { internalsOf, type StoreQueueInternals } from '../queue/queue-internals.ts'
import { consoleLogger } from '../runtime/console-logger.ts'
import { guarded } from '../runtime/guarded-logger.ts'
import { RoutedProcessor } from '../tenants/routed-processor.ts'
import { HandlerRegistry } from './handler-registry.ts'
import type { JobProcessor, ProcessorConfig } from './job-processor.ts'
import { QueueProcessor } from './queue-processor.ts'
import { OwnSlots, type Slots } from './slots.ts'

const DEFAULT_CONCURRENCY = 5
const DEFAULT_POLL_MS = 1_000
const DEFAULT_LEASE_MS = 3_000
const DEFAULT_GRACE_MS = 20_000
const DEFAULT_TIMEOUT_GRACE_MS = 1_000
const LONGEST_MS = 2 ** 31 - 1

const SETTINGS: Readonly<Record<keyof ProcessorConfig, true>> = {
  queue: true,
  handlers: true,
  jobs: true,
  maxConcurrency: true,
  pollInterval: true,
  leaseMs: true,
  gracePeriod: true,
  timeoutGrace: true,
  onError: true,
  onFailed: true,
  onComplete: true,
  logger: true,
}

/**
 * Makes a processor for a queue; `start` begins.
 *
 * Each job is handled at least once, by one attempt at a time; its outcome is recorded exactly once.
 * Jobs run by priority, then in the order in which they became known, within each tenant.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`, `JOBS_INVALID_JOB_NAME`, `JOBS_INVALID_OPTION`
 *
 * @example
 * ```ts
 * const processor = processJobs({ queue, jobs: [syncInventoryJob], maxConcurrency: 5 })
 * processor.start()
 * process.on('SIGTERM', () => processor.stop())
 * ```
 */
export function processJobs(config: ProcessorConfig): JobProcessor {
  const internals = internalsOf(config.queue)
  checkSettings('a processor', config, SETTINGS)
  const { onError, onFailed, onComplete } = config
  const { ports } = internals.runtime
  const logger = guarded(config.logger ?? consoleLogger)
  const maxConcurrency = whole(
    'maxConcurrency',
    config.maxConcurrency ?? internals.maxConcurrency,
    DEFAULT_CONCURRENCY,
    [1, 10_000],
  )
  const shared = {
    queue: config.queue.name,
    runtime: internals.runtime,
    sizes: internals.sizes,
    newJobs: internals.newJobs,
    handlers: new HandlerRegistry(internals.sizes.nameLength),
    pollIntervalMs: whole(
      'pollInterval',
      config.pollInterval ?? internals.pollInterval,
      DEFAULT_POLL_MS,
      [10, 3_600_000],
    ),
    leaseMs: whole('leaseMs', config.leaseMs, DEFAULT_LEASE_MS, [1_000, LONGEST_MS]),
    gracePeriodMs: whole('gracePeriod', config.gracePeriod, DEFAULT_GRACE_MS, [0, LONGEST_MS]),
    timeoutGraceMs: whole('timeoutGrace', config.timeoutGrace, DEFAULT_TIMEOUT_GRACE_MS, [
      0,
      LONGEST_MS,
    ]),
    callbacks: {
      ...(onError !== undefined && { onError }),
      ...(onFailed !== undefined && { onFailed }),
      ...(onComplete !== undefined && { onComplete }),
    },
    logger,
  }
  const processorOn = ({ session, tickJobs }: StoreQueueInternals, slots: Slots): JobProcessor =>
    new QueueProcessor({ ...shared, session, tickJobs, slots })
  const processor =
    internals.routes === undefined
      ? processorOn(internals, new OwnSlots(maxConcurrency))
      : new RoutedProcessor({
          routes: internals.routes,
          ports,
          logger,
          maxConcurrency,
          handlers: shared.handlers,
          processorFor: (place, slots) => processorOn(place.internals, slots),
        })
  for (const definition of checkDefinitionList(config.jobs)) processor.registerJob(definition)
  for (const [name, handler] of checkHandlers(config.handlers))
    processor.registerHandler(name, handler)
  return processor
}

function checkHandlers(
  handlers: ProcessorConfig['handlers'] = new Map(),
): NonNullable<ProcessorConfig['handlers']> {
  if (typeof handlers?.[Symbol.iterator] === 'function') return handlers
  throw new JobsError('JOBS_INVALID_CONFIG', 'handlers must be a Map by job name')
}

function whole(
  name: string,
  given: number | undefined,
  fallback: number,
  [min, max]: readonly [number, number],
): number {
  const value = given ?? fallback
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new JobsError(
    'JOBS_INVALID_CONFIG',
    `${name} must be a whole number from ${min} to ${max}, not ${String(value)}`,
  )
}
