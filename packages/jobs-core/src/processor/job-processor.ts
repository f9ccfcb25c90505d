import type { AnyJobDefinition } from '../job/define-job.ts'
import type { Job } from '../job/job.ts'
import type { HandlerMiddleware } from '../middleware/handler-middleware.ts'
import type { JobQueue } from '../queue/job-queue.ts'
import type { JobsLogger } from '../runtime/ports.ts'
import type { JobHandler } from './job-handler.ts'

/** What {@link processJobs} takes. Durations are milliseconds. */
export interface ProcessorConfig {
  readonly queue: JobQueue<never>
  /**
   * Handlers by job name. A definition's handler brings its definition's policy along. A name with no
   * handler is not failed: its jobs are released with a growing delay, and reported.
   */
  readonly handlers?: ReadonlyMap<string, JobHandler<never, unknown>>
  /** Definitions, each under its own name. */
  readonly jobs?: readonly AnyJobDefinition[]
  /** Attempts at once, 1 to 10,000. @defaultValue 5 */
  readonly maxConcurrency?: number
  /** How often to look when the store gave no sign; 10 to 3,600,000. @defaultValue 1000 */
  readonly pollInterval?: number
  /**
   * How long a job of a vanished worker stays hidden; renewed every third of it. From 1,000.
   * @defaultValue 3000
   */
  readonly leaseMs?: number
  /** How long `stop` waits for running attempts before it gives them back. @defaultValue 20000 */
  readonly gracePeriod?: number
  /** How long a timed-out attempt may take to notice its signal. @defaultValue 1000 */
  readonly timeoutGrace?: number
  /** Called after each failed attempt, once its outcome is stored. */
  readonly onError?: (job: Job<unknown>, error: Error) => unknown
  /** Called after the attempt that failed the job for good, once that is stored. */
  readonly onFailed?: (job: Job<unknown>, error: Error) => unknown
  /** Called after a job completed, once that is stored. */
  readonly onComplete?: (job: Job<unknown>, result: unknown) => unknown
  /**
   * Hears of this processor's trouble: failing claims, lost leases, a blocked event loop. What several
   * processors share (settling, heartbeats, upkeep) goes to the logger of the runtime, see
   * `createRuntime`. @defaultValue the console
   */
  readonly logger?: JobsLogger
}

/** What a processor is doing, for health checks and displays. */
export interface ProcessorStatus extends StoreStatus {
  /** Of a queue on the stores of many tenants: each by its name; the rest is all of them together. */
  readonly stores?: Readonly<Record<string, StoreStatus>>
}

/** What a processor is doing in one store. */
export interface StoreStatus {
  readonly state: 'idle' | 'running' | 'stopping' | 'stopped'
  /** Attempts in progress. */
  readonly running: number
  /** Jobs claimed and not begun. */
  readonly prefetched: number
  /** Since when (monotonic milliseconds ago) the store last answered a claim; `null` if never. */
  readonly lastClaimAgoMs: number | null
}

/** Runs the jobs of one queue. */
export interface JobProcessor {
  /** Begins to claim and run; returns at once. Again on a running one: nothing happens. */
  start(): void
  /**
   * Drains: claims no more, gives back what has not begun, lets what runs finish within the grace
   * period, then aborts it and gives it back. Resolves when every outcome is stored and the upkeep under way
   * has ended, or when the grace period and the store's deadline have passed. Never rejects. A further call
   * waits for the same end; with a shorter grace period it hastens it.
   */
  stop(options?: { readonly gracePeriod?: number }): Promise<void>
  /** Adds or replaces a handler, also while running. */
  registerHandler(name: string, handler: JobHandler<never, unknown>): void
  /** Adds or replaces a definition under its own name, also while running. */
  registerJob(definition: AnyJobDefinition): void
  /**
   * Adds a middleware around the handlers of this processor; the first added is the outermost. Also
   * while running: attempts that begin afterwards pass it. It runs in the tenant of the job, once its
   * payload is checked; jobs that no handler here knows do not reach it.
   *
   * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for what is not a function.
   *
   * @example
   * ```ts
   * processor.use(async (job, context, next) => {
   *   const startedAt = performance.now()
   *   try {
   *     return await next()
   *   } finally {
   *     metrics.record(job.name, performance.now() - startedAt)
   *   }
   * })
   * ```
   */
  use(middleware: HandlerMiddleware): void
  status(): ProcessorStatus
  [Symbol.asyncDispose](): Promise<void>
}
