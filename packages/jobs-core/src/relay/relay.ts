import { checkSettings } from '../check-settings.ts'
import { JobsError } from '../errors.ts'
import { checkQueueName } from '../job/names.ts'
import { consoleLogger } from '../runtime/console-logger.ts'
import { guarded } from '../runtime/guarded-logger.ts'
import { type JobsRuntime, processRuntime } from '../runtime/jobs-runtime.ts'
import type { JobsLogger } from '../runtime/ports.ts'
import type { JobStore } from '../storage/job-store.ts'
import { QueueRelay } from './queue-relay.ts'

/** What {@link relay} takes. */
export interface RelayConfig {
  /** The store that jobs are taken from: the outbox. */
  readonly from: JobStore
  /** Another store, that they are taken to. */
  readonly to: JobStore
  /** The queues whose jobs are moved, each to the queue of the same name. */
  readonly queues: readonly string[]
  /** Hears of jobs that stay behind, and of stores that do not answer. @defaultValue the console */
  readonly logger?: JobsLogger
  /** A runtime of its own, for simulators and tests. @defaultValue the process's */
  readonly runtime?: JobsRuntime
}

/** Moves jobs from one store to another. */
export interface Relay {
  /** Begins to move jobs; returns at once. Again on a running one: nothing happens. */
  start(): void
  /**
   * Claims no more, lets the target answer what was offered, and gives the rest back. Resolves when the source
   * has it, or when the stores' deadlines have passed. Never rejects. A further call waits for the same end.
   */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const SETTINGS: Readonly<Record<keyof RelayConfig, true>> = {
  from: true,
  to: true,
  queues: true,
  logger: true,
  runtime: true,
}

/**
 * Makes a relay, which moves jobs that are due from one store to another; `start` begins. Any number of them may
 * run. So jobs that were enqueued in a transaction of Postgres are run from Redis.
 *
 * Each job is in the target exactly once, under the id that it had, whenever relays or stores die: it leaves the
 * source when the target has it, and what is offered again is found there. For that the target has to
 * remember a job that has ended for longer than it may take until it is offered again: see its `history`.
 *
 * A job keeps its tenant, name, payload, metadata, headers, priority, attempts, delay between them, timeout, limiter,
 * ordering or concurrency key, and unique key, with `keep`. Jobs of one ordering key arrive in their order. What
 * the target refuses stays in the source and is offered again: nothing is failed or dropped. Jobs of groups and of
 * schedules are not relayed, and reported.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`, `JOBS_INVALID_QUEUE_NAME`
 *
 * @example
 * ```ts
 * const outbox = createPostgresStore({ url: process.env.DATABASE_URL })
 * const store = createRedisStore({ url: process.env.REDIS_URL })
 * const moving = relay({ from: outbox, to: store, queues: ['default'] })
 * moving.start()
 * process.on('SIGTERM', () => moving.stop())
 * ```
 */
export function relay(config: RelayConfig): Relay {
  checkSettings('a relay', config, SETTINGS)
  const { from, to, queues, runtime = processRuntime() } = config
  checkStore('from', from)
  checkStore('to', to)
  if (from === to) throw invalid('from and to must be two stores')
  if (!Array.isArray(queues) || queues.length === 0) {
    throw invalid('queues must be a list of the names of queues')
  }
  const logger = guarded(config.logger ?? consoleLogger)
  const relays = [...new Set(queues.map(checkQueueName))].map(
    (queue) =>
      new QueueRelay({
        queue,
        from: runtime.sessionWith(from),
        to: runtime.sessionWith(to),
        ports: runtime.ports,
        logger,
      }),
  )
  let isStarted = false
  let stopped: Promise<void> | null = null
  const stop = (): Promise<void> => {
    const stopAll = async (): Promise<void> => {
      if (isStarted) await Promise.all(relays.map((each) => each.stop()))
    }
    return (stopped ??= stopAll())
  }
  return {
    start() {
      if (stopped !== null) throw invalid('the relay was stopped; make a new one')
      if (isStarted) return
      isStarted = true
      for (const each of relays) each.start()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function checkStore(name: string, store: JobStore): void {
  if (typeof store?.claim === 'function') return
  throw invalid(`${name} must be a store, what an adapter's create…Store returned`)
}

function invalid(message: string): JobsError {
  return new JobsError('JOBS_INVALID_CONFIG', message)
}
