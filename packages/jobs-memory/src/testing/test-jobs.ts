import type {
  AnyJobDefinition,
  Clock,
  InputOf,
  Job,
  JobOptions,
  JobProcessor,
  JobQueue,
  JobQueueConfig,
  JobsRuntime,
  ProcessorConfig,
  ResultOf,
} from '@cgk/jobs-core'
import type { AdvanceOptions } from './clockwork.ts'
import type { ExpectedTenant } from './expectations.ts'
import type { PartOf } from './partial-match.ts'

/** What {@link createTestJobs} takes: what `createJobQueue` and `processJobs` take, and some more. */
export interface TestJobsConfig<TDefinitions extends readonly AnyJobDefinition[] = []>
  extends
    Omit<JobQueueConfig<TDefinitions>, 'name' | 'store' | 'runtime'>,
    Omit<ProcessorConfig, 'queue' | 'jobs'> {
  /** @defaultValue 'default' */
  readonly name?: string
  /** The instant at which time stands at first. @defaultValue 2026-01-05T09:00:00Z, a Monday */
  readonly at?: Date | string | number
  /**
   * Real milliseconds without any progress after which a running handler is reported as stuck; from 1.
   * Less than the 5 s after which test runners give up. @defaultValue 4000
   */
  readonly stuckAfter?: number
}

/** A processor beside the one of the test's queue; without `queue` it is one more of that queue. */
export interface TestProcessorConfig extends Omit<ProcessorConfig, 'queue'> {
  readonly queue?: JobQueue<never>
}

/** Options of a job that is run at once. */
export type RunOptions = Omit<JobOptions, 'delay' | 'scheduledAt' | 'uniqueKey'>

type PayloadOf<TJob, TJobs extends object> = TJob extends keyof TJobs ? TJobs[TJob] : InputOf<TJob>

/**
 * A queue, its workers and their time, all in the hand of a test: nothing runs and no time passes but
 * by {@link TestJobs.runUntilIdle} and {@link TestJobs.advance}.
 */
export interface TestJobs<TJobs extends object = Record<string, unknown>> {
  readonly queue: JobQueue<TJobs>
  /** The processor of the queue: takes further handlers and middleware. It starts by itself. */
  readonly processor: JobProcessor
  /** For further queues: `createJobQueue({ name, store: jobs.queue.store, runtime: jobs.runtime })`. */
  readonly runtime: JobsRuntime
  readonly clock: Clock
  /** Epoch milliseconds, as the jobs see them. */
  now(): number

  /**
   * Adds a processor that works when the test says so. As in production, each processor of a queue
   * should know all of its job names: it gives back what it does not know.
   *
   * @throws {@link JobsError} as `processJobs`
   */
  process(config: TestProcessorConfig): JobProcessor

  /**
   * Runs everything that is due, and what follows from it, until nothing more can happen without time
   * passing. Handlers may use real input and output: they are waited for.
   *
   * @throws `Error` when a handler has not ended after `stuckAfter`, naming its job; when jobs make
   * each other without end.
   */
  runUntilIdle(): Promise<void>

  /**
   * Lets time pass. Whatever falls due meanwhile (delays, retries, ticks of schedules, leases) happens
   * at its time and in its order, and time stands still while handlers run.
   *
   * @param ms - from 0.
   * @throws as {@link TestJobs.runUntilIdle}
   */
  advance(ms: number, options?: AdvanceOptions): Promise<void>

  /**
   * As {@link TestJobs.advance}, until it is that time.
   *
   * @param instant - not before {@link TestJobs.now}.
   */
  advanceTo(instant: Date | string | number, options?: AdvanceOptions): Promise<void>

  /**
   * Runs one job through its handler, within the middleware of {@link TestJobs.processor}, with a
   * context that works; its payload is checked first. It is not a job of the queue, but its follow-ups
   * are. There is one attempt.
   *
   * @returns what the handler returned as `data`.
   * @throws what the handler threw; `JobsError` as `JobQueue.enqueue`; `Error` where it was put off.
   */
  run<TJob extends AnyJobDefinition>(
    job: TJob,
    payload: InputOf<TJob>,
    options?: RunOptions,
  ): Promise<ResultOf<TJob>>

  /**
   * Every job the queue has had, or those of one name, in the order in which they were made: enqueued,
   * followed up, made by schedules and groups, in whatever status.
   */
  enqueued<TJob extends AnyJobDefinition | string>(
    job?: TJob,
    tenant?: ExpectedTenant,
  ): Promise<Job<PayloadOf<TJob, TJobs>, ResultOf<TJob>>[]>

  /**
   * Expects that there is such a job, in whatever status.
   *
   * @param payload - matches as a part: of objects any properties, of lists each element in part.
   * Matchers of test runners, as `expect.any(String)`, may be among it.
   * @returns the first that matches.
   * @throws `Error` with `expected` and `actual` that lists the jobs there are.
   */
  expectEnqueued<TJob extends AnyJobDefinition | string>(
    job: TJob,
    payload?: PartOf<PayloadOf<TJob, TJobs>>,
    tenant?: ExpectedTenant,
  ): Promise<Job<PayloadOf<TJob, TJobs>, ResultOf<TJob>>>

  /**
   * Expects that there is no such job.
   *
   * @throws as {@link TestJobs.expectEnqueued}
   */
  expectNotEnqueued<TJob extends AnyJobDefinition | string>(
    job: TJob,
    payload?: PartOf<PayloadOf<TJob, TJobs>>,
    tenant?: ExpectedTenant,
  ): Promise<void>

  /** Stops the workers, aborting what runs, and closes the store. */
  [Symbol.asyncDispose](): Promise<void>
}
